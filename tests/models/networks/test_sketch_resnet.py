"""SketchResNet: its table, its blocks by hand, batch norm folded away, saved and loaded, and looked into."""

import pytest
import torch
from layer_tables import count, parameters
from torch.nn import functional as F

import sketchwidgets as sw
from sketchwidgets.models import RecurrentClassifier, SketchResNet, WeightsError
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.visualization import Network, record

SMALL = {"classes": 5, "widths": (4, 6, 8), "blocks": (1, 2, 1)}


def trained(dtype=torch.float64, **arguments) -> SketchResNet:
    """A network whose batch norms have seen something, as after a training; in eval mode."""
    torch.manual_seed(0)
    network = SketchResNet(**SMALL | arguments).to(dtype)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            with torch.no_grad():
                module.weight.uniform_(-0.5, 2)
                module.bias.normal_()
                module.running_mean.normal_()
                module.running_var.uniform_(0.2, 3)
    return network.eval()


def test_parameters_by_hand():
    """A convolution of n filters on m channels, k x k: n m k² weights and n biases."""
    conv = {"conv1": 48 * 1 * 49 + 48}
    stages = {
        "stage1": 2 * (48 * 48 * 9 + 48),
        "stage2": (96 * 48 * 9 + 96) + (96 * 96 * 9 + 96) + (96 * 48 + 96),
        "stage3": (192 * 96 * 9 + 192) + (192 * 192 * 9 + 192) + (192 * 96 + 192),
        "stage4": (384 * 192 * 9 + 384) + (384 * 384 * 9 + 384) + (384 * 192 + 384),
    }
    with torch.device("meta"):
        folded, whole = SketchResNet(norm=False), SketchResNet()
    assert parameters(folded) == conv | stages | {"fc": 345 * 384 + 345}
    assert count(folded) == 2_888_313
    # Batch norm: a scale beside each shift that stands for the bias.
    filters = 48 + 2 * 48 + 3 * (96 + 192 + 384)
    assert count(whole) == count(folded) + filters


def test_sizes_of_the_maps():
    network, shapes = SketchResNet(blocks=(2, 1, 1, 1)).eval(), {}
    for name, module in network.named_modules():
        module.register_forward_hook(
            lambda _m, _i, output, name=name: shapes.update({name: tuple(output.shape[1:])})
        )
    with torch.no_grad():
        network(torch.zeros(1, 1, 96, 96))
    wanted = {
        "conv1": (48, 48, 48),
        "pool1": (48, 24, 24),
        "stage1.0.relu1": (48, 24, 24),
        "stage1.1.relu2": (48, 24, 24),
        "stage2.0.relu1": (96, 12, 12),
        "stage2.0.relu2": (96, 12, 12),
        "stage3": (192, 6, 6),
        "stage4": (384, 3, 3),
        "fc": (345,),
    }
    assert {layer: shapes[layer] for layer in wanted} == wanted


def test_a_block_by_hand():
    """ResNet-D (He et al., CVPR 2019): where a block shrinks the map, its shortcut averages 2 x 2 pixels first."""
    network = trained(norm=False)
    images = torch.rand(2, 1, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        x = F.max_pool2d(F.conv2d(images, *network.conv1.parameters(), stride=2, padding=3).relu(), 3, 2, 1)
        for stage, stride in ((network.stage1, 1), (network.stage2, 2), (network.stage3, 2)):
            for block, by in zip(stage, [stride, 1], strict=False):
                y = F.conv2d(x, *block.conv1.parameters(), stride=by, padding=1).relu()
                y = F.conv2d(y, *block.conv2.parameters(), padding=1)
                shortcut = F.avg_pool2d(x, 2) if by == 2 else x
                x = (
                    y + (shortcut if block.conv3 is None else F.conv2d(shortcut, *block.conv3.parameters()))
                ).relu()
        features = x.mean((2, 3))
        torch.testing.assert_close(network.features(images), features, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(network(images), F.linear(features, *network.fc.parameters()))
    assert [block.conv3 is None for block in network.stage2] == [False, True]


@pytest.mark.parametrize(("channels", "side"), [(1, 96), (3, 64), (1, 101)])
def test_folded_it_is_the_same_function(channels, side):
    network = trained(channels=channels)
    plain = network.fold()
    images = torch.randn(3, channels, side, side, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(plain(images), network(images), rtol=1e-10, atol=1e-10)
        assert plain.features(images).shape == (3, network.feature_size)
        assert (plain.features(images) >= 0).all()
    assert plain.arguments == network.arguments | {"norm": False}
    assert not [m for m in plain.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert plain.conv1.weight.dtype == torch.float64
    assert not plain.training
    assert plain.fold() is plain
    assert network.train().fold().training


def test_the_trained_network_stays_as_it_was():
    network = trained()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        network.fold().conv1.weight.zero_()
        network.fold().fc.weight.zero_()
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (101, 224)])
def test_other_sizes(size):
    network = trained(torch.float32)
    with torch.no_grad():
        assert network(torch.zeros(1, 1, *size)).shape == (1, 5)
        assert network.stage2(network.stage1(torch.ones(1, 4, 9, 5))).shape == (1, 6, 5, 3)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"classes": 0}, "classes must be a positive integer"),
    ({"channels": True}, "channels must be a positive integer"),
    ({"dropout": 1.0}, "dropout must be a probability below 1"),
    ({"widths": (4, 8), "blocks": (1,)}, "widths and blocks must name the same 1 to 5 stages"),
    ({"widths": (), "blocks": ()}, "widths and blocks must name the same 1 to 5 stages"),
    ({"widths": [1] * 6, "blocks": [1] * 6}, "widths and blocks must name the same 1 to 5 stages"),
    ({"widths": (4, 0, 8)}, r"widths\[1\] must be a positive integer"),
    ({"blocks": (1, 2.0, 1)}, r"blocks\[1\] must be a positive integer"),
])  # fmt: skip
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SketchResNet(**SMALL | arguments)


def test_a_recogniser_with_it_is_saved_and_loaded(tmp_path):
    network = trained(torch.float32).fold()
    recurrent = RecurrentClassifier(network.feature_size, 6, 5)
    made = Recognizer(network, recurrent, list("abcde"), Preprocessing(96, 86.0, 1.3), device="cpu")
    made.save(tmp_path / "net.safetensors", dtype="float32")
    loaded = Recognizer.load(tmp_path / "net.safetensors", device="cpu")
    assert repr(loaded) == "Recognizer(SketchResNet, GRU 6, 5 classes, cpu)"
    assert loaded.cnn.arguments == network.arguments
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.cnn.state_dict()[name], value), name
    sketch = sw.Sketch([[(0, 0), (30, 10), (60, 0)], [(20, -20), (21, -18)]])
    for ours, theirs in zip(loaded.recognize(sketch), made.recognize(sketch), strict=True):
        assert ours.probabilities.tolist() == theirs.probabilities.tolist()
    with pytest.raises(ValueError, match="the CNN takes 96 px, the preprocessing makes 225 px"):
        Recognizer(network, recurrent, list("abcde"), Preprocessing(), device="cpu")
    # Saved before its norms are folded, it is another network, and the file says so.
    tensors, _ = sw.models.load_weights(tmp_path / "net.safetensors")
    own = {name.removeprefix("cnn."): value for name, value in tensors.items() if name.startswith("cnn.")}
    with pytest.raises(WeightsError, match="does not fit SketchResNet"):
        sw.models.assign_weights(SketchResNet(**SMALL), own)


def test_the_layers_that_are_looked_at():
    network = Network.of(trained(torch.float32).fold())
    assert network.size == (96, 96)
    assert network.layers() == ("relu1", "stage1.0.relu2", "stage2.1.relu2", "stage3.0.relu2")
    assert len(network.layers(every=True)) == 1 + 2 * 4
    assert network.class_layer() == "fc"


def gradients(network, images, layer, units):
    """Of (channel, row, column) of a layer, by autograd and nothing else."""
    kept = []
    inputs = images.clone().requires_grad_()
    handle = network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: kept.append(output))
    network(inputs)
    handle.remove()
    found = [torch.autograd.grad(kept[0][(0, *unit)], inputs, retain_graph=True)[0][0] for unit in units]
    return torch.stack(found)


@pytest.mark.parametrize(("folded", "side"), [(False, 64), (True, 64), (True, 67)])
def test_projections_are_gradients(folded, side):
    network = trained().fold() if folded else trained()
    images = torch.rand(1, 1, side, side, dtype=torch.float64)
    layers = record(network, images).layers
    assert layers[0] == "relu1"
    assert len(layers) == 9
    for layer in layers:
        recording = record(network, images, layer)
        found = recording.project(layer, 2, "backprop", signal="unit", ties="first", path="windows")
        at = zip(found.channels[0].tolist(), found.positions[0].tolist(), strict=True)
        expected = gradients(network, images, layer, [(channel, *place) for channel, place in at])
        assert expected.any()
        torch.testing.assert_close(found.images[0], expected, rtol=1e-9, atol=1e-12)
        for rule in ("deconvnet", "guided"):
            windows, general = (
                recording.project(layer, 2, rule, path=path) for path in ("windows", "autograd")
            )
            torch.testing.assert_close(windows.images, general.images, rtol=1e-9, atol=1e-12)
