"""What holds for every network: weights to a file and back, projections, groups by depth."""

import pytest
import torch
from torch import nn

import sketchwidgets as sw
from sketchwidgets import models
from sketchwidgets.models.networks._chain import Chain
from sketchwidgets.visualization import record

SMALL = {"conv": (8, 12, 12, 12, 8), "fc": 16, "classes": 5}
NETWORKS = [
    ("zfnet", SMALL, "relu5"),
    ("alexnet", SMALL | {"channels": 1, "without": (3, 4)}, "relu5"),
    ("lenet", {}, "relu2"),
    ("lenet", {"original": True}, "tanh2"),
    ("sketch_a_net", {"classes": 5, "channels": 6}, "relu5"),
    ("sketch_resnet", {"classes": 5, "widths": (8, 16), "blocks": (1, 2)}, "stage2.0.relu2"),
    ("resnet18_sketch", {"classes": 5, "channels": 1}, "layer2.1"),
    ("googlenet_sketch", {"classes": 5, "channels": 1}, "inception3b"),
]
LARGE = [
    ("resnet50_sketch", {"classes": 5}, "layer2.3"),
    ("alexnet_sketch", {"classes": 5}, "features.11"),
    ("vgg16_sketch", {"classes": 5, "channels": 1}, "features.15"),
]
zoo = pytest.mark.parametrize(("name", "arguments", "layer"), NETWORKS)


def without_classifier(name, arguments):
    """A large network up to its last map, with weights; its classifier would take half a gigabyte."""
    with torch.device("meta"):
        network = models.create(name, **arguments)
    for part in ("classifier", "fc"):
        if hasattr(network, part):
            setattr(network, part, nn.Flatten())
    network.to_empty(device="cpu")
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.fill_(1)
        elif value.ndim > 1:
            nn.init.kaiming_normal_(value)
        else:
            value.fill_(float(key.endswith("weight")))  # of a batch normalisation
    return network


@zoo
def test_a_file_makes_the_network_again(name, arguments, layer, tmp_path):
    network = models.create(name, **arguments).eval()
    metadata = {"name": models.name_of(network), "arguments": network.arguments}
    models.save_weights(tmp_path / "net.safetensors", network.state_dict(), metadata, dtype="float32")
    tensors, read = models.load_weights(tmp_path / "net.safetensors")
    with torch.device("meta"):
        again = models.create(read["name"], **read["arguments"]).eval()
    models.assign_weights(again, tensors)
    images = torch.rand(2, network.arguments["channels"], network.input_size, network.input_size)
    with torch.no_grad():
        torch.testing.assert_close(again(images), network(images), rtol=0, atol=0)


@pytest.mark.parametrize(("name", "arguments", "layer"), NETWORKS + LARGE)
def test_a_projection_is_the_gradient(name, arguments, layer):
    torch.manual_seed(0)
    large = (name, arguments, layer) in LARGE
    network = without_classifier(name, arguments) if large else models.create(name, **arguments)
    network = network.double().eval()
    channels = network.arguments["channels"]
    side = 64 if large or name.startswith(("resnet", "google")) else network.input_size
    images = torch.rand(1, channels, side, side, dtype=torch.float64, requires_grad=True)
    result = record(network, images.detach(), layer).project(
        layer, 2, "backprop", signal="unit", ties="first"
    )
    kept = []
    handle = network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: kept.append(output))
    network(images)
    handle.remove()
    for unit in range(2):
        channel, (row, column) = result.channels[0, unit], result.positions[0, unit]
        (expected,) = torch.autograd.grad(kept[0][0, channel, row, column], images, retain_graph=True)
        assert expected.any()
        error = (result.images[0, unit] - expected[0]).abs().max()
        assert error < 1e-9 * expected.abs().max()


@pytest.mark.parametrize("name", ["zfnet", "lenet"])
def test_the_default_rule_and_layers(name):
    network = models.create(name, **(SMALL if name == "zfnet" else {})).eval()
    result = sw.project(
        network, torch.rand(1, network.arguments["channels"], *2 * [network.input_size]), top=2
    )
    assert list(result) == (["relu1", "relu2"] if name == "lenet" else [f"relu{k}" for k in range(1, 6)])
    assert all(bool(layer.images.any()) for layer in result.values())


@zoo
def test_features_are_what_the_last_layer_sees(name, arguments, layer):
    network = models.create(name, **arguments).eval()
    side = network.input_size
    images = torch.rand(2, network.arguments["channels"], side, side)
    with torch.no_grad():
        features = models.penultimate(network, images)
        last = [m for m in network.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
        weight = last.weight.flatten(1)
        torch.testing.assert_close(features @ weight.T + last.bias, network(images), rtol=1e-4, atol=1e-5)
        if isinstance(network, Chain):
            assert torch.equal(features, network.features(images))
            assert features.shape == (2, network.feature_size)


@pytest.mark.parametrize(
    ("name", "layers"),
    [("zfnet", 8), ("alexnet", 8), ("lenet", 5), ("sketch_a_net", 8), ("alexnet_sketch", 8), ("vgg16_sketch", 16),
     ("googlenet_sketch", 3 + 9 + 1), ("resnet18_sketch", 1 + 8 + 1), ("resnet50_sketch", 1 + 16 + 1),
     ("sketch_resnet", 1 + 4 + 1)],
)  # fmt: skip
def test_groups_by_depth(name, layers):
    with torch.device("meta"):
        network = models.create(name)
    groups = models.layer_groups(network)
    assert len(groups) == layers
    everything = [p for group in groups for p in group]
    assert [id(p) for p in everything] == [id(p) for p in network.parameters()]
    assert all(any(p.ndim > 1 for p in group) for group in groups)


def test_groups_of_other_modules():
    recurrent = models.create(
        "recurrent_classifier", input_size=4, hidden_size=3, classes=2, learn_initial_state=True
    )
    groups = models.layer_groups(recurrent)
    assert len(groups) == 2
    assert groups[0][0] is recurrent.first
    shared = nn.Linear(3, 3)
    assert [len(group) for group in models.layer_groups(nn.Sequential(shared, nn.ReLU(), shared))] == [2]
    normed = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    assert [len(group) for group in models.layer_groups(normed)] == [4, 2]
    alone = nn.Linear(2, 2)
    assert [len(group) for group in models.layer_groups(alone)] == [2]
    assert models.layer_groups(nn.ReLU()) == []
    with pytest.raises(TypeError, match=r"network must be a torch\.nn\.Module, not str"):
        models.layer_groups("zfnet")


def test_features_of_nothing():
    network = nn.Sequential(nn.ReLU())
    with pytest.raises(ValueError, match="no linear layer or convolution of Sequential ran"):
        models.penultimate(network, torch.zeros(1, 1, 4, 4))


@pytest.mark.parametrize("name", ["sketch_a_net", "lenet", "alexnet"])
def test_a_slice_is_those_layers(name):
    network = models.create(name, **(SMALL if name == "alexnet" else {})).eval()
    part, rest = network[:6], network[6:]
    assert type(part) is type(rest) is nn.Sequential
    names = [name for name, _ in network.named_children()]
    assert [name for name, _ in (*part.named_children(), *rest.named_children())] == names
    assert not part.training
    assert part[0] is network[0]
    assert network[-1] is list(network.children())[-1]
    channels = network.arguments["channels"]
    images = torch.rand(2, channels, network.input_size, network.input_size)
    with torch.no_grad():
        assert torch.equal(rest(part(images)).flatten(1), network(images))
