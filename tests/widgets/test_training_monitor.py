"""TrainingMonitor: its curves are what was told, and its buttons stop and resume."""

import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.training import Recipe, TrainingProgress, Views, fit, read_history
from sketchwidgets.widgets.training._training_chart import GrowingCurve
from sketchwidgets.widgets.training.training_monitor import clock, said

PATIENCE = 60


@pytest.fixture
def make():
    made = []

    def make(*args, **kwargs):
        made.append(sw.TrainingMonitor(*args, **kwargs))
        return made[-1]

    yield make
    for monitor in made:
        monitor.close()
        assert monitor.wait(PATIENCE)


def told(step, steps=10, validation=None, **values):
    values = {"loss": 1 / step, "accuracy": 0.5, "rate": 1e-3, **values}
    return TrainingProgress(step, steps, step / 5, values, validation or {}, step, 20.0, 75.0, step == steps)


def shown(chart):
    return chart._pale, chart._line, chart._dots


def until(question):
    end = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_told_is_drawn(make):
    monitor = make()
    for step in range(1, 11):
        assert monitor.update(told(step, validation={"loss": 0.7, "accuracy": 0.6} if step == 4 else None))
    pale, line, dots = shown(monitor._charts[0])
    np.testing.assert_allclose(pale.x, np.arange(1, 11))
    np.testing.assert_allclose(pale.y, 1 / np.arange(1, 11))
    np.testing.assert_allclose(line.y, pale.y)
    assert set(dots.x) == {4}
    np.testing.assert_allclose(dots.y, 0.7)
    assert shown(monitor._charts[1])[2].y[0] == 0.6
    assert monitor.state == "finished"
    assert monitor._bar.value == 1.0
    assert "step 10 of 10" in monitor._text.value
    assert repr(monitor) == "TrainingMonitor(finished, step 10 of 10)"
    # A step that is made again, after a resume, replaces what was there.
    monitor.update(told(6, loss=9.0))
    assert monitor._charts[0].training.points()[0].tolist() == [1, 2, 3, 4, 5, 6]
    assert monitor._charts[0].training.points()[1][-1] == 9.0


def test_the_line_says_how_far_it_is():
    line = said(told(4, 2000, {"accuracy": 0.832}))
    expected = (
        "step 4 of 2,000 · epoch 0.8 · validation 83.2_% · learning rate 0.001 · 20 pictures/s · 1:15 left"
    )
    assert line.replace("\N{NO-BREAK SPACE}", "_") == expected
    assert clock(3599.6) == "1:00:00"


def test_a_long_curve_is_made_of_means():
    curve = GrowingCurve(100)
    values = np.random.default_rng(0).random(5000)
    for step, value in enumerate(values, 1):
        curve.add(step, value)
    steps, means = curve.points()
    each = int(steps[1] - steps[0])
    assert 50 <= len(curve) < 100
    assert each == 64
    np.testing.assert_allclose(means, values[: len(means) * each].reshape(-1, each).mean(1))
    assert steps[-1] == len(means) * each
    curve.add(5001, np.nan)
    smooth = curve.points(smooth=True)[1]
    assert smooth[-1] == pytest.approx(means[-(len(means) // 25) :].mean())


def trainer(tmp_path, gate=None):
    """A function that trains as `fit` does, at most as fast as `gate` lets it."""
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (24, 12, 12)).astype(np.uint8), np.arange(24) % 2
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(144, 2))
    network.input_size = 12
    recipe = Recipe(epochs=5, batch_size=4, views=Views(size=12))

    def train(tell):
        def slowly(progress):
            if gate is not None:
                gate.wait(PATIENCE)
            return tell(progress)

        return fit(
            network,
            data,
            recipe,
            tmp_path,
            validation=data,
            callback=slowly,
            progress=False,
            accelerator="cpu",
        )

    return train


def test_stop_and_resume(make, tmp_path):
    gate = threading.Event()
    monitor = make(trainer(tmp_path / "stopped", gate))
    assert monitor._button.description == "Stop"
    monitor._button.click()
    assert monitor.state == "stopping"
    assert monitor._button.disabled
    gate.set()
    assert monitor.wait(PATIENCE)
    assert monitor.state == "stopped"
    assert monitor.result.step < 30
    assert monitor._button.description == "Resume"
    monitor._button.click()
    assert monitor.wait(PATIENCE)
    assert monitor.state == "finished"
    assert monitor._button.disabled
    whole = trainer(tmp_path / "whole")(lambda _: True)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(monitor.result.network.state_dict()[name], tensor)
    # The curves of an earlier run are read from its folder, and are those that were told.
    again = make(folder=tmp_path / "stopped")
    for chart, other in zip(monitor._charts, again._charts, strict=True):
        for mark, wanted in zip(shown(other), shown(chart), strict=True):
            np.testing.assert_allclose(mark.y, wanted.y, rtol=1e-6)
        np.testing.assert_array_equal(other.training.points()[0], chart.training.points()[0])
    assert len(read_history(tmp_path / "stopped")["loss"][0]) == 30
    assert again._button.disabled  # there is nothing to start


def test_an_error_is_shown_and_it_can_be_tried_again(make):
    calls = []

    def train(tell):
        calls.append(tell(told(1)))
        if len(calls) == 1:
            raise ValueError("no <luck>")
        tell(told(10))

    monitor = make(train, start=False)
    assert monitor._button.description == "Start"
    assert not calls
    monitor._button.click()
    until(lambda: monitor.state == "failed")
    assert "no &lt;luck&gt;" in monitor._status.notice.value
    assert monitor._button.description == "Try again"
    monitor._button.click()
    until(lambda: monitor.state == "finished")
    assert monitor._status.notice.value == ""


def test_a_training_in_a_cell_can_be_stopped(make):
    monitor = make()
    assert monitor.update(told(1))
    assert monitor.state == "training"
    monitor._button.click()
    assert not monitor.update(told(2))
    assert monitor.state == "stopped"
    validated = TrainingProgress(2, 10, 0.4, {}, {"loss": 1.0}, 2, 0.0, None)
    assert not monitor.update(validated)  # what ends after it does not begin a new one
    assert monitor.update(told(1))
    assert monitor.state == "training"


def test_bad_arguments_are_named(tmp_path):
    with pytest.raises(TypeError, match="train must be a function"):
        sw.TrainingMonitor(3)
    with pytest.raises(FileNotFoundError, match="no folder"):
        sw.TrainingMonitor(folder=tmp_path / "none")
    monitor = sw.TrainingMonitor()
    with pytest.raises(ValueError, match="nothing to start"):
        monitor.start()
    monitor.close()
    monitor.close()
