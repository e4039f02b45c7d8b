"""Fitted.load: a network is opened again from its folder, with the input it was trained on."""

import json
import shutil
import struct

import numpy as np
import pytest
import torch
from fit_run import network as plain
from fit_run import pictures
from safetensors.torch import save_file

import sketchwidgets as sw
from sketchwidgets.training import Fitted, Recipe, Views, fit

CPU = {"accelerator": "cpu", "progress": False}
RECIPE = Recipe(
    epochs=1,
    batch_size=30,
    views=Views(size=36, mean=True, ink=False, deviation=(0.5,)),
    augmentation=None,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    return fit(
        sw.models.create("lenet", classes=3), pictures(), RECIPE, folder, validation=pictures(21, 1), **CPU
    )


def test_a_registered_network_is_opened_as_it_was(trained):
    opened = Fitted.load(trained.folder)
    assert type(opened.network) is type(trained.network)
    for name, tensor in trained.network.state_dict().items():
        assert torch.equal(opened.network.state_dict()[name], tensor)
    for name in ("recipe", "classes", "step", "steps", "accuracy", "folder"):
        assert getattr(opened, name) == getattr(trained, name), name
    assert opened.accuracy is not None
    assert opened.finished
    assert not opened.network.training
    np.testing.assert_array_equal(opened.history["loss"], trained.history["loss"])
    picture = pictures(1, 5)[0][0]
    ours, theirs = (one.as_network() for one in (opened, trained))
    assert torch.equal(ours.prepare(picture), theirs.prepare(picture))
    assert torch.equal(opened.scores(pictures(4)), trained.scores(pictures(4)))


def test_changes_of_strokes_are_read_back(drawings, tmp_path):
    changes = sw.training.Augmentation(removal=0.5)
    recipe = Recipe(epochs=1, batch_size=16, views=Views(size=32), augmentation=changes)
    made = fit(sw.models.create("lenet", classes=6), drawings, recipe, tmp_path, **CPU)
    assert Fitted.load(tmp_path).recipe == made.recipe


def test_a_network_with_imagenet_weights_keeps_its_input_and_downloads_nothing(tmp_path):
    network = sw.models.create("resnet18_sketch", classes=3)
    network.input_statistics = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # as with the weights
    recipe = sw.training.fine_tuning_recipe(epochs=1, batch_size=3, views=Views(size=None, test="centre"))
    fit(network, pictures(3), recipe, tmp_path, **CPU)
    opened = Fitted.load(tmp_path)
    assert opened.network.input_statistics == network.input_statistics
    white = opened.as_network().prepare(np.full((9, 9), 255, np.uint8))
    assert white[0, :, 4, 4].tolist() == pytest.approx(
        [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    )


def test_what_cannot_be_opened_is_named(trained, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no network.safetensors in .*all steps are made"):
        Fitted.load(tmp_path)
    fit(plain(), pictures(), Recipe(epochs=1, views=Views(size=20)), tmp_path, **CPU)
    with pytest.raises(
        sw.models.WeightsError, match=r"Sequential is none of the networks that sw.models.create"
    ):
        Fitted.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"arguments": {"classes": -1}}, "cannot be built: classes"),
        ({"arguments": {"classes": 4}}, "does not fit LeNet"),
        ({"arguments": {"classes": 10**15}}, "LeNet|cannot be built"),
        ({"recipe": {"views": {"size": 36}}}, '"recipe" in the metadata is damaged'),
        ({"recipe": None}, '"recipe" in the metadata is damaged'),
        ({"classes": "ab"}, '"classes"'),
        ({"steps": -1}, '"steps" in the metadata is -1'),
        ({"accuracy": 7}, '"accuracy"'),
    ],
)
def test_damaged_metadata_is_named(trained, tmp_path, change, message):
    tensors, facts = sw.models.load_weights(trained.folder / "network.safetensors")
    sw.models.save_weights(tmp_path / "network.safetensors", tensors, facts | change, dtype="float32")
    shutil.copy(trained.folder / "mean.safetensors", tmp_path)
    with pytest.raises(sw.models.WeightsError, match=message):
        Fitted.load(tmp_path)


def test_a_damaged_mean_is_named(trained, tmp_path):
    shutil.copy(trained.folder / "network.safetensors", tmp_path)
    with pytest.raises(FileNotFoundError, match="no mean picture"):
        Fitted.load(tmp_path)
    path = tmp_path / "mean.safetensors"
    for mean, message in (
        (torch.zeros(3, 36, 36), r"mean is \(3, 36, 36\)"),
        (torch.full((1, 4, 4), np.nan), "finite"),
    ):
        save_file({"mean": mean}, path)
        with pytest.raises(sw.models.WeightsError, match=message):
            Fitted.load(tmp_path)
    header = json.dumps({"mean": {"dtype": "F32", "shape": [1, 9**9, 9**9], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(sw.models.WeightsError, match="not a mean picture"):
        Fitted.load(tmp_path)
