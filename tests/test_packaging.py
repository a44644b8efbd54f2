"""What is installed is what is here: the list of packages, the pins, the commands, the wheel, the extras."""

import fnmatch
import importlib
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("animate", "models", "train", "demos")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def test_packages_are_those_of_the_tree():
    """An editable install finds a package that the list lacks; the wheel would lack it in silence."""
    tree = {
        ".".join(["gfla", *path.parent.relative_to(ROOT).parts]): str(path.parent.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("__init__.py")
    } | {"gfla": "."}  # `python -m gfla`
    assert set(SETUPTOOLS["packages"]) == set(tree)
    assert SETUPTOOLS["package-dir"] == tree
    assert not (ROOT / "__init__.py").exists(), "gfla is a namespace package"


def test_every_python_file_is_in_a_package():
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            assert (path.parent / "__init__.py").exists(), path


def package_data() -> set[str]:
    """Paths in the wheel of the files that the package-data patterns name."""
    found = set()
    for package, patterns in SETUPTOOLS["package-data"].items():
        folder = ROOT / SETUPTOOLS["package-dir"][package]
        for pattern in patterns:
            files = {path for path in folder.glob(pattern) if path.is_file()}
            assert files, f"{package}: nothing matches {pattern}"
            found |= {f"gfla/{path.relative_to(ROOT).as_posix()}" for path in files}
    return found


@pytest.mark.slow
def test_wheel_holds_everything_and_nothing_else(tmp_path):
    checkout = (
        tmp_path / "checkout"
    )  # a copy, for setuptools leaves a build folder that would get into the next wheel
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "__main__.py"):
        shutil.copy(ROOT / name, checkout)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    built = subprocess.run([*command, str(checkout)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "gfla",
        f"gfla-{PROJECT['project']['version']}.dist-info",
    }
    sources = {
        f"gfla/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }
    expected = sources | package_data() | {"gfla/__main__.py"}
    assert {"gfla/animate/assets/driver.mp4", "gfla/animate/assets/astronaut.jpg"} <= expected
    assert {"gfla/models/weights/LICENSE"} <= expected
    assert {name for name in names if name.startswith("gfla/")} == expected
    assert len(fnmatch.filter(names, "*.dist-info/licenses/*LICENSE")) == 2


def test_shipped_material_is_small():
    assert sum(path.stat().st_size for path in (ROOT / "animate/assets").iterdir()) < 1_000_000
    assert sum(path.stat().st_size for path in (ROOT / "models/weights").iterdir()) < 16_000_000


def test_commands_lead_somewhere():
    for command, target in PROJECT["project"]["scripts"].items():
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function)), command


@pytest.mark.slow
def test_the_package_lists_the_commands():
    done = subprocess.run([sys.executable, "-m", "gfla"], capture_output=True, text=True, check=True)
    assert all(command in done.stdout for command in PROJECT["project"]["scripts"])


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def requirements() -> list[Requirement]:
    extras = PROJECT["project"]["optional-dependencies"]
    texts = [*PROJECT["project"]["dependencies"], *(text for extra in extras.values() for text in extra)]
    return [found for text in texts if (found := Requirement(text)).name != "gfla"]


@pytest.mark.parametrize("needed", requirements(), ids=str)
def test_every_requirement_is_pinned_within_its_range(needed):
    pinned = pins()[canonicalize_name(needed.name)]
    assert needed.specifier.contains(pinned), f"{needed} but constraints.txt says {pinned}"


def test_pins_are_names_and_versions_alone():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert line.startswith("#") or re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line), line
    assert pins()["torch"] == "2.13.0"
    assert int(pins()["opencv-python"].split(".")[0]) < 5


def test_pins_are_what_is_installed():
    """Whatever of constraints.txt is here has that version: the tests speak of the pinned set."""
    for name, version in pins().items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        assert installed.split("+")[0] == version, name


def test_extra_all_is_every_extra():
    extras = PROJECT["project"]["optional-dependencies"]
    assert len(extras["all"]) == 1
    assert Requirement(extras["all"][0]).extras == set(extras) - {"all"}


@pytest.mark.slow
def test_extras_are_imported_lazily():
    """Importing the product imports none of what is optional or slow; kernels alone are all Triton."""
    lazy = ["kornia", "face_alignment", "gradio", "skimage", "tensorboard", "ray"]
    lazy += ["openvino", "triton"]
    modules = [
        ".".join(["gfla", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__")
        for folder in ("animate", "models")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name not in ("__main__.py", "triton_warp.py", "triton_attention.py")
    ]
    assert "gfla.animate" in modules
    code = f"import sys, {', '.join(modules)}; print([name for name in {lazy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
