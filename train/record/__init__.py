"""What a run leaves behind: its journal, pictures and checkpoints, and what evaluations said of them."""
