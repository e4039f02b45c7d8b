"""The page of all results is what the files beside it say."""

import json
import shutil

import pytest
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.cli import app


def test_the_committed_page_is_made_of_the_committed_results(repository):
    results = repository / "docs" / "results"
    page = (results / "README.md").read_text(encoding="utf-8")
    assert page == sw.studies.results_page(results), "run `sketchwidgets study page` and commit the page"
    gabors = sw.studies.FiltersAndGabors.open(results / "filters-and-gabors.json")
    assert gabors.table() in page
    assert gabors.orderings_table() in page


def test_the_command_writes_it(repository, tmp_path):
    shutil.copy(repository / "docs" / "results" / "training-evolution.json", tmp_path)
    found = CliRunner().invoke(app, ["study", "page", str(tmp_path)])
    assert found.exit_code == 0, found.output
    evolution = sw.studies.TrainingEvolution.open(tmp_path / "training-evolution.json")
    orderings = evolution.orderings()
    held = sum(ordering.holds == "yes" for ordering in orderings)
    assert f"| {len(evolution.rows)} | {len(orderings)} | {held} |" in found.output
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert evolution.table() in page
    assert "Filters" not in page


@pytest.mark.parametrize("text", ["{}", "[]", "nothing"])
def test_a_broken_result_is_named_and_the_page_stays(tmp_path, text):
    (tmp_path / "README.md").write_text("before")
    (tmp_path / "training-evolution.json").write_text(text)
    found = CliRunner().invoke(app, ["study", "page", str(tmp_path)])
    assert found.exit_code == 1
    assert "training-evolution.json" in found.output.replace("\n", "")
    assert (tmp_path / "README.md").read_text() == "before"


def page(folder):
    found = CliRunner().invoke(app, ["study", "page", str(folder)])
    return found.exit_code, found.output.replace("\n", "")


def test_a_readme_of_others_is_not_replaced(repository, tmp_path):
    mine = tmp_path / "README.md"
    mine.write_text("# mine")
    code, said = page(tmp_path)
    assert code == 1
    assert tmp_path.name in said
    assert "no result of a study" in said
    shutil.copy(repository / "docs" / "results" / "training-evolution.json", tmp_path)
    code, said = page(tmp_path)
    assert code == 1
    assert "README.md was not written by `sketchwidgets study page`" in said
    assert mine.read_text() == "# mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "training-evolution.json"]
    mine.unlink()
    assert [page(tmp_path)[0] for _ in range(2)] == [0, 0]  # its own is replaced
    assert "Features as they form" in mine.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command", [None, "sw.studies.training_evolution, a plan or data of its own"], ids=["command", "own plan"]
)
def test_the_folder_of_a_study_has_a_page(repository, tmp_path, command):
    result = json.loads((repository / "docs" / "results" / "training-evolution.json").read_text())
    if command:
        result["settings"]["command"] = command
    (tmp_path / "result.json").write_text(json.dumps(result))
    code, said = page(tmp_path)
    assert (code, "Features as they form" in said) == (0, True)
    evolution = sw.studies.TrainingEvolution.open(tmp_path / "result.json")
    assert evolution.table() in (tmp_path / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text",
    ["{}", "[]", '{"settings": 3}', '{"settings": {"command": "sketchwidgets study else"}}', "nothing"],
)
def test_a_result_of_something_else_is_named(tmp_path, text):
    (tmp_path / "result.json").write_text(text)
    code, said = page(tmp_path)
    assert code == 1
    assert "result.json: not the result of a study" in said
    assert not (tmp_path / "README.md").exists()
