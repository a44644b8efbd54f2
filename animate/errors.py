"""What ends a command early, in one sentence: bad input, or somebody who stopped it."""


class InputError(ValueError):
    """What was given cannot be used; the message is one sentence that names it and says what to do."""


class Stopped(KeyboardInterrupt):
    """Somebody stopped the work; the message says what is left of it."""
