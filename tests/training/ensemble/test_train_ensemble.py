"""The ensemble end to end on a few made-up drawings: cut off and gone on, refused, and what is counted."""

import re

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from sketchwidgets import cli
from sketchwidgets.models import RecurrentClassifier, SketchANet, load_weights
from sketchwidgets.models.ensemble import (
    FeatureFusion,
    InkPreparation,
    JointBayesian,
    MultiScale,
    at_scale,
    concatenate,
)
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.training import load_images_npz, three_folds
from sketchwidgets.training.ensemble import EnsembleResult, FineTuning, train_ensemble
from sketchwidgets.training.ensemble._fine_tune import augment, fine_tune, start_network

RECIPE = FineTuning(epochs=3, batch_size=5, warmup=1, learning_rate=3e-3, dropout=0.1)


@pytest.fixture(scope="module")
def recognizer():
    torch.manual_seed(0)
    classes = ["ant", "wine bottle", "moon"]
    cnn = SketchANet(3, width=1 / 8)  # a hundredth of the work
    return Recognizer(cnn, RecurrentClassifier(64, 4, 3), classes, Preprocessing(), device="cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Nine drawings each of bars that lie, bars that stand, and boxes, black on white."""
    rng = np.random.default_rng(0)
    labels = np.tile([0, 1, 2], 9)
    images = np.full((27, 64, 64), 255, np.uint8)
    for image, label in zip(images, labels, strict=True):
        row, column = rng.integers(10, 30, 2)
        if label != 1:
            image[row : row + 2, 8:56] = 0
        if label != 0:
            image[8:56, column : column + 2] = 0
    path = tmp_path_factory.mktemp("drawings") / "bars.npz"
    np.savez(path, images=images, label=labels, classes=["Ant", "wine-bottle", "sun"])
    return path


def run(data, folder, recognizer, **changes):
    arguments = {"folds": (1,), "scales": (256, 64), "training_views": 1, "recipe": RECIPE, "components": 8}
    return train_ensemble(data, folder, recognizer=recognizer, progress=False, **(arguments | changes))


@pytest.fixture(scope="module")
def whole(data, recognizer, tmp_path_factory):
    """Folder, result, and the states that were reported."""
    folder, states = tmp_path_factory.mktemp("whole"), []
    return folder, run(data, folder, recognizer, callback=states.append), states


def test_what_is_counted_is_what_the_saved_ensemble_recognises(whole, data):
    folder, result, states = whole
    images, labels, _ = load_images_npz(data)
    test = three_folds(labels, 0) == 1
    ensemble = MultiScale.load(folder / "fold1.safetensors")
    with torch.no_grad():
        features, scores = ensemble.outputs(ensemble.prepare(images[test]))
        alike = ensemble.outputs(ensemble.prepare(images[test]), views=1)[0].numpy()
    features, truth = features.numpy(), labels[test]
    feature = FeatureFusion.load(folder / "fold1-feature-fusion.safetensors")
    joint = JointBayesian.load(folder / "fold1-joint-bayesian.safetensors")
    found = {
        "scale 256": scores[:, 0].argmax(1).numpy(),
        "scale 64": scores[:, 1].argmax(1).numpy(),
        "score fusion": scores.softmax(2).mean(1).argmax(1).numpy(),
        "feature fusion": feature.predict(features),
        "Joint Bayesian": joint.predict(concatenate(features)),
        "feature fusion, 1 views": feature.predict(alike),
        "Joint Bayesian, 1 views": joint.predict(concatenate(alike)),
    }
    assert [row.name for row in result.rows] == list(found)
    first = found["scale 256"] == truth
    for row in result.rows:
        right = found[row.name] == truth
        # The run was in bfloat16, this is not: an image on the edge may fall to the other side.
        assert abs(row.right[0] - right.sum()) <= 1
        assert row.total == (9,)
        assert row.gained - row.lost == row.right[0] - result.rows[0].right[0]
        assert abs(row.gained - int((right & ~first).sum())) <= 2
    losses = [np.mean([state["loss"] for state in states if state.get("epoch") == epoch]) for epoch in (0, 2)]
    assert losses[1] < losses[0]
    assert result.settings["classes_known_by_name"] == 2
    assert EnsembleResult.load(folder / "result.json") == result


def test_cut_off_it_ends_with_the_same(whole, data, recognizer, tmp_path):
    folder, result, _ = whole

    # In the second epoch of the first network, and between two views of the test images.
    assert run(data, tmp_path, recognizer, callback=lambda state: state.get("step") != 5) is None
    assert (tmp_path / "fold1-scale256-network.checkpoint").is_file()
    assert run(data, tmp_path, recognizer, callback=lambda state: state.get("view") != 3) is None
    assert not (tmp_path / "result.json").exists()
    again = run(data, tmp_path, recognizer)
    assert [row.right for row in again.rows] == [row.right for row in result.rows]
    for name in ("fold1.safetensors", "fold1-joint-bayesian.safetensors"):
        one, other = (load_weights(where / name)[0] for where in (folder, tmp_path))
        assert all(torch.equal(one[key], other[key]) for key in one)
    assert not list(tmp_path.glob("*.checkpoint"))


def test_a_folder_of_other_settings_is_refused(whole, data, recognizer):
    folder = whole[0]
    with pytest.raises(ValueError, match="an ensemble of other recipe, seed, data; give another folder"):
        run(data, folder, recognizer, recipe=FineTuning(epochs=1), seed=1)


def test_a_damaged_checkpoint_is_named(data, recognizer, tmp_path):
    (tmp_path / "fold1-scale256-network.checkpoint").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"fold1-scale256-network\.checkpoint: a damaged checkpoint"):
        run(data, tmp_path, recognizer)


def test_known_classes_keep_their_rows(recognizer):
    network, found = start_network(recognizer.cnn, recognizer.classes, ["Wine-Bottle", "tree"], 0.0, 0)
    assert found == 1
    assert torch.equal(network.fc8.weight[0], recognizer.cnn.fc8.weight[1])
    assert not torch.equal(network.fc8.weight[1], recognizer.cnn.fc8.weight[0])
    assert torch.equal(network.conv3.weight, recognizer.cnn.conv3.weight)
    images = torch.rand(1, 1, 225, 225)
    with torch.no_grad():
        network.eval()
        assert torch.allclose(network.features(images), recognizer.cnn.features(images), atol=1e-4)


def test_augmentation_without_turns_is_a_crop_or_its_mirror_image():
    image = at_scale(torch.rand(1, 1, 256, 256), 128)
    crops = image[0, 0, 90:, 90:].unfold(0, 30, 1).unfold(1, 30, 1)[:32, :32]
    for mirror in (0.0, 1.0):
        recipe = FineTuning(rotation=0, mirror=mirror)
        seen = augment(image.expand(4, -1, -1, -1), recipe, torch.Generator().manual_seed(3))
        for one in seen[:, 0]:
            one = one.flip(1) if mirror else one
            assert (crops - one[90:120, 90:120]).abs().amax((2, 3)).min() < 1e-4


def test_augmentation_turns_about_the_middle():
    from scipy import ndimage

    image = at_scale(torch.rand(1, 1, 256, 256), 24)  # smooth
    recipe = FineTuning(rotation=5, rotation_probability=1.0, mirror=0.0)
    seen = augment(image.expand(6, -1, -1, -1), recipe, torch.Generator().manual_seed(0))[:, 0].numpy()
    turned = [ndimage.rotate(image[0, 0].numpy(), angle, reshape=False, order=1) for angle in range(-5, 6)]
    for one in seen:
        # Away from the paper that comes in at the corners.
        fits = [
            np.abs(other[r + 20 : r + 205 : 9, c + 20 : c + 205 : 9] - one[20:205:9, 20:205:9]).max()
            for other in turned
            for r in range(32)
            for c in range(32)
        ]
        assert min(fits) < 0.02


def test_the_command(data, tmp_path):
    run_command = CliRunner().invoke
    done = run_command(cli.app, ["ensemble", str(data), "--out", str(tmp_path), "--fold", "0", "--scale", "64",
                                 "--epochs", "0", "--training-views", "1"])  # fmt: skip
    assert done.exit_code == 1
    assert "components must be at most 17: two folds" in done.output
    assert not tmp_path.joinpath(
        "fold0-scale64-network.safetensors"
    ).exists()  # said before anything is trained
    done = run_command(cli.app, ["ensemble", str(tmp_path / "none.npz"), "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "there is no file" in done.output


def test_bad_arguments_are_named(data, recognizer, tmp_path):
    for changes, message in (
        ({"folds": (3,)}, "folds must be"),
        ({"folds": ()}, "folds must be"),
        ({"scales": (64, 64)}, "scales must be"),
        ({"training_views": 11}, "training_views"),
    ):
        with pytest.raises(ValueError, match=message):
            run(data, tmp_path, recognizer, **changes)
    assert InkPreparation().size == 256


def test_frozen_layers_stay_as_they_are(recognizer, tmp_path):
    images = torch.randint(0, 256, (6, 1, 256, 256), generator=torch.Generator().manual_seed(0)).byte()
    labels = torch.tensor([0, 1, 2, 0, 1, 2])

    def trained(name, frozen):
        network, _ = start_network(recognizer.cnn, recognizer.classes, recognizer.classes, 0.1, 0)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        recipe = FineTuning(epochs=1, batch_size=3, weight_decay=0.5, frozen=frozen)
        assert fine_tune(network, images, labels, recipe, 0, tmp_path / name) is not None
        return {
            key.split(".")[0] for key, value in network.state_dict().items() if not value.equal(before[key])
        }

    every = trained("none", ())
    assert {"conv1", "conv2", "fc8"} <= every
    assert trained("two", ("conv1", "fc7")) == every - {"conv1", "fc7"}
    with pytest.raises(
        ValueError, match=r"frozen must be layers of the network \(conv1, .*fc8.*\), not 'conv9'"
    ):
        trained("unknown", ("conv9",))
    with pytest.raises(ValueError, match="frozen leaves no layer to train"):
        trained("all", tuple(every))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("precision", "int4"),
        ("precision", ["bf16"]),
        ("batch_size", 0),
        ("epochs", "four"),
        ("warmup", 2.5),
        ("learning_rate", None),
        ("label_smoothing", 1),
        ("mirror", float("nan")),
        ("rotation", True),
        ("frozen", "conv1"),
    ],
)
def test_what_cannot_be_trained_is_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .*{re.escape(repr(value))}"):
        FineTuning(**{name: value})
