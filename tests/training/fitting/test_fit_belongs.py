"""A folder goes on with the training that began in it, and with no other."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from fit_run import RECIPE, network, pictures, run

import sketchwidgets as sw
from sketchwidgets.training import CheckpointError, Recipe, Views, fit
from sketchwidgets.training.checkpoints import STATE, read_checkpoint
from sketchwidgets.training.checkpoints.tensor_file import write_checkpoint
from sketchwidgets.training.fitting._pictures import PartOfPictures, as_pictures
from sketchwidgets.training.fitting._traces import data_trace, start_trace

CPU = {"accelerator": "cpu", "progress": False}
# Nothing is drawn anew by this one, so that it matters what a network starts from.
AS_IT_IS = replace(RECIPE, filter_std=None, bias=None, schedule="constant", epochs=2)


def other_data():
    images, labels = pictures()
    mirrored, swapped, one = np.flip(images, 2).copy(), labels.copy(), images.copy()
    swapped[:2] = swapped[1::-1]
    one[17, 3, 4] ^= 255
    return {"pictures": [(mirrored, labels), (one, labels)], "labels": [(images, swapped)]}


@pytest.mark.parametrize("stop", [3, None])  # on the way; after the end
def test_other_data_are_refused(tmp_path, stop):
    run(tmp_path, recipe=AS_IT_IS, callback=lambda told: told.step != stop)
    before = (tmp_path / STATE).read_bytes()
    for what, kinds in other_data().items():
        for data in kinds:
            with pytest.raises(CheckpointError, match=f"belongs to another training, with other {what}"):
                fit(network(), data, AS_IT_IS, tmp_path, validation=pictures(21, 1), **CPU)
    assert (tmp_path / STATE).read_bytes() == before
    assert run(tmp_path, recipe=AS_IT_IS).finished


@pytest.mark.parametrize("stop", [3, None])
def test_other_weights_to_start_from_are_refused(tmp_path, stop):
    run(tmp_path, recipe=AS_IT_IS, callback=lambda told: told.step != stop)
    learnt = run(tmp_path / "elsewhere", recipe=replace(AS_IT_IS, epochs=6)).network
    with pytest.raises(
        CheckpointError, match="belongs to another training, which started from other weights"
    ):
        fit(learnt, pictures(), AS_IT_IS, tmp_path, validation=pictures(21, 1), **CPU)
    assert run(tmp_path, recipe=AS_IT_IS).finished


def test_a_network_that_was_trained_here_goes_on_as_it_is(tmp_path):
    made = network()
    for stop in (2, 5, None):  # the same object, no longer as it began
        found = fit(made, pictures(), AS_IT_IS, tmp_path, callback=lambda told, s=stop: told.step != s, **CPU)
    assert found.finished
    copy = network()  # and in another process: one with the weights of the state
    copy.load_state_dict(made.state_dict())
    assert fit(copy, pictures(), replace(AS_IT_IS, epochs=3), tmp_path, **CPU).steps == 12


def test_random_weights_drawn_anew_go_on_with_a_warning(tmp_path):
    run(tmp_path, recipe=AS_IT_IS, callback=lambda told: told.step != 3)
    torch.manual_seed(5)
    again = network().apply(lambda m: m.reset_parameters() if hasattr(m, "reset_parameters") else None)
    with pytest.warns(UserWarning, match="other random weights .* goes on all the same; torch.manual_seed"):
        assert fit(again, pictures(), AS_IT_IS, tmp_path, validation=pictures(21, 1), **CPU).finished
    whole = run(tmp_path / "whole", recipe=AS_IT_IS)
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_weights_that_the_recipe_draws_may_be_any(tmp_path):
    run(tmp_path, callback=lambda told: told.step != 3)
    other = network().apply(lambda m: m.reset_parameters() if hasattr(m, "reset_parameters") else None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fit(other, pictures(), RECIPE, tmp_path, validation=pictures(21, 1), **CPU).finished


def test_a_folder_of_an_older_version_goes_on(tmp_path):
    run(tmp_path, recipe=AS_IT_IS, callback=lambda told: told.step != 3)
    state = read_checkpoint(tmp_path / STATE)
    for name in ("data", "start"):
        del state["sketchwidgets"][name]
    write_checkpoint(tmp_path / STATE, state)
    images, labels = pictures()
    data = np.flip(images, 2).copy(), labels
    assert fit(network(), data, AS_IT_IS, tmp_path, validation=pictures(21, 1), **CPU).finished


class Flipped:
    """A data set that changes its pictures at random."""

    def __init__(self, random):
        self.rng = np.random.default_rng(0) if random else None
        self.images, self.labels = pictures()

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        noise = 0 if self.rng is None else self.rng.integers(0, 256)
        return self.images[i] ^ np.uint8(noise), int(self.labels[i])


def test_data_are_known_again_whatever_they_come_as(drawings, drawings_file):
    assert data_trace(as_pictures(drawings)) == data_trace(as_pictures(drawings_file))
    part = data_trace(as_pictures((drawings, np.arange(40))))
    assert part != data_trace(as_pictures((drawings, np.arange(40, 80))))
    assert data_trace(as_pictures(Flipped(True)))["pictures"] is None
    fixed = as_pictures(Flipped(False))
    assert data_trace(fixed) == data_trace(as_pictures(Flipped(False)))
    assert data_trace(PartOfPictures(fixed, np.arange(9))) != data_trace(
        PartOfPictures(fixed, np.arange(1, 10))
    )
    assert data_trace(fixed)["labels"] == data_trace(as_pictures(pictures()))["labels"]


def test_a_trace_is_small_and_says_nothing_of_how_tensors_lie_in_memory():
    made = sw.models.create("resnet18_sketch", classes=3)
    plain = start_trace(made, Recipe())
    assert start_trace(made.to(memory_format=torch.channels_last), Recipe()) == plain
    assert len(json.dumps(plain)) < 8000
    drawn = Recipe(filter_std=0.1, bias=0.0, views=Views(size=None))
    assert start_trace(made, drawn)["digest"] != plain["digest"]
    torch.nn.init.zeros_(made.fc.weight)
    assert start_trace(made, drawn)["digest"] == start_trace(made, replace(drawn, seed=1))["digest"]
    assert start_trace(made, Recipe())["digest"] != plain["digest"]
