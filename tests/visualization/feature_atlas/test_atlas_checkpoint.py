"""An atlas that is interrupted goes on where it stopped, and ends as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

import sketchwidgets as sw

# What the test and the process that is killed share: 40 batches, of which the process reads a few.
JOB = """
import time, torch
from torch import nn
import sketchwidgets as sw

class Slow(torch.utils.data.Dataset):
    def __init__(self, seconds):
        self.seconds = seconds
        self.images = torch.rand(160, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    def __len__(self):
        return len(self.images)
    def __getitem__(self, i):
        time.sleep(self.seconds)
        read.append(i)
        return self.images[i], i % 3

read = []

def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU()).eval()

def run(seconds, **options):
    loader = torch.utils.data.DataLoader(Slow(seconds), batch_size=4)
    return sw.atlas(network(), loader, top=4, progress=False, every=0, **options)
"""


@pytest.fixture(scope="module")
def job():
    names: dict = {}
    exec(JOB, names)
    return names


def assert_same(one, other):
    assert list(one) == list(other)
    for name in one:
        for part in ("channels", "images", "activations", "positions", "corners"):
            assert torch.equal(getattr(one[name], part), getattr(other[name], part)), (name, part)
        for channel in one.live(name)[:3]:
            for a, b in zip(one.projections(name, channel), other.projections(name, channel), strict=True):
                assert torch.equal(a, b)
            for a, b in zip(one.patches(name, channel), other.patches(name, channel), strict=True):
                assert (a == b).all()
    assert one.labels == other.labels


def test_a_killed_process_leaves_a_checkpoint_from_which_another_goes_on(job, tmp_path):
    path = tmp_path / "state.safetensors"
    code = JOB + f"\nrun(0.1, checkpoint={str(path)!r})"  # 16 s for all: it will not end before it is killed
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        until = time.monotonic() + 60
        while not path.exists() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.3)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.exists()
    job["read"].clear()
    resumed = job["run"](0, checkpoint=path)
    first_time = job["read"][4 : job["read"].index(159) + 1]  # after the batch that shows the layers
    assert min(first_time) > 3  # it did not begin anew
    assert_same(resumed, job["run"](0))
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize("stage", ["images", "projections"])
def test_interrupted_in_either_stage_and_continued(job, tmp_path, stage):
    enough = 60 if stage == "images" else 20
    path = tmp_path / "state.safetensors"

    def interrupt(state):
        if state.stage == stage and state.done > enough:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job["run"](0, checkpoint=path, callback=interrupt)
    states = []
    resumed = job["run"](0, checkpoint=path, callback=states.append)
    first = states[0]
    assert first.stage == stage
    assert first.done > enough
    assert_same(resumed, job["run"](0))
    # Done already: it is read from the checkpoint.
    states.clear()
    assert_same(job["run"](0, checkpoint=path, callback=states.append), resumed)
    assert not states


def test_ended_by_the_callback_it_goes_on_reading(job, tmp_path):
    path = tmp_path / "state.safetensors"
    early = job["run"](0, checkpoint=path, callback=lambda s: s.stage == "projections" or s.done < 40)
    assert early.facts["images"] == 40
    assert_same(job["run"](0, checkpoint=path), job["run"](0))


def test_a_checkpoint_of_something_else_is_refused(job, tmp_path):
    path = tmp_path / "state.safetensors"
    job["run"](0, checkpoint=path)
    data = torch.rand(160, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    same = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(data), batch_size=4)
    sw.atlas(job["network"](), same, top=4, progress=False, checkpoint=path)
    torch.manual_seed(2)
    other = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU()).eval()
    for arguments, what in (
        ((other, same), "another network"),
        ((job["network"](), same, "1"), "another choice of layers"),
        ((job["network"](), data[:80]), "another data set"),
        ((job["network"](), list((data + 1).split(4))), "another data set"),
    ):
        with pytest.raises(sw.AtlasError, match=what):
            sw.atlas(*arguments, top=4, progress=False, checkpoint=path)
    with pytest.raises(sw.AtlasError, match="another top"):
        sw.atlas(job["network"](), same, top=5, progress=False, checkpoint=path)


def test_a_damaged_checkpoint_is_refused(job, tmp_path):
    path = tmp_path / "state.safetensors"
    for content, message in ((b"", "not a safetensors file"), (b"\x08" + b"\0" * 7 + b"{}", "not a safe")):
        path.write_bytes(content)
        with pytest.raises(sw.AtlasError, match=message):
            job["run"](0, checkpoint=path)
    found = sw.atlas(job["network"](), torch.rand(4, 1, 20, 20), progress=False)
    found.save(tmp_path)
    with pytest.raises(sw.AtlasError, match="not a checkpoint"):
        job["run"](0, checkpoint=tmp_path / "atlas.safetensors")
    with pytest.raises(sw.AtlasError, match="is a folder"):
        job["run"](0, checkpoint=tmp_path)


class Interrupts(nn.Module):
    """Between two layers of its fifth forward pass, as Ctrl+C may."""

    def __init__(self):
        super().__init__()
        self.runs = 0

    def forward(self, maps):
        self.runs += 1
        if self.runs == 5:
            raise KeyboardInterrupt
        return maps


def test_a_batch_that_is_interrupted_counts_once(tmp_path):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), Interrupts(), nn.Conv2d(6, 8, 3), nn.ReLU()).eval()
    images = torch.rand(160, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images), batch_size=20)
    options = {"layers": ["1", "4"], "top": 4, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        sw.atlas(net, loader, checkpoint=tmp_path / "state", **options)
    assert net[2].runs == 5
    resumed = sw.atlas(net, loader, checkpoint=tmp_path / "state", **options)
    assert_same(resumed, sw.atlas(net, loader, **options))


def test_the_state_is_kept_where_the_callback_ends_the_reading(job, tmp_path):
    path = tmp_path / "state.safetensors"
    images = torch.rand(160, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    options = {"top": 4, "progress": False, "every": 1e9}
    sw.atlas(job["network"](), images, checkpoint=path, callback=lambda state: False, **options)
    assert path.exists()
    states = []
    resumed = sw.atlas(job["network"](), images, checkpoint=path, callback=states.append, **options)
    assert states[0].done == 128  # of batches of 64, the second
    assert_same(resumed, sw.atlas(job["network"](), images, **options))
