"""What the README points to is there, and the accuracies it states are those measured with the bundled weights."""

import json
import re

import pytest

import sketchwidgets
from sketchwidgets.training.evaluation.reliability import error_by_chance

_IN_README = ("hog", "structure", "fisher", "multiple_kernel", "cnn_photos", "cnn_drawings")


@pytest.fixture(scope="module")
def readme(repository):
    return (repository / "README.md").read_text(encoding="utf-8")


def test_links_and_pictures_exist(repository, readme):
    targets = re.findall(r"\]\(([^)#\s]+)", readme)
    files = [target for target in targets if "://" not in target]
    assert "docs/drawing.gif" in files
    assert [name for name in files if not (repository / name).exists()] == []


def test_accuracies_are_those_of_the_model_card(readme):
    for name, found in sketchwidgets.Recognizer.load(device="cpu").card["measured"].items():
        low, high = found["top1_interval"]
        row = (
            f"| {name} | {found['drawings']:,} | {found['top1']:.1%} ({low:.1%} to {high:.1%}) | {found['top5']:.1%} "
            f"| {found['by_share']['50']:.1%} | {found['mean_over_shares']:.3f} | {_calibration_error(found)} |"
        )
        assert row in readme


def _calibration_error(found):
    whole = found["calibration"]["whole"]
    low, high = whole["interval"]
    chance = error_by_chance(whole["count"], whole["confidence"])
    return f"{whole['error']:.3f} ({low:.3f} to {high:.3f}), chance {chance:.3f}"


def test_the_orderings_are_counted_from_the_results(repository, readme):
    assert sketchwidgets.studies.results_summary(repository / "docs" / "results") in readme


def test_accuracies_are_those_of_the_measured_recognisers(repository, readme):
    results = repository / "docs" / "results"
    classical = json.loads((results / "classical-tuberlin40.json").read_text())["rows"]
    fused = json.loads((results / "ensemble-tuberlin40.json").read_text())["rows"]
    measured = [(row["top1"], row["interval"]) for name, row in classical.items() if name in _IN_README]
    measured += [(row["accuracy"], row["interval"]) for row in fused]
    table = readme[readme.index("| recogniser | top-1 |") :].split("\n\n")[0].splitlines()[2:]
    stated = [tuple(cell.strip() for cell in line.split("|")[2:4]) for line in table]
    expected = [(f"{top1:.1%}", f"{low:.1%} to {high:.1%}") for top1, (low, high) in measured]
    assert sorted(stated) == sorted(expected)
