"""with_classes: a network gets a new last layer, and keeps all else."""

import numpy as np
import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets.models.importers import ImagePreprocessing, ImportedNetwork, Layer, Source
from sketchwidgets.training import fine_tuning_recipe, fit, with_classes


def imported():
    """As MatConvNet's networks come: the last layer is a convolution over the whole map."""
    modules = [nn.Conv2d(3, 4, 5), nn.ReLU(), nn.Conv2d(4, 1000, 13)]
    names = ("data", "conv", "relu", "score")
    graph = [Layer(names[i + 1], m, (names[i],), (names[i + 1],)) for i, m in enumerate(modules)]
    wanted = ImagePreprocessing((17, 17), 3, "bgr", mean=torch.tensor([104.0, 117.0, 123.0]))
    return ImportedNetwork(
        graph,
        input="data",
        channels=3,
        preprocessing=wanted,
        source=Source("by hand", "none"),
        class_names=[str(k) for k in range(1000)],
    )


def assert_kept(made, network, last):
    """All weights but those of the last layer are equal, and none are shared."""
    old, new = network.state_dict(), made.state_dict()
    assert old.keys() == new.keys()
    for name, tensor in old.items():
        if name.rpartition(".")[0] == last:
            assert tensor.shape[1:] == new[name].shape[1:]
        else:
            assert torch.equal(tensor, new[name])
            assert tensor.data_ptr() != new[name].data_ptr()


@pytest.mark.parametrize(
    ("name", "last"),
    [("lenet", "fc7"), ("sketch_a_net", "fc8"), ("sketch_resnet", "fc"), ("resnet18_sketch", "fc")],
)
def test_networks_of_ours(name, last):
    network = sw.models.create(name, classes=5)
    layers = [n for n, m in network.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    last = last if last in layers else layers[-1]
    made = with_classes(network.train(), 3)
    assert_kept(made, network, last)
    assert made.training
    assert (made.arguments["classes"], network.arguments["classes"]) == (3, 5)
    again, other = with_classes(network, 3), with_classes(network, 3, seed=1)
    assert torch.equal(again.get_submodule(last).weight, made.get_submodule(last).weight)
    assert not torch.equal(other.get_submodule(last).weight, made.get_submodule(last).weight)


def test_no_random_generator_is_moved_on(monkeypatch):
    """torch.manual_seed sets those of GPUs, too, and nothing would set them back."""
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    network, before = sw.models.create("lenet", classes=5), torch.get_rng_state()
    made = with_classes(network, 3, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    assert not seeded
    torch.manual_seed(4)
    assert seeded
    assert torch.equal(made.fc5.weight, nn.Conv2d(84, 3, 1).weight)


def test_an_imported_network_is_fine_tuned_with_its_own_preprocessing(tmp_path):
    network = imported()
    made = with_classes(network, 2)
    assert_kept(made, network, "score")
    assert repr(made.preprocessing) == repr(network.preprocessing)
    assert made.class_names is None
    assert len(network.class_names) == 1000
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, (6, 30, 30, 3)).astype(np.uint8), np.arange(6) % 2, ["cat", "dog"]
    recipe = fine_tuning_recipe(epochs=1, batch_size=3)
    found = fit(made, data, recipe, tmp_path, accelerator="cpu", progress=False)
    assert found.recipe.views.mean == (104.0, 117.0, 123.0)
    assert found.as_network().classes == ("cat", "dog")


def test_networks_of_torchvision_get_the_side_of_their_input():
    from torchvision.models import squeezenet1_1

    made = with_classes(squeezenet1_1(weights=None), 4)  # its last layer is a convolution before a pool
    assert made.input_size == 224
    assert made(torch.zeros(1, 3, 224, 224)).shape == (1, 4)


def test_what_cannot_be_is_named():
    def sized(*layers):
        made = nn.Sequential(*layers)
        made.input_size = 8
        return made

    for message, network, classes in (
        ("classes must be a whole number from 1", imported(), 0),
        ("there is no last layer", sized(nn.Flatten()), 3),
        ("no linear layer or convolution gives", sized(nn.Conv2d(1, 4, 3), nn.Flatten()), 3),
        ("must give scores", sized(nn.Conv2d(1, 4, 3)), 3),
        ("in groups", sized(nn.Conv2d(1, 4, 8), nn.Conv2d(4, 4, 1, groups=2), nn.Flatten()), 3),
    ):
        with pytest.raises(ValueError, match=message):
            with_classes(network, classes)
    with pytest.raises(TypeError, match="network must be"):
        with_classes("alexnet", 3)
    network, before = imported(), torch.get_rng_state()
    with_classes(network, 3)
    assert torch.equal(torch.get_rng_state(), before)
