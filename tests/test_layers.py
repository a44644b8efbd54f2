"""The project's shape, read from its sources: who may import whom, no import circles, short files."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "models": {"models"},
    "animate": {"animate", "models"},
    "train": {"train", "animate", "models"},
    "demos": {"demos", "animate", "models"},
}
ORDER = {
    "models": [
        "openvino, tracker, variants, discriminator, matte, released",
        "weights",
        "attention_flow, original",
        "generator",
        "attention, frames",
        "flow",
        "priors",
        "layers, ops",
        "config",
    ],
    "animate": [
        "__main__",
        "cli",
        "batch, inspection, pose_transfer",
        "animator",
        "streaming",
        "stages",
        "source_video",
        "networks",
        "state",
        "motion, compositing",
        "face",
        "matting",
        "compute",
        "video, synthetic",
        "options",
        "declare",
        "io",
        "authors",
        "structure",
        "ibug68, errors, lazy",
    ],
    "train": [
        "cli, ablation",
        "evaluation, launch",
        "face, dry_run",
        "trainer",
        "critics, rollout",
        "muon, processes, precision, options",
        "record",
        "losses",
        "data",
        "config",
    ],
    "train.ablation": [
        "figures",
        "papers, faces, parts",
        "scores, table, variants, sampling_gradients, editing_sheet",
    ],
    "train.data": [
        "samples, prepare",
        "shards",
        "closeups, faces, mattes, pairs",
        "index, drawing",
        "clips",
        "augment, layers, photo, flow_teacher, reading",
    ],
    "train.data.prepare": [
        "run",
        "report",
        "ledger",
        "worker",
        "clip_files",
        "lists",
        "footage",
        "options",
    ],
    "train.data.reading": ["compressed, workers", "cache"],
    "train.evaluation": [
        "report, fine_tuning",
        "follow, self_reenactment, cross_reenactment, pairs, detail, motion_gain, mattes",
        "metrics, pretrained_metrics, fooling_study, motion_scores",
    ],
    "train.face": ["train, evaluate", "samples, morphable_model", "faces"],
    "train.record": ["journal, checkpoint", "tracking, sample_grid, evaluations"],
    "train.losses": ["pairs", "objective", "perceptual, terms, landmarks, matte"],
    "demos": ["animate, batch, client, contact_sheet, look_inside, webcam, app"],
    "demos.app": ["__main__", "cli", "server", "page", "api", "tabs", "render", "visitors", "ui"],
}
"""Folders and modules of a package from top to bottom: each imports, of these, only what stands on a line
below."""
SOURCES = sorted(path for layer in MAY_IMPORT for path in (ROOT / layer).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def dotted(path: Path) -> str:
    """animate/video/__init__.py -> animate.video"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def nodes(tree: ast.AST, types: bool) -> Iterator[ast.AST]:
    """All nodes of a module; without `types`, not those that only a type checker sees."""
    yield tree
    children = list(ast.iter_child_nodes(tree))
    if isinstance(tree, ast.If) and not types and ast.unparse(tree.test).endswith("TYPE_CHECKING"):
        children = list(tree.orelse)
    for child in children:
        yield from nodes(child, types)


def imports(source: str, package: str, types: bool = True) -> Iterator[tuple[str, int]]:
    """(absolute dotted name, level of the import statement) of everything a module of `package` imports."""
    inside = package.split(".")
    for node in nodes(ast.parse(source), types):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            yield from ((".".join([*base, alias.name]), node.level) for alias in node.names)


@cache
def graph(layer: str) -> dict[str, set[str]]:
    """The imports among the modules of a layer, at the top of a file or in a function."""
    paths = {dotted(path): path for path in SOURCES if dotted(path).split(".")[0] == layer}
    found: dict[str, set[str]] = {}
    for module, path in paths.items():
        package = ".".join(["gfla", *path.relative_to(ROOT).parts[:-1]])
        names = [n.removeprefix("gfla.") for n, _ in imports(path.read_text(), package, types=False)]
        needed = {name if name in paths else name.rpartition(".")[0] for name in names}
        found[module] = needed & paths.keys() - {module}
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one import circle, the first repeated at the end; empty if there is none."""
    left = dict(graph)
    while leaves := [module for module, needed in left.items() if not needed & left.keys()]:
        for module in leaves:
            del left[module]
    way: list[str] = []
    module = min(left, default="")
    while left and module not in way:
        way.append(module)
        module = min(left[module] & left.keys())
    return [*way[way.index(module) :], module] if way else []


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_no_import_circle(layer):
    assert not circle(graph(layer))


@pytest.mark.parametrize("package", ORDER)
def test_folders_import_only_downwards(package):
    rank = {room: line for line, rooms in enumerate(ORDER[package]) for room in rooms.split(", ")}
    inside = package + "."
    modules = {
        module: needed for module, needed in graph(package.split(".")[0]).items() if module.startswith(inside)
    }
    assert {module.removeprefix(inside).split(".")[0] for module in modules} == rank.keys()
    wrong = []
    for module, needed in modules.items():
        room = module.removeprefix(inside).split(".")[0]
        for other in sorted(name for name in needed if name.startswith(inside)):
            below = other.removeprefix(inside).split(".")[0]
            if room != below and rank[below] <= rank[room]:
                wrong.append(f"{module} imports {other}")
    assert not wrong


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": set()}) == ["b", "c", "b"]
    assert circle({"a": {"b"}, "b": set()}) == []


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
    typed = "if TYPE_CHECKING:\n    import x\nelse:\n    import y"
    assert dict(imports(typed, "gfla.animate")).keys() == {"x", "y"}
    assert dict(imports(typed, "gfla.animate", types=False)).keys() == {"y"}


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
