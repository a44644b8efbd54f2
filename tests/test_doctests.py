"""Runs the examples in the docstrings, so that they stay true."""

import doctest
import importlib
import pkgutil
from importlib.util import find_spec

import pytest

FOLDERS = ("animate", "models", "train", "demos")


def module_names() -> list[str]:
    # Walked by name: gfla is a namespace package, and its __path__ may show no folders.
    names = []
    for folder in FOLDERS:
        package = importlib.import_module(f"gfla.{folder}")
        names.append(package.__name__)
        names += [found.name for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    return [name for name in names if not name.endswith("__main__")]


NAMES = module_names()


def test_every_folder_was_walked():
    assert "gfla.animate.synthetic.talking_head.acting" in NAMES
    assert {name.split(".")[1] for name in NAMES} == set(FOLDERS)


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    if name.startswith("gfla.models.ops.triton_") and find_spec("triton") is None:
        pytest.skip("triton is not installed, as it is with torch for CUDA")
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
