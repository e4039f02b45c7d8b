"""The folder of a recurrent part: which state is in charge."""

import shutil

import numpy as np
import pytest
import torch

from sketchwidgets.training import PrefixFeatures
from sketchwidgets.training.checkpoints import read_checkpoint
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe, train_recurrent

# Lightning's advice on workers and logging intervals, and its own use of what torch calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:::lightning", "ignore:::torch")

RECIPE = RecurrentRecipe(hidden_size=4, epochs=3, batch_size=8, feature_dropout=0.0)
STEPS = 3  # an epoch


def features(seed=0):
    values = np.random.default_rng(seed).random((48, 5)).astype(np.float16)
    return PrefixFeatures(values, np.full(24, 2), np.arange(24) % 3)


def run(folder, train=None, recipe=RECIPE, **options):
    return train_recurrent(train or features(), features(1), 3, folder, recipe, progress=False, **options)


def steps_of(folder):
    return read_checkpoint(folder / "last.ckpt")["global_step"]


def assert_same(one, other):
    for name, tensor in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


def test_what_was_thrown_away_stays_so(tmp_path):
    run(tmp_path / "again", features(2), stop_after=2)
    run(tmp_path / "again", resume=False, stop_after=1)
    assert steps_of(tmp_path / "again") == STEPS
    assert_same(run(tmp_path / "whole"), run(tmp_path / "again"))


def test_a_moved_folder_goes_on_from_its_own_last_epoch(tmp_path):
    run(tmp_path / "here", stop_after=1)
    shutil.move(tmp_path / "here", tmp_path / "there")
    run(tmp_path / "there", stop_after=2)
    assert steps_of(tmp_path / "there") == 2 * STEPS
    assert [path.name for path in (tmp_path / "there").glob("*.ckpt")] == ["last.ckpt"]
    assert_same(run(tmp_path / "whole"), run(tmp_path / "there"))
