"""The one error that users see: bad input, said in a sentence, so that every command can print it without a
traceback."""


class InputError(ValueError):
    """Bad input from the user; the message is one sentence naming the file or option and what to do."""
