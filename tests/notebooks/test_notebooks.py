"""Every notebook runs from top to bottom without a warning, and is committed without outputs."""

import os
import shutil
from pathlib import Path

import nbclient
import nbformat
import pytest

TESTS = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((TESTS.parent / "notebooks").glob("*.ipynb"))

# Not PendingDeprecationWarning: ipykernel gives one of its own as it ends, and no reader ever sees it. And not what
# bqscales, which bqplot imports, does that newer traitlets no longer want.
STRICT = """
import warnings
warnings.simplefilter("error")
warnings.simplefilter("ignore", PendingDeprecationWarning)
warnings.filterwarnings("ignore", "metadata .* was set from the constructor", DeprecationWarning)
"""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_notebooks_are_numbered_without_a_gap():
    assert [int(path.name[:2]) for path in NOTEBOOKS] == list(range(1, len(NOTEBOOKS) + 1))
    assert NOTEBOOKS


@each_notebook
def test_is_a_clean_lesson(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        assert cell.source.strip(), f"cell {cell.id} is empty"
        if cell.cell_type == "code":
            assert cell.outputs == [], f"cell {cell.id} has outputs; clear them before committing"
            assert cell.execution_count is None


@pytest.mark.notebook
@each_notebook
def test_runs_without_error_or_warning(path, tmp_path, monkeypatch):
    # A kernel of its own user: no configuration of this one's, and the history goes to a temporary folder.
    for name, folder in (
        ("IPYTHONDIR", "ipython"),
        ("JUPYTER_CONFIG_DIR", "config"),
        ("JUPYTER_RUNTIME_DIR", "run"),
    ):
        monkeypatch.setenv(name, str(tmp_path / folder))
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    shutil.copy(TESTS / "quick_start.py", startup)
    monkeypatch.setenv("SKETCHWIDGETS_SHORT", "1")  # a lesson that trains for minutes shows a glimpse of it
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STRICT))
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", f"cell {cell.id} wrote to stderr:\n{output.text}"
    assert not [name for name in os.listdir(tmp_path) if name not in ("ipython", "config", "run")]
