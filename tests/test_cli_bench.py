"""`sketchwidgets bench`: what is measured, how often, and how it is said."""

import json

import pytest
import torch
from tiny_recognizer import make_tiny
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets import _bench_command as bench
from sketchwidgets.cli import app


@pytest.fixture
def tiny(monkeypatch):
    made = make_tiny()
    monkeypatch.setattr(sw.Recognizer, "load", lambda name=None, device="auto": made)
    return made


def call(*arguments):
    return CliRunner().invoke(app, ["bench", *arguments])


def test_json_of_the_bundled_recogniser():
    answer = call("--rounds", "2", "--device", "cpu", "--json")
    assert answer.exit_code == 0, answer.output
    said = json.loads(answer.stdout)
    assert (said["device"], said["rounds"], said["recognizer"]) == ("cpu", 2, "sketchwidgets-quickdraw345")
    assert set(said["milliseconds"]) == {"stroke", "cnn", "panels", "forward_backward"}
    assert 100 < said["mebibytes"] < 10_000
    assert all(0 < time["median"] <= time["p95"] for time in said["milliseconds"].values())


def test_the_first_drawing_does_not_count(tiny, monkeypatch):
    now = iter(range(10**6))
    monkeypatch.setattr(bench.time, "perf_counter", lambda: next(now))
    monkeypatch.setattr(bench, "_summary", len)
    counts = bench.measure(tiny, rounds=3)  # drawings, of twelve strokes each, and panels three times each
    assert counts == {"stroke": 36, "cnn": 36, "panels": 9, "forward_backward": 9}


def test_summary_by_hand():
    assert bench._summary([1.0, 2.0, 3.0, 4.0, 5.0]) == {"median": 3.0, "p95": 4.8}


def test_table_and_threads(tiny):
    before = torch.get_num_threads()
    try:
        answer = call("--rounds", "2", "--threads", "1")
    finally:
        torch.set_num_threads(before)
    assert answer.exit_code == 0, answer.output
    assert "1 thread of torch" in answer.stdout
    assert "2 drawings of 12 strokes" in answer.stdout
    assert answer.stdout.count(" ms\n") == 4


@pytest.mark.parametrize(
    ("stroke", "panels", "verdict"),
    [(99.0, 399.0, "panels before the next"), (99.0, 401.0, "panels come late"), (101.0, 1.0, "lag behind")],
)
def test_verdicts(stroke, panels, verdict):
    time = {"median": 1.0, "p95": 1.0}
    found = {"cnn": time, "forward_backward": time}
    found |= {"stroke": time | {"p95": stroke}, "panels": time | {"p95": panels}}
    said = {
        "recognizer": "r",
        "device": "cpu",
        "threads": 2,
        "torch": "2",
        "rounds": 2,
        "milliseconds": found,
        "mebibytes": 9,
    }
    assert verdict in bench._as_table(said).splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--device", "warp"], "warp"), (["--recognizer", "nothing.safetensors"], "nothing.safetensors")],
)
def test_what_is_not_there_is_named(arguments, message):
    answer = call(*arguments)
    assert answer.exit_code == 1
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
