"""`fit` with a recurrent recipe, as `recurrent_recipe` documents it."""

import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from sketchwidgets.training import PrefixFeatures, fit, recurrent_recipe
from sketchwidgets.training.checkpoints import read_checkpoint

RECIPE = recurrent_recipe(hidden_size=6, epochs=3, batch_size=8, feature_dropout=0.0)


def features(seed=0, n=24, width=5):
    rng = np.random.default_rng(seed)
    values = rng.random((2 * n, width)).astype(np.float16)
    return PrefixFeatures(values, np.full(n, 2), np.arange(n) % 3)


def run(folder, recipe=RECIPE, **options):
    options = {"validation": features(1), "progress": False, "accelerator": "cpu", **options}
    return fit(None, features(), recipe, folder, **options)


def assert_same(one, other):
    for name, tensor in one.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name


class Steps(Callback):
    def __init__(self):
        self.count = 0

    def on_train_batch_end(self, *_):
        self.count += 1


def test_the_documented_call_trains_a_classifier_and_tells_of_it(tmp_path):
    told, counted = [], Steps()
    network = run(tmp_path, callback=told.append, callbacks=[counted])
    assert network(torch.rand(2, 4, 5)).shape == (2, 4, 3)
    assert not network.training
    assert counted.count == 9
    steps = [one for one in told if one.values]
    assert [one.step for one in steps] == list(range(1, 10))
    assert {one.steps for one in told} == {9}
    assert steps[4].epoch == pytest.approx(5 / 3)
    assert {"loss", "rate"} <= steps[-1].values.keys()
    assert told[-1].ended
    assert told[-1].finished
    assert 0 <= told[-1].validation["last_top1"] <= 1


def test_a_callback_ends_it_with_its_epoch_and_the_same_call_goes_on(tmp_path):
    run(tmp_path / "cut", callback=lambda progress: progress.step != 4)
    assert read_checkpoint(tmp_path / "cut" / "last.ckpt")["global_step"] == 6
    assert_same(run(tmp_path / "whole"), run(tmp_path / "cut"))


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"nonsense": 3}, TypeError, "nonsense is no argument of fit with a recurrent recipe"),
        ({"deterministic": True}, TypeError, "deterministic is no argument"),
        ({"every": 7}, ValueError, "every must be 100 with a recurrent recipe, not 7"),
        ({"workers": 2}, ValueError, "workers must be 0"),
        ({"num_nodes": 2}, ValueError, "num_nodes must be 1"),
        ({"strategy": "ddp"}, ValueError, "strategy must be 'auto'"),
        ({"devices": 2}, ValueError, "devices must be one, not 2"),
        ({"accelerator": "abacus"}, ValueError, "accelerator 'abacus'"),
        ({"validation": None}, TypeError, "validation of a recurrent recipe must be PrefixFeatures, not None"),
        ({"validation": features(n=0)}, ValueError, "validation is empty"),
        ({"validation": features(width=4)}, ValueError, "validation has 4 features of a step, and data has 5"),
    ],
)  # fmt: skip
def test_what_does_not_hold_for_it_is_named(options, error, match, tmp_path):
    with pytest.raises(error, match=match):
        run(tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_it_makes_its_own_network(tmp_path):
    with pytest.raises(ValueError, match="makes its own network: give None"):
        fit(torch.nn.Linear(5, 3), features(), RECIPE, tmp_path, validation=features(1))
