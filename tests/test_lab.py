"""`sketchwidgets lab`: whose notebooks it opens, and that a user's own work is never overwritten."""

import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sketchwidgets import _lab
from sketchwidgets.cli import app


@pytest.fixture
def notebooks(tmp_path) -> list[Path]:
    folder = tmp_path / "bundled"
    folder.mkdir()
    paths = [folder / "01-first.ipynb", folder / "02-second.ipynb"]
    for path in paths:
        path.write_text(json.dumps({"name": path.stem}))
    return paths


def test_the_checkout_has_notebooks_and_the_first_is_the_drawing_one():
    names = [path.name for path in _lab.bundled_notebooks()]
    assert names[0] == "01-draw-and-recognize.ipynb"
    assert names == sorted(names)


def test_an_installation_without_notebooks_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(_lab, "__file__", str(tmp_path / "sketchwidgets" / "_lab.py"))
    with pytest.raises(_lab.LabError, match="holds no notebooks"):
        _lab.bundled_notebooks()


def test_notebooks_inside_the_package_come_first(tmp_path, monkeypatch):
    for folder in (tmp_path / "sketchwidgets" / "notebooks", tmp_path / "notebooks"):
        folder.mkdir(parents=True)
        (folder / "01.ipynb").write_text("{}")
    monkeypatch.setattr(_lab, "__file__", str(tmp_path / "sketchwidgets" / "_lab.py"))
    assert _lab.bundled_notebooks() == [tmp_path / "sketchwidgets" / "notebooks" / "01.ipynb"]


def test_copies_into_a_new_folder_and_leaves_equal_files(tmp_path, notebooks):
    folder = tmp_path / "deep" / "mine"
    first = _lab.copy_notebooks(notebooks, folder)
    assert first == _lab.Copied(new=(folder / "01-first.ipynb", folder / "02-second.ipynb"), kept=())
    assert [path.read_bytes() for path in first.new] == [path.read_bytes() for path in notebooks]
    assert _lab.copy_notebooks(notebooks, folder) == _lab.Copied(new=(), kept=())


def test_a_changed_notebook_is_kept(tmp_path, notebooks):
    folder = tmp_path / "mine"
    _lab.copy_notebooks(notebooks, folder)
    (folder / "01-first.ipynb").write_text("my own work")
    (folder / "02-second.ipynb").unlink()
    copied = _lab.copy_notebooks(notebooks, folder)
    assert copied == _lab.Copied(new=(folder / "02-second.ipynb",), kept=(folder / "01-first.ipynb",))
    assert (folder / "01-first.ipynb").read_text() == "my own work"


def test_the_folder_of_the_notebooks_itself_needs_no_copy(notebooks):
    assert _lab.copy_notebooks(notebooks, notebooks[0].parent) == _lab.Copied(new=(), kept=())


def test_a_file_in_the_way_is_named(tmp_path, notebooks):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(_lab.LabError, match=r"into .*file: .*--dir"):
        _lab.copy_notebooks(notebooks, blocked)


def test_arguments(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    plain = _lab.lab_arguments(tmp_path, "01.ipynb")
    assert plain == [f"--ServerApp.root_dir={tmp_path}", "--LabApp.default_url=/lab/tree/01.ipynb"]
    assert _lab.lab_arguments(tmp_path, "01.ipynb", port=9000, browser=False) == [
        *plain,
        "--ServerApp.port=9000",
        "--no-browser",
    ]
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert _lab.lab_arguments(tmp_path, "01.ipynb") == [*plain, "--allow-root"]


def test_command_reports_an_error_on_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["lab", "--dir", "file"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Cannot put the notebooks into")
    assert "Traceback" not in result.output


def test_command_without_jupyterlab_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    result = CliRunner().invoke(app, ["lab", "--dir", str(tmp_path / "mine")])
    assert result.exit_code == 1
    assert "Copied 01-draw-and-recognize.ipynb" in result.stdout
    assert "pip install jupyterlab" in result.stderr


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_command_refuses_a_port_that_is_none(port):
    result = CliRunner().invoke(app, ["lab", "--port", port])
    assert result.exit_code == 2
    assert "--port" in result.stderr
