"""The documents speak of things that exist: files, make targets and commands that they tell you to type."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "animate/assets/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
MADE = (
    "outputs/",
    "clips/",
    "dataset/",
    "drawn/",
    "editable_mode",
)  # what the commands write, not what is here


def words(document: Path) -> set[str]:
    """What stands in backticks or in an indented command line."""
    text = document.read_text()
    lines = re.findall(r"^    (\S.*)$", text, re.M)
    return set(re.findall(r"`([^`\n]+)`", text)) | {word for line in lines for word in line.split()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_named_exist(document):
    for word in words(document):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)+\.(py|md|jpg|mp4|toml|txt|png)", word) and not word.startswith(
            MADE
        ):
            assert (ROOT / word).exists(), f"{document.name} names {word}"
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_make_targets_named_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {target for path in DOCUMENTS for target in re.findall(r"\bmake ([a-z]+)\b", path.read_text())}
    assert {"demo", "test", "check"} <= targets
    assert named & targets == {"demo", "test", "check", "bench"}


def test_commands_named_are_installed():
    scripts = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"])
    named = {name for path in DOCUMENTS for name in re.findall(r"\bgfla-[a-z]+\b", path.read_text())}
    assert {"gfla-animate", "gfla-train"} <= named <= scripts


def test_nothing_names_a_registry_or_a_folder_of_this_machine():
    for name in ("Makefile", "constraints.txt", "pyproject.toml", ".ci/run"):
        text = (ROOT / name).read_text()
        assert not re.search(r"index.url|find.links|://", text)
