"""`sketchwidgets recognize`: every format that a drawing is read from, and what is said of it."""

import json

import numpy as np
import pytest
from tiny_recognizer import make_tiny
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.cli import app
from sketchwidgets.recognition.calibration import Calibration
from sketchwidgets.sketch.formats.quickdraw import QuickDrawRecord, write_bin, write_ndjson

HOUSE = sw.Sketch([[(0, 40), (40, 0), (80, 40), (80, 90), (0, 90)], [(30, 90), (30, 60), (50, 60)]])
LINE = sw.Sketch([[(0, 0), (60, 10)]])


@pytest.fixture
def tiny(monkeypatch):
    made = make_tiny()
    monkeypatch.setattr(sw.Recognizer, "load", lambda name=None: made)
    return made


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(app, ["recognize", *map(str, arguments)])


def write_all_formats():
    HOUSE.to_svg("house.svg")
    HOUSE.to_svg("house.xml")
    write_ndjson("two.ndjson", [QuickDrawRecord(LINE, "line"), QuickDrawRecord(HOUSE, "house")])
    write_bin("two.bin", [QuickDrawRecord(LINE), QuickDrawRecord(HOUSE)])
    np.save("three.npy", HOUSE.to_stroke3())
    np.save("five.npy", HOUSE.to_stroke5())


@pytest.mark.parametrize(
    "arguments",
    [
        ["house.svg"],
        ["house.xml"],
        ["two.ndjson", "--index", "1"],
        ["two.bin", "--index", "1"],
        ["three.npy"],
        ["five.npy"],
    ],
)
def test_every_format_is_read(tiny, here, arguments):
    write_all_formats()
    done = call(*arguments, "--json", "--top", 2, "--strokes")
    assert done.exit_code == 0, done.output
    said = json.loads(done.output)
    wanted = tiny.recognize(HOUSE)
    assert said["file"] == arguments[0]
    assert said["strokes"] == 2
    assert [each["name"] for each in said["top"]] == [name for name, _ in wanted[-1].top(2)]
    # The formats keep more or fewer digits of the points.
    assert [step["probability"] for step in said["steps"]] == pytest.approx(
        [prediction.confidence for prediction in wanted], abs=0.02
    )


def test_a_table_for_each_file(tiny, here):
    write_all_formats()
    done = call("house.svg", "two.ndjson", "--top", 3)
    assert done.exit_code == 0, done.output
    first, second = done.output.split("\n\n")
    title, *rows = first.splitlines()
    assert title == "house.svg: 2 strokes"
    names = [name for name, _ in tiny.recognize(HOUSE)[-1].top(3)]
    assert [row.split()[0] for row in rows] == names
    assert all(row.endswith(" %") for row in rows)
    assert second.startswith("two.ndjson: 1 stroke\n")


def test_it_says_where_it_does_not_know(tiny, here):
    tiny.calibration = Calibration(thresholds=[1.0, 0.0])
    write_all_formats()
    done = call("house.svg", "two.ndjson", "--strokes", "--top", 1)
    assert done.exit_code == 0, done.output
    first, second = done.output.split("\n\n")
    title, _, _, before, after = first.splitlines()
    assert title == "house.svg: 2 strokes"
    assert before.endswith("not known yet")
    assert before.split()[:2] == ["1", tiny.recognize(HOUSE)[0].label]
    assert after.endswith(" %")
    assert second.splitlines()[0] == "two.ndjson: 1 stroke, not known yet"
    assert [json.loads(call(name, "--json").output)["known"] for name in ("house.svg", "two.ndjson")] == [
        True,
        False,
    ]


def test_the_bundled_recogniser_by_its_name(here):
    HOUSE.to_svg("house.svg")
    done = call("house.svg", "--recognizer", "sketchwidgets-quickdraw345", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output) == json.loads(call("house.svg", "--json").output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["."], ".: is a directory"),
        (["none.svg"], "none.svg: no such file or directory"),
        (["cat.png"], "cat.png: has pixels or pages and no strokes"),
        (["notes.txt"], "notes.txt: line 1: not JSON"),
        (["empty.svg"], "empty.svg: "),
        (["broken.npy"], "broken.npy: not an array of numbers"),
        (["four.npy"], "four.npy: stroke-3: has shape (2, 4)"),
        (["two.ndjson", "--index", "2"], "two.ndjson: has no record 2"),
        (["house.svg", "--index", "1"], "house.svg: has one drawing, number 0"),
    ],
)
def test_a_drawing_that_cannot_be_read_is_a_line(tiny, here, arguments, message):
    write_all_formats()
    for name in ("cat.png", "notes.txt", "empty.svg", "broken.npy"):
        (here / name).write_text("hello" if name == "notes.txt" else "")
    np.save("four.npy", np.zeros((2, 4)))
    done = call(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {message}")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_one_bad_file_does_not_keep_back_the_others(tiny, here):
    write_all_formats()
    done = call("none.svg", "house.svg", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["file"] == "house.svg"
    assert done.stderr.startswith("Error: none.svg: ")


def test_a_recogniser_that_is_none_is_a_line(here):
    HOUSE.to_svg("house.svg")
    for name in (".", "none.safetensors", "house.svg"):
        done = call("house.svg", "--recognizer", name)
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
