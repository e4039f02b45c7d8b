"""Pictures are as large as the network needs them, whatever network a paper's recipe is given."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import sketchwidgets as sw
from sketchwidgets.training import Fitted, Recipe, Views, fit

CPU = {"accelerator": "cpu", "progress": False}
RECIPES = (sw.training.sketch_a_net_recipe, sw.training.zeiler_recipe, sw.training.fine_tuning_recipe)


def squares(side=64, n=8):
    """Dark frames on paper, the class being their thickness."""
    labels = np.arange(n) % 2
    images = np.full((n, side, side), 255, np.uint8)
    for image, label in zip(images, labels, strict=True):
        thick = 2 + 6 * label
        image[4 : side - 4, 4 : side - 4] = 0
        image[4 + thick : side - 4 - thick, 4 + thick : side - 4 - thick] = 255
    return images, labels


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("name", "size"), [("lenet", 36), ("sketch_resnet", 109)])
def test_a_small_network_sees_the_picture_and_not_a_scrap_of_it(tmp_path, recipe, name, size):
    recipe = recipe(epochs=1, batch_size=4, learning_rate=1e-5)
    recipe = replace(recipe, schedule="constant", warmup=0)
    fitted = fit(sw.models.create(name, classes=2), squares(), recipe, tmp_path, **CPU)
    assert fitted.recipe.views.size == size
    side = fitted.network.input_size
    assert side / size == pytest.approx(225 / 256, abs=0.01)
    network = Fitted.load(tmp_path).as_network()
    assert (network.size, network.resize) == ((side, side), size)
    drawn = network.prepare(sw.Sketch([[(0, 0), (90, 0), (90, 40)]]))[0, 0]
    middle = drawn - drawn[0, 0]
    assert np.ptp(middle.nonzero()[:, 1].numpy()) > 0.7 * side


def test_what_the_papers_networks_see_is_what_it_was():
    for side in (171, 224, 225, 227, 256):
        assert Views().side(side) == 256
    assert [Views().side(side) for side in (32, 96, 299)] == [36, 109, 340]
    assert Views(size=256).side(32) == 256
    assert Views(size=512).side(225) == 512
    views = sw.training.sketch_a_net_recipe().views
    assert repr(views.size) == "256"
    for kept in (deepcopy(views), replace(views, span=1.0)):
        assert kept.side(32) == 36
    sides = [Views().side(side) for side in range(20, 171)]
    assert all(a <= b for a, b in pairwise(sides))


def test_a_size_that_is_given_counts_and_the_network_opens(tmp_path):
    recipe = Recipe(epochs=1, batch_size=4, views=Views(size=256, test="centre"))
    fitted = fit(sw.models.create("lenet", classes=2), squares(), recipe, tmp_path, **CPU)
    assert fitted.recipe.views.size == 256
    for one in (fitted, Fitted.load(tmp_path)):
        network = one.as_network()
        assert network.resize == 256
        drawn = network.prepare(sw.Sketch([[(0, 0), (90, 0)], [(0, 90), (90, 90)]]))[0, 0]
        assert drawn.shape == (32, 32)
        assert float(drawn.max()) == pytest.approx(1.0)
        result = sw.project(network, sw.Sketch([[(0, 0), (90, 90)]]))
        assert result is not None


def test_a_history_says_how_many_steps_there_were(tmp_path):
    recipe = Recipe(epochs=4, batch_size=4, views=Views(size=36))
    fitted = fit(sw.models.create("lenet", classes=2), squares(), recipe, tmp_path, **CPU)
    assert fitted.steps == 8
    assert repr(fitted.history).endswith("; 8 steps)")
    assert repr(sw.training.History({})) == "History(; 0 steps)"
