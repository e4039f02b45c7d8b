import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sketchwidgets.models import SketchANet
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.sketch.stroke_descriptors import resample_strokes, stroke_descriptors
from sketchwidgets.training.inputs.features import PrefixFeatures, cache_features
from sketchwidgets.training.inputs.images import Augmentation
from sketchwidgets.training.recognizers.recurrent import (
    RecurrentRecipe,
    RecurrentTraining,
    step_weights,
    train_recurrent,
)

# Lightning's advice on workers and logging intervals, and its own use of what torch calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:::lightning", "ignore:::torch")

PREPROCESSING = Preprocessing(size=32, extent=24.0)


def pooled(images):
    """A stand-in for a CNN that keeps 4 x 4 means: enough to compare features by hand."""
    return torch.nn.functional.adaptive_avg_pool2d(images, 4).flatten(1)


def test_features_are_those_of_every_prefix(drawings, tmp_path):
    indices = np.array([4, 9, 2])
    cached = cache_features(pooled, drawings, indices, tmp_path, PREPROCESSING, max_strokes=3)
    assert cached.steps.tolist() == np.minimum(drawings.n_strokes[indices], 3).tolist()
    row = 0
    for index in indices:
        canvas = PREPROCESSING.canvas()
        for stroke in drawings.strokes(index)[:3]:
            canvas.add(stroke)
            np.testing.assert_allclose(cached.features[row], pooled(canvas.image)[0], atol=2e-3)
            row += 1
    assert row == len(cached.features)


def test_batches_are_padded_at_the_end(drawings, tmp_path):
    cached = cache_features(pooled, drawings, np.arange(10), tmp_path, PREPROCESSING)
    values, labels, steps = cached.batch(np.array([3, 0]))
    first = np.cumsum(cached.steps) - cached.steps
    for row, drawing in enumerate((3, 0)):
        n = int(steps[row])
        expected = cached.features[first[drawing] : first[drawing] + n]
        np.testing.assert_array_equal(values[row, :n].numpy(), expected.astype(np.float32))
        assert labels[row] == drawings.label[drawing]


def test_features_stay_on_the_disk_and_batches_are_those_of_the_same_in_memory(drawings, tmp_path):
    cached = cache_features(pooled, drawings, np.arange(30), tmp_path, PREPROCESSING, progress=False)
    assert isinstance(cached.features, np.memmap)
    in_memory = PrefixFeatures(np.array(cached.features), cached.steps, cached.label)
    chosen = np.array([7, 0, 29, 7])
    for mapped, own in zip(cached.batch(chosen), in_memory.batch(chosen), strict=True):
        assert torch.equal(mapped, own)
    assert (
        cached.features.nbytes == (tmp_path / "features.npy").stat().st_size - 128
    )  # two bytes a number, and a header


def test_a_run_that_is_killed_between_blocks_computes_only_what_is_missing(drawings, tmp_path, monkeypatch):
    monkeypatch.setattr("sketchwidgets.training.inputs.features._BLOCK", 20)
    monkeypatch.setattr("sketchwidgets.training.inputs.features._AT_ONCE", 10)
    images = 0

    def breaking(limit):
        def cnn(batch):
            nonlocal images
            images += len(batch)
            if images > limit:
                raise KeyboardInterrupt
            return pooled(batch)

        return cnn

    indices, total = np.arange(70), int(drawings.n_strokes[:70].sum())
    with pytest.raises(KeyboardInterrupt):  # in the third block of four
        cache_features(
            breaking(total // 2), drawings, indices, tmp_path / "broken", PREPROCESSING, Augmentation()
        )
    images = 0
    broken = cache_features(
        breaking(total), drawings, indices, tmp_path / "broken", PREPROCESSING, Augmentation()
    )
    assert 0 < images < total
    whole = cache_features(pooled, drawings, indices, tmp_path / "whole", PREPROCESSING, Augmentation())
    np.testing.assert_array_equal(broken.features, whole.features)


def test_damaged_or_foreign_features_are_refused(drawings, tmp_path):
    cache_features(pooled, drawings, np.arange(5), tmp_path, PREPROCESSING, progress=False)
    with pytest.raises(ValueError, match=r"another run \(preprocessing is"):
        cache_features(pooled, drawings, np.arange(5), tmp_path, Preprocessing(32, 20.0), progress=False)
    with pytest.raises(ValueError, match=r"another run \(of is"):
        cache_features(pooled, drawings, np.arange(1, 6), tmp_path, PREPROCESSING, progress=False)
    with pytest.raises(ValueError, match="indices is empty"):
        cache_features(pooled, drawings, np.arange(0), tmp_path / "none", PREPROCESSING)
    np.save(tmp_path / "features.npy", np.zeros((3, 2), np.float16))
    with pytest.raises(ValueError, match="damaged"):
        cache_features(pooled, drawings, np.arange(5), tmp_path, PREPROCESSING, progress=False)


def test_a_cut_off_run_goes_on(drawings, tmp_path):
    seen = []

    def counting(images):
        seen.append(len(images))
        return pooled(images)

    once = cache_features(counting, drawings, np.arange(70), tmp_path, PREPROCESSING, Augmentation())
    calls = len(seen)
    again = cache_features(counting, drawings, np.arange(70), tmp_path, PREPROCESSING, Augmentation())
    assert len(seen) == calls
    np.testing.assert_array_equal(once.features, again.features)
    with pytest.raises(ValueError, match="another run"):
        cache_features(counting, drawings, np.arange(60), tmp_path, PREPROCESSING, Augmentation())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"late_weight": 0.5}, [[1.25, 1.5, 0, 0], [1.125, 1.25, 1.375, 1.5]]),
        ({"weighting": "uniform"}, [[1, 1, 0, 0], [1, 1, 1, 1]]),
        ({"weighting": "linear"}, [[0.5, 1, 0, 0], [0.25, 0.5, 0.75, 1]]),
        (
            {"weighting": "exponential", "exponent": 2.0},
            [[np.exp(-1), 1, 0, 0], [np.exp(-1.5), np.exp(-1), np.exp(-0.5), 1]],
        ),
        ({"weighting": "last"}, [[0, 1, 0, 0], [0, 0, 0, 1]]),
    ],
)
def test_what_a_step_counts(options, expected):
    weights = step_weights(torch.tensor([2, 4]), RecurrentRecipe(**options))
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"weighting": "cubic"}, "one of 'late', 'uniform'"),
        ({"exponent": -1.0}, "exponent"),
        ({"late_weight": -1}, "late"),
        ({"epochs": "many"}, "epochs must be a whole number from 1 on, not 'many'"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number above 0"),
        ({"averaging": 1}, "averaging"),
    ],
)
def test_a_recipe_names_what_cannot_be(options, match):
    with pytest.raises(ValueError, match=match):
        RecurrentRecipe(**options)


@pytest.mark.parametrize("weighting", ["last", "linear"])
def test_the_loss_of_drawings_of_several_lengths_is_that_of_their_own_steps(weighting):
    torch.manual_seed(3)
    recipe = RecurrentRecipe(hidden_size=7, weighting=weighting, feature_dropout=0, label_smoothing=0)
    training = RecurrentTraining(5, 6, steps=10, recipe=recipe)
    training.log = lambda *_args, **_kwargs: None  # no Trainer is listening
    features, labels, steps = torch.randn(3, 4, 6), torch.tensor([0, 4, 2]), torch.tensor([1, 4, 3])
    loss = training.training_step((features, labels, steps), 0)
    expected = []
    for drawing, label, n in zip(features, labels, steps, strict=True):
        each = -training.network(drawing[None, :n])[0].log_softmax(1)[:, label]
        share = torch.arange(1, n + 1) / n
        expected.append(each[-1] if weighting == "last" else (share * each).sum() / share.sum())
    torch.testing.assert_close(loss, torch.stack(expected).mean())


def learnable(n=240, seed=0):
    """Sequences whose class is the sum of two one-hot parts, each shown at its own step."""
    rng = np.random.default_rng(seed)
    parts = rng.integers(0, 3, (n, 2))
    features = np.zeros((n, 2, 6), np.float16)
    features[np.arange(n), 0, parts[:, 0]] = 1
    features[np.arange(n), 1, 3 + parts[:, 1]] = 1
    labels = (parts.sum(1)).astype(np.int64)
    return PrefixFeatures(features.reshape(-1, 6), np.full(n, 2), labels)


def test_it_learns_what_needs_memory(tmp_path):
    recipe = RecurrentRecipe(
        hidden_size=24, epochs=30, batch_size=24, learning_rate=2e-2, feature_dropout=0, label_smoothing=0
    )
    network = train_recurrent(learnable(), learnable(seed=1), 5, tmp_path, recipe)
    values, labels, _ = learnable(seed=2).batch(np.arange(100))
    with torch.no_grad():
        right = network(values)[:, -1].argmax(1) == labels
    assert right.float().mean() > 0.95


def test_a_resumed_training_ends_where_an_unbroken_one_does(tmp_path):
    def run(folder, epochs):
        recipe = RecurrentRecipe(hidden_size=8, epochs=4, batch_size=60, feature_dropout=0)
        return train_recurrent(learnable(), learnable(seed=1), 5, folder, recipe, stop_after=epochs)

    whole = run(tmp_path / "whole", None)
    run(tmp_path / "broken", 2)
    resumed = run(tmp_path / "broken", None)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, msg=name)


@pytest.mark.slow
def test_the_whole_recipe_ends_in_a_recogniser(drawings_file, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from sketchwidgets.cli import app

    # Each has tests of its own.
    monkeypatch.setattr("sketchwidgets.training.recognizers.one_stream._SHRINK_BATCHES", 2)
    monkeypatch.setattr("sketchwidgets.training.recognizers.publish._SCRIBBLES", 8)
    options = "--steps 2 --batch-size 4 --drawings 8 --epochs 1 --hidden-size 16 --evaluate-on 3"
    done = CliRunner().invoke(
        app, ["train", str(drawings_file), "--kind", "sketch-a-net", "--out", str(tmp_path), *options.split()]
    )
    assert done.exit_code == 0, done.output
    recognizer = Recognizer.load(tmp_path / "sketch-a-net-quickdraw345.safetensors")
    assert isinstance(recognizer.cnn, SketchANet)
    assert recognizer.classes == ("cat", "dog", "the moon", "bee", "owl", "house")
    card = (tmp_path / "sketch-a-net-quickdraw345.md").read_text()
    assert "CC BY 4.0" in card
    assert recognizer.card["measured"]["simplified"]["drawings"] == 3
    assert json.loads((tmp_path / "hours.json").read_text()).keys() == {"cnn", "features", "recurrent"}


def test_a_missing_file_is_a_sentence(tmp_path):
    from typer.testing import CliRunner

    from sketchwidgets.cli import app

    done = CliRunner().invoke(app, ["train", str(tmp_path / "none.npz"), "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "there is no file of drawings" in done.output


def test_descriptors_of_the_strokes_follow_the_features(drawings, tmp_path):
    indices = np.array([4, 9, 2])
    cached = cache_features(
        pooled, drawings, indices, tmp_path / "plain", PREPROCESSING, max_strokes=3, stroke_samples=4
    )
    strokes = [stroke for index in indices for stroke in drawings.strokes(index)[:3]]
    resampled = resample_strokes(np.concatenate(strokes)[:, :2], np.array([len(s) for s in strokes]), 4)
    owner = np.repeat(np.arange(3), cached.steps)
    np.testing.assert_allclose(cached.features[:, 16:], stroke_descriptors(resampled, owner), atol=2e-3)
    # A change of a drawing is the same for its images and its strokes: mirrored and turned alike, and nothing removed.
    mirror = Augmentation(
        rotation=0, scale=(1, 1), stretch=0, shift=0, mirror=1, removal=1, removal_share=(0.9, 0.9)
    )
    flipped = cache_features(
        lambda images: pooled(images.flip(3)),
        drawings,
        indices,
        tmp_path / "flipped",
        PREPROCESSING,
        mirror,
        max_strokes=3,
        stroke_samples=4,
    )
    sign = np.ones(16)
    sign[::2] = -1  # x of the points and of their directions
    np.testing.assert_allclose(flipped.features[:, :16], cached.features[:, :16], atol=4e-3)
    np.testing.assert_allclose(flipped.features[:, 16:32], cached.features[:, 16:32] * sign, atol=4e-3)


def test_training_with_strokes_and_averaged_weights(drawings, tmp_path):
    cached = cache_features(pooled, drawings, np.arange(60), tmp_path / "f", PREPROCESSING, stroke_samples=4)
    recipe = RecurrentRecipe(
        hidden_size=8, epochs=2, batch_size=20, strokes={"samples": 4, "size": 6}, averaging=0.9
    )
    trained = train_recurrent(cached, cached, len(drawings.classes), tmp_path / "r", recipe, progress=False)
    assert (trained.image_features, trained.stroke_samples) == (16, 4)
    last = replace(recipe, averaging=0.0)
    plain = train_recurrent(cached, cached, len(drawings.classes), tmp_path / "plain", last, progress=False)
    # What is averaged lies between the start and the end of the same training.
    assert not torch.equal(trained.output.weight, plain.output.weight)
    again = train_recurrent(cached, cached, len(drawings.classes), tmp_path / "r2", recipe, progress=False)
    for one, other in zip(trained.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)
