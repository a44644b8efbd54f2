"""Whether an error means that memory ran out: each library says so in a way of its own."""

import errno

_WORDS = (  # of what has neither a type nor a number for it: torch, the dynamic linker, Python's threads
    "can't allocate memory",
    "cannot allocate memory",
    "failed to map segment",
    "can't start new thread",
    "could not create a primitive",
)
_CV2_NO_MEMORY = -4


def lacks_memory(error: BaseException) -> bool:
    """Whether memory, or the limit that a process has of it, was too small."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    if getattr(error, "code", None) == _CV2_NO_MEMORY and type(error).__module__ == "cv2":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError | ImportError | OSError) and any(word in text for word in _WORDS)
