"""Names of a package that load on first use, so that importing the package loads nothing heavy."""

from collections.abc import Callable, Mapping
from importlib import import_module


def load_on_first_use(package: str, homes: Mapping[str, str]) -> Callable[[str], object]:
    """A package's `__getattr__` (PEP 562). homes: the module, relative to `package`, of each name."""

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{homes[name]}", package), name)

    return get
