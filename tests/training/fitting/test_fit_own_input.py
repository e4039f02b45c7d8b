"""fit feeds a network as it wants to be fed, and what it feeds is what the trained network prepares later."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models.importers import ImagePreprocessing, ImportedNetwork, Layer, Source
from sketchwidgets.models.networks._imagenet import input_statistics
from sketchwidgets.training import Views, fine_tuning_recipe, fit

CPU = {"accelerator": "cpu", "progress": False}
SIDE = 17


def pictures(side=48, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (6, side, side, 3)).astype(np.uint8), np.arange(6) % 2


def layers(channels, side=SIDE):
    return [nn.Conv2d(channels, 4, side), nn.Flatten(), nn.Linear(4, 2)]


def pretrained_like(channels):
    """As the networks of torchvision are with ImageNet weights."""
    network = nn.Sequential(*layers(channels))
    network.input_size, network.input_statistics = SIDE, input_statistics(channels)
    return network


def imported(mean, resize=None, ink="negative"):
    names = ("data", "conv", "flat", "score")
    graph = [Layer(names[i + 1], m, (names[i],), (names[i + 1],)) for i, m in enumerate(layers(3))]
    wanted = ImagePreprocessing((SIDE, SIDE), 3, "bgr", mean=mean, scale=0.5, resize=resize, ink=ink)
    return ImportedNetwork(
        graph, input="data", channels=3, preprocessing=wanted, source=Source("by hand", "none")
    )


def trained(network, recipe, folder, data=None, **keywords):
    """The trained network, and what it was shown in its last validation."""
    shown = []
    data = pictures() if data is None else data

    def keep(module, inputs):
        if not module.training and len(inputs[0]) == 6:
            shown.append(inputs[0].detach().clone())

    hook = network.register_forward_pre_hook(keep)
    fitted = fit(network, data, recipe, folder, validation=data, **CPU, **keywords)
    hook.remove()
    return fitted, shown[-1]


def assert_prepared_alike(fitted, images, shown):
    network = fitted.as_network()
    for image, expected in zip(images, shown, strict=True):
        torch.testing.assert_close(
            network.prepare(image)[0], expected, rtol=0, atol=2e-5 * expected.abs().max()
        )


GENTLE = fine_tuning_recipe(epochs=1, batch_size=3, learning_rate=1e-6)


@pytest.mark.parametrize("channels", [3, 1])
def test_imagenet_weights_see_paper_with_imagenets_mean_and_deviation(tmp_path, channels):
    images, _ = pictures()
    recipe = replace(GENTLE, views=Views(size=22))
    fitted, shown = trained(pretrained_like(channels), recipe, tmp_path)
    assert_prepared_alike(fitted, images, shown)
    if channels == 3:
        (expected,) = sw.Network(nn.Conv2d(3, 1, 1).eval(), size=SIDE, resize=22, mean=(0.485, 0.456, 0.406),
                                 std=(0.229, 0.224, 0.225)).prepare(images[2])  # fmt: skip
        torch.testing.assert_close(shown[2], expected, rtol=0, atol=1e-5)
    white = fitted.as_network().prepare(np.full((30, 30), 255, np.uint8))
    mean, deviation = input_statistics(channels)
    torch.testing.assert_close(white[0, :, 3, 3], (1 - torch.tensor(mean)) / torch.tensor(deviation))


def test_views_that_say_something_else_are_followed(tmp_path):
    images, _ = pictures()
    ink = replace(GENTLE, views=Views(size=22, own=False))
    fitted, shown = trained(pretrained_like(3), ink, tmp_path / "ink")
    assert 0 <= float(shown.min()) < float(shown.max()) <= 1
    assert_prepared_alike(fitted, images, shown)
    halves = replace(GENTLE, views=Views(size=22, ink=False, mean=0.5, deviation=(0.5, 0.25, 0.5)))
    fitted, shown = trained(pretrained_like(3), halves, tmp_path / "halves")
    assert_prepared_alike(fitted, images, shown)
    assert float(shown[:, 1].abs().max()) > 1.2 * float(shown[:, 0].abs().max())
    four = replace(GENTLE, views=Views(size=22, mean=(1, 2, 3, 4)))
    with pytest.raises(ValueError, match=r"views.mean has 4 numbers, and the network takes 3"):
        fit(pretrained_like(3), pictures(), four, tmp_path / "four", **CPU)


@pytest.mark.parametrize("resize", [None, 22])
@pytest.mark.parametrize("ink", ["negative", "positive"])
def test_an_imported_network_is_fed_by_its_own_preprocessing(tmp_path, resize, ink):
    images, _ = pictures()
    mean = 255 * torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    network = imported(mean, resize, ink)
    size = None if resize is None else 256  # what the file says is stronger
    fitted, shown = trained(network, replace(GENTLE, views=Views(size=size)), tmp_path)
    for image, seen in zip(images, shown, strict=True):
        torch.testing.assert_close(seen, network.prepare(image)[0], rtol=0, atol=1e-3)
    assert_prepared_alike(fitted, images, shown)
    assert fitted.scores(pictures()).shape == (6, 2)


def test_an_imported_network_with_the_recipe_of_alexnet_keeps_its_mean(tmp_path):
    network = imported(torch.tensor([104.0, 117.0, 123.0]))
    recipe = sw.training.alexnet_pictionary_recipe(epochs=1, batch_size=3, learning_rate=1e-6)
    recipe = replace(recipe, views=replace(recipe.views, size=22))
    fitted, shown = trained(network, recipe, tmp_path)
    assert fitted.recipe.views.mean == (104.0, 117.0, 123.0)
    assert fitted.mean is None
    assert_prepared_alike(fitted, pictures()[0], shown)


def test_a_sketch_a_net_is_fed_by_its_recipe(tmp_path):
    data = pictures(256)
    network = sw.models.create("sketch_a_net", classes=2, width=1 / 64)
    recipe = sw.training.sketch_a_net_recipe(epochs=1, batch_size=6)
    fitted, shown = trained(network, recipe, tmp_path, data)
    assert float(shown.max()) > 250
    assert_prepared_alike(fitted, data[0], shown)
