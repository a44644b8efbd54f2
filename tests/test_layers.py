"""Who may import whom, and how long a file may be: the shape of the house, held by reading its sources."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "models": {"models"},
    "animate": {"animate", "models"},
    "train": {"train", "animate", "models"},
    "demos": {"demos", "animate", "models"},
}
SOURCES = sorted(path for layer in MAY_IMPORT for path in (ROOT / layer).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(source: str, package: str) -> Iterator[tuple[str, int]]:
    """(absolute dotted name, level of the import statement) of all that a module of `package` imports."""
    inside = package.split(".")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            yield from ((".".join([*base, alias.name]), node.level) for alias in node.names)


def test_sources_found():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(MAY_IMPORT)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_layer_imports_only_what_it_may(path):
    layer = path.relative_to(ROOT).parts[0]
    package = ".".join(["gfla", *path.relative_to(ROOT).parts[:-1]])
    for imported, level in imports(path.read_text(), package):
        parts = imported.split(".")
        assert level or parts[0] not in MAY_IMPORT, f"{imported}: our folders are called gfla.{parts[0]}"
        if parts[0] == "gfla":
            assert len(parts) > 1, "import gfla.something: gfla itself is empty"
            assert parts[1] in MAY_IMPORT[layer], f"{layer} may not import {imported}"
            if layer == "demos":
                assert level == 0, f"{imported}: demos import as a user does, by absolute name"
            else:
                assert level > 0, (
                    f"{imported}: relative inside the package, so that it means the same on disk"
                )


def test_imports_are_read_as_python_does():
    source = (
        "import os.path\nfrom ...models import ops\nfrom . import options\ndef f(): from gfla.train import x"
    )
    assert dict(imports(source, "gfla.animate.cli")) == {
        "os.path": 0,
        "gfla.models.ops": 3,
        "gfla.animate.cli.options": 1,
        "gfla.train.x": 0,
    }


@pytest.mark.parametrize("path", [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))], ids=name)
def test_file_is_short_and_says_what_it_is(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 350, "split it by idea"
    assert ast.get_docstring(ast.parse(text)), "line 1 says in one sentence what the file is and why"


def test_no_grab_bags():
    bad = {"utils", "util", "common", "helpers", "misc"}
    for path in SOURCES:
        for part in path.relative_to(ROOT).with_suffix("").parts:
            assert part not in bad, f"{name(path)}: a helper lives beside its user"
            assert not part.startswith("base_"), f"{name(path)}: named for what it is, not for who inherits"
