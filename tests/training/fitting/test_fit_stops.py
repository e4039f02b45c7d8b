"""What ends a training early: numbers that run out of bounds, a script without a guard, devices that are not there."""

import os
import re
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from fit_run import RECIPE, network, pictures, run

from sketchwidgets.training import fit
from sketchwidgets.training.checkpoints import STATE, read_checkpoint

AS_IT_IS = replace(RECIPE, filter_radius=None, schedule="constant")


def test_a_training_that_diverges_ends_at_once_and_keeps_its_last_state(tmp_path):
    wild = replace(AS_IT_IS, learning_rate=1e6)
    with pytest.raises(
        FloatingPointError, match=r"the loss of step \d is (nan|inf), at a learning rate of 1e\+06"
    ):
        run(tmp_path / "wild", recipe=wild)
    assert not (tmp_path / "wild" / "network.safetensors").exists()

    def spoil(progress):
        if progress.step == 7:
            with torch.no_grad():
                made[0].weight.fill_(float("nan"))

    made = network()
    with pytest.raises(FloatingPointError, match=r"step 8 is nan, at a learning rate of 0\.05"):
        fit(
            made,
            pictures(),
            AS_IT_IS,
            tmp_path / "late",
            callback=spoil,
            every=3,
            accelerator="cpu",
            progress=False,
        )
    state = read_checkpoint(tmp_path / "late" / STATE)
    assert state["sketchwidgets"]["step"] == 6
    assert all(tensor.isfinite().all() for tensor in state["state_dict"].values())


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"devices": "foo"}, "devices must be \"auto\", a number, or numbers with commas between, not 'foo'"),
        ({"accelerator": "abacus"}, "accelerator 'abacus', devices 'auto', num_nodes 1, strategy 'auto': "),
        ({"strategy": "magic"}, "strategy 'magic': "),
        ({"workers": -1}, "workers must be a whole number from 0 on, not -1"),
        ({"workers": True}, "workers must be a whole number from 0 on, not True"),
    ],
)
def test_what_this_machine_has_not_is_a_line(tmp_path, keywords, message):
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        run(tmp_path, **keywords)
    assert "\n" not in str(caught.value)


SCRIPT = """
import numpy as np, torch
from sketchwidgets.training import Recipe, Views, fit

images, labels = np.zeros(({n}, 16, 16), np.uint8), np.arange({n}) % 2
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 2))
network.input_size = 16
{guard}print(fit(network, (images, labels), Recipe(epochs=1, batch_size={n} // 2, views=Views(size=16)), "run",
    workers=1, progress=False, accelerator="cpu"))
"""


def script(folder, guard):
    # More data than a pipe holds: the process that was to read them was waited for for ever.
    (folder / "script.py").write_text(SCRIPT.format(n=600, guard=guard))
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_script_without_a_guard_says_so_and_does_not_hang(tmp_path):
    done = script(tmp_path, "")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "RuntimeError: workers: a script is imported by the processes"
    )
    assert 'if __name__ == "__main__":' in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_script_with_a_guard_has_its_workers(tmp_path):
    done = script(tmp_path, 'if __name__ == "__main__": ')
    assert "step 2 of 2" in done.stdout, done.stderr
