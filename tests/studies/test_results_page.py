"""The page of all results is what the files beside it say."""

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
