"""`import sketchwidgets` is light, and every public name is there."""

import json
import subprocess
import sys
import tomllib

import pytest

import sketchwidgets as sw

HEAVY = (
    "lightning",
    "torchvision",
    "torchmetrics",
    "ipywidgets",
    "anywidget",
    "bqplot",
    "matplotlib",
    "PIL",
    "typer",
)


def modules_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after one statement."""
    code = f"import sys, json\n{statement}\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_import_loads_nothing_heavy():
    loaded = modules_after("import sketchwidgets")
    assert "sketchwidgets" in loaded
    assert not loaded & {*HEAVY, "torch"}


def test_lower_floors_know_no_browser():
    loaded = modules_after(
        "import sketchwidgets as sw; sw.Sketch, sw.Recognizer, sw.project, sw.models, sw.training, sw.studies"
    )
    assert "torch" in loaded
    assert not loaded & {
        "lightning",
        "torchmetrics",
        "ipywidgets",
        "anywidget",
        "bqplot",
        "matplotlib",
        "IPython",
        "google",
        "h5py",
        "scipy",
        "skimage",
        "sklearn",
        "torchvision",
    }


@pytest.mark.parametrize("name", sw.__all__)
def test_public_name_resolves(name):
    value = getattr(sw, name)
    assert value is not None
    assert name in dir(sw)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Sketchh'"):
        _ = sw.Sketchh


def test_version_is_the_one_of_the_project_file(repository):
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert sw.__version__ == project["version"]
