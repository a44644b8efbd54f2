"""The error for bad input: one sentence in the user's words, so that commands print it and nothing else."""


class InputError(ValueError):
    """What was given cannot be used; the message is one sentence that names it and says what to do."""
