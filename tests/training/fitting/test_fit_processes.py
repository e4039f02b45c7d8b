"""A training that is killed and resumed, and one that two processes share, end as the plain one does."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from fit_run import RECIPE, run

from sketchwidgets.models import load_weights
from sketchwidgets.training import read_history
from sketchwidgets.training.checkpoints import read_checkpoint

SCRIPT = Path(__file__).with_name("fit_run.py")


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_ends_with_the_same_weights(tmp_path):
    whole = run(tmp_path / "whole")
    assert whole.finished
    child = start(tmp_path / "killed")
    try:
        told = int(child.stdout.readline())  # some step is made, and its state is about to be written
        time.sleep(random.uniform(0, 0.15))
    finally:
        child.kill()
    child.communicate()
    assert told == 1
    state = tmp_path / "killed" / "state.safetensors"
    assert not state.exists() or 1 <= read_checkpoint(state)["sketchwidgets"]["step"] < whole.steps
    resumed = run(tmp_path / "killed")
    assert resumed.finished
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(resumed.network.state_dict()[name], tensor), name
    assert resumed.accuracy == whole.accuracy
    assert sorted(resumed.history.curves) == sorted(whole.history.curves)
    for name, (steps, values) in whole.history.curves.items():
        assert resumed.history[name][0].tolist() == steps.tolist()
        assert resumed.history[name][1].tolist() == values.tolist(), name


@pytest.mark.slow
def test_two_processes_share_a_batch(tmp_path):
    child = start(tmp_path / "two", 2)
    one = run(tmp_path / "one", dropout=0.0)
    _, errors = child.communicate(timeout=120)
    assert child.returncode == 0, errors
    weights, facts = load_weights(tmp_path / "two" / "network.safetensors")
    for name, tensor in one.network.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-4, atol=1e-5, msg=name)
    assert facts["accuracy"] == one.accuracy
    history = read_history(tmp_path / "two")
    assert history["validation_loss"][1] == pytest.approx(one.history["validation_loss"][1], rel=1e-4)
    assert len(history["validation_loss"][1]) == RECIPE.epochs
