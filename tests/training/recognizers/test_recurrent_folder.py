"""The folder of a recurrent part: which state is in charge, and of which training."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from sketchwidgets.training import Augmentation, PrefixFeatures
from sketchwidgets.training.checkpoints import CheckpointError, read_checkpoint, write_checkpoint
from sketchwidgets.training.inputs.stroke_set import StrokeSet
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


def with_other(**fields):
    return replace(features(), **fields)


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"recipe": replace(RECIPE, learning_rate=0.1, weighting="last")},
         "another recipe: learning_rate 0.001, weighting 'late', now 0.1, 'last'"),
        ({"recipe": replace(RECIPE, epochs=9)}, "another recipe: epochs 3, now 9"),
        ({"train": with_other(label=(np.arange(24) + 1) % 3)}, "other labels"),
        ({"train": features(5)}, "other features"),
        ({"train": with_other(steps=np.tile([1, 3], 12))}, "other steps"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("after", [1, None])
def test_another_training_is_refused(other, match, after, tmp_path):
    whole = run(tmp_path, stop_after=after)
    with pytest.raises(CheckpointError, match=match):
        run(tmp_path, **other)
    # Nothing is lost, and other drawings to watch it by are no other training.
    ended = train_recurrent(features(), features(3), 3, tmp_path, RECIPE, progress=False)
    assert steps_of(tmp_path) == 3 * STEPS
    if after is None:
        assert_same(whole, ended)


def test_strokes_of_other_drawings_or_changed_otherwise_are_refused(drawings, tmp_path):
    train, held_out = drawings.split()
    recipe = replace(RECIPE, epochs=1, batch_size=16)
    unchanged = StrokeSet(drawings, held_out, 4)

    def strokes(strokes):
        return train_recurrent(strokes, unchanged, 6, tmp_path, recipe, progress=False)

    strokes(StrokeSet(drawings, train, 4, Augmentation()))
    strokes(StrokeSet(drawings, train, 4, Augmentation()))
    moved = replace(drawings, points=drawings.points + 1)
    for other, match in (
        (StrokeSet(drawings, train, 4, Augmentation(rotation=1)), "other changes"),
        (StrokeSet(drawings, train, 4), "other changes"),
        (StrokeSet(moved, train, 4, Augmentation()), "other drawings"),
        (StrokeSet(drawings, train[:-1], 4, Augmentation()), "other labels"),
    ):
        with pytest.raises(CheckpointError, match=match):
            strokes(other)


def test_a_state_that_does_not_say_what_it_is_of_is_refused_in_a_sentence(tmp_path):
    run(tmp_path, stop_after=1)
    state = read_checkpoint(tmp_path / "last.ckpt")
    del state["sketchwidgets"]
    write_checkpoint(tmp_path / "last.ckpt", state)
    with pytest.raises(CheckpointError, match=r"does not say of which recipe and data it is.*resume=False"):
        run(tmp_path)
    run(tmp_path, resume=False, stop_after=1)
    assert_same(run(tmp_path / "whole"), run(tmp_path))
