"""The wheel: built offline and without node, and holding everything that `sketchwidgets lab` needs."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="building needs the test extra")

BUNDLE = {"sketchwidgets/static/sketchwidgets.js", "sketchwidgets/static/sketchwidgets.css"}


def build(source: Path, target: str, output: Path, **environment: str) -> Path:
    """Build "wheel" or "sdist" with npm out of reach; CalledProcessError holds what was printed."""
    nothing = output.parent / "no-programs"
    nothing.mkdir(exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(output)],
        cwd=source,
        env={**os.environ, "PATH": str(nothing), "PYTHONWARNINGS": "default", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    (built,) = output.iterdir()
    return built


@pytest.fixture(scope="module")
def sdist(repository, tmp_path_factory) -> Path:
    return build(repository, "sdist", tmp_path_factory.mktemp("sdist") / "dist")


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return source


@pytest.fixture(scope="module")
def wheel(unpacked, tmp_path_factory) -> Path:
    """A wheel built from the source distribution, so that both are tried."""
    return build(unpacked, "wheel", tmp_path_factory.mktemp("wheel") / "dist")


@pytest.fixture(scope="module")
def members(wheel) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_what_the_checkout_holds(members, repository):
    tracked = subprocess.run(
        ["git", "ls-files", "sketchwidgets"], cwd=repository, capture_output=True, text=True, check=False
    )
    if tracked.returncode:
        pytest.skip("not a git checkout")
    assert set(tracked.stdout.split()) <= members


def test_wheel_holds_bundle_weights_notebooks_and_licence(members, repository):
    assert members >= BUNDLE
    assert any(
        name.startswith("sketchwidgets/models/weights/") and name.endswith(".safetensors") for name in members
    )
    notebooks = {
        f"sketchwidgets/notebooks/{path.name}" for path in (repository / "notebooks").glob("*.ipynb")
    }
    assert notebooks
    assert members >= notebooks
    measured = {f"sketchwidgets/results/{path.name}" for path in (repository / "docs/results").glob("*.json")}
    assert measured
    assert members >= measured
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in members)


def test_wheel_is_pure_and_small(wheel):
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.stat().st_size < 42e6  # of which weights 40


def test_wheel_holds_no_leftovers_and_no_tests(members):
    tops = {name.split("/")[0] for name in members}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"sketchwidgets"}
    assert not [name for name in members if "__pycache__" in name or ".ipynb_checkpoints" in name]


def test_wheel_names_no_path_of_the_machine_that_built_it(wheel, repository):
    names = [str(repository).encode(), str(Path.home()).encode() + b"/"]
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            content = archive.read(member)
            assert not [name for name in names if name in content], member


def test_an_installed_wheel_finds_its_notebooks(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    code = "from sketchwidgets import _lab; print(*_lab.bundled_notebooks(), sep='\\n')"
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert Path(found[0]) == tmp_path / "site" / "sketchwidgets" / "notebooks" / "01-draw-and-recognize.ipynb"


def test_without_bundle_and_npm_the_build_names_npm(unpacked, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(unpacked, source)
    (source / "sketchwidgets/static/sketchwidgets.js").unlink()
    with pytest.raises(subprocess.CalledProcessError) as failure:
        build(source, "wheel", tmp_path / "dist")
    assert "that needs npm, which is not on PATH" in failure.value.stderr


def test_a_rebuild_of_the_bundle_can_be_asked_for(unpacked, tmp_path):
    with pytest.raises(subprocess.CalledProcessError) as failure:
        build(unpacked, "wheel", tmp_path / "dist", SKETCHWIDGETS_BUILD_JS="1")
    assert "that needs npm" in failure.value.stderr
