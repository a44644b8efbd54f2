"""Both papers' ablations and figures, a command each."""
