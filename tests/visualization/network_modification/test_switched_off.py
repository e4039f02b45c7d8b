"""Parts of a network switched off: by hand, against plain hooks in float64, and against a session of a recogniser."""

import numpy as np
import pytest
import torch
from tiny_recognizer import make_tiny
from torch import Tensor, nn

import sketchwidgets as sw
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.visualization import Ablation, AblationState, Network

SKETCH = sw.Sketch([[(0, 0), (0, 40), (8, 40)], [(40, 0), (40, 40)], [(20, 10), (24, 30)]])


class Twisted(nn.Module):
    """A way around, an activation in place, one that runs twice, and a normalisation across channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(2, 6, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.norm = nn.LocalResponseNorm(3)
        self.conv2 = nn.Conv2d(6, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(6 * 16, 7)
        self.tanh = nn.Tanh()
        self.fc2 = nn.Linear(7, 4)

    def forward(self, images: Tensor) -> Tensor:
        x = self.norm(self.relu(self.conv1(images)))
        y = self.relu(self.conv2(x) + x)
        return self.fc2(self.tanh(self.fc1(self.pool(y).view(len(images), -1))))


LAYERS = ("conv1", "relu", "norm", "conv2", "pool", "tanh")


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    return Twisted().double().eval()


@pytest.fixture
def image() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(1, 2, 8, 8, dtype=torch.float64)


def by_hooks(net: nn.Module, image: Tensor, layer: str, channel: int | None, to: str) -> np.ndarray:
    """The probabilities with a layer, or one channel of it, off: one pass with a hook of our own."""
    border = torch.cat([image[0, :, 0], image[0, :, -1], image[0, :, :, 0], image[0, :, :, -1]], 1)
    paper = border.median(1).values.view(1, -1, 1, 1).expand_as(image)
    said = []
    handle = net.get_submodule(layer).register_forward_hook(
        lambda _module, _inputs, output: said.append(output.detach().clone()) if not said else None
    )
    net(paper.clone())
    handle.remove()
    instead = said[0] if to == "paper" else torch.zeros_like(said[0])
    runs = []

    def change(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        runs.append(1)
        if len(runs) > 1:
            return None
        output = output.clone()
        output[:, slice(None) if channel is None else channel] = instead[
            :, slice(None) if channel is None else channel
        ]
        return output

    handle = net.get_submodule(layer).register_forward_hook(change)
    with torch.no_grad():
        made = net(image.clone()).softmax(1)[0].numpy()
    handle.remove()
    return made


@pytest.mark.parametrize("method", ["replay", "forward"])
@pytest.mark.parametrize("to", ["zero", "paper"])
def test_every_channel_as_by_a_hook_of_its_own(net, image, to, method):
    found = sw.ablation(net, image, LAYERS, to=to, method=method, progress=False)
    with torch.no_grad():
        before = net(image.clone()).softmax(1)[0].numpy()
    assert found.method == method
    assert found.target == before.argmax()
    assert found.complete
    np.testing.assert_allclose(found.probabilities, before, atol=1e-12)
    for layer in LAYERS:
        off = by_hooks(net, image, layer, None, to)
        assert found.layers[layer] == pytest.approx(before[found.target] - off[found.target], abs=1e-12)
        assert found.layer_labels[layer] == off.argmax()
        for channel, effect in enumerate(found.channels[layer]):
            off = by_hooks(net, image, layer, channel, to)
            assert effect == pytest.approx(before[found.target] - off[found.target], abs=1e-12)
            assert found.channel_labels[layer][channel] == off.argmax()


@pytest.mark.parametrize("to", ["zero", "paper"])
def test_several_at_once(net, image, to):
    one = sw.switch_off(net, image, {"relu": [4]}, to)
    np.testing.assert_allclose(one.after[0], by_hooks(net, image, "relu", 4, to), atol=1e-12)
    whole = sw.switch_off(net, image, {"tanh": None, "relu": [4, 1]}, to)  # the later one decides
    np.testing.assert_allclose(whole.after[0], by_hooks(net, image, "tanh", None, to), atol=1e-12)
    batch = sw.switch_off(net, image.repeat(3, 1, 1, 1), {"relu": range(6)}, to)
    np.testing.assert_allclose(batch.after[2], by_hooks(net, image, "relu", None, to), atol=1e-12)
    nothing = sw.switch_off(net, image, {"relu": []}, to)
    np.testing.assert_array_equal(nothing.before, nothing.after)


def test_two_layers_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten(), nn.Linear(2, 2, bias=False)).eval()
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([1.0, 2.0]).view(2, 1, 1, 1))
        net[2].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    found = sw.ablation(net, torch.full((1, 1, 1, 1), 3.0), "0", target=1, progress=False)
    # The scores are 3 and 6: 3 - 0 without the second channel, 0 - 6 without the first, 0 and 0 without both.
    share = 1 / (1 + np.exp(-3.0))
    np.testing.assert_allclose(
        found.channels["0"], [share - 1 / (1 + np.exp(-6.0)), share - 1 / (1 + np.exp(3.0))], rtol=1e-6
    )
    assert found.layers["0"] == pytest.approx(share - 0.5)
    assert found.channel_labels["0"].tolist() == [1, 0]
    assert found.order("0") == [1, 0]
    assert [(layer, channel) for layer, channel, _, _ in found.strongest(1)] == [("0", 1)]


@pytest.mark.parametrize("image_to", [None, "cell", "output"])
def test_a_recogniser_at_every_stroke(image_to):
    recognizer = make_tiny(image_to=image_to)

    def without(cnn: nn.Module, image: Tensor) -> Tensor:
        maps = cnn.relu(cnn.conv(image))
        maps[:, [0, 2]] = 0
        return cnn.fc(maps).flatten(1)

    session = recognizer.session(without)
    wanted = np.stack([session.add(stroke).probabilities for stroke in SKETCH])
    found = sw.switch_off(recognizer, SKETCH, {"relu": [0, 2]})
    np.testing.assert_allclose(found.after, wanted, atol=1e-6)
    before = np.stack([prediction.probabilities for prediction in recognizer.recognize(SKETCH)])
    np.testing.assert_allclose(found.before, before, atol=1e-6)
    ablated = sw.ablation(recognizer, SKETCH, "relu", target="cat", progress=False)
    for channel in range(4):
        after = sw.switch_off(recognizer, SKETCH, {"relu": [channel]}).after[-1, 2]
        assert ablated.channels["relu"][channel] == pytest.approx(before[-1, 2] - after, abs=1e-6)
    assert ablated.method == "replay"
    assert "cat" in ablated.figure().title


def test_paper_of_a_whole_layer_is_what_the_network_says_of_paper():
    recognizer = make_tiny()
    network = Network.of(recognizer)
    found = sw.ablation(network, SKETCH, ["conv", "relu"], to="paper", progress=False)
    empty = network.scores(network.prepare(sw.Sketch([])))[0]
    for layer in ("conv", "relu"):
        assert found.layers[layer] == pytest.approx(found.probability - float(empty[found.target]), abs=1e-6)
    many = torch.cat([network.prepare(SKETCH), network.prepare(sw.Sketch([]))])
    assert sw.switch_off(network, many, {"relu": None}, "paper").after.shape == (2, 4)


class Branches(nn.Module):
    """Goes another way where the ink is thin, which a recording does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(3, 3)

    def forward(self, images: Tensor) -> Tensor:
        means = self.relu(self.conv(images)).mean((2, 3))
        return self.fc(
            torch.where(means.sum(1, keepdim=True) > 0, means, 1 - means) if means.max() > 0 else -means
        )


def test_what_cannot_be_recorded_is_run():
    torch.manual_seed(4)
    net = Branches().eval()
    image = torch.rand(1, 1, 9, 9)
    found = sw.ablation(net, image, "relu", progress=False)
    assert found.method == "forward"
    for channel in range(3):
        after = sw.switch_off(net, image, {"relu": [channel]}).after[0, found.target]
        assert found.channels["relu"][channel] == pytest.approx(found.probability - after, abs=1e-6)
    with pytest.raises(ValueError, match="cannot play"):
        sw.ablation(net, image, "relu", method="replay", progress=False)


def test_stopped_early(net, image):
    states: list[AblationState] = []

    def stop(state: AblationState) -> bool:
        states.append(state)
        return state.done < 10

    found = sw.ablation(net, image, LAYERS, progress=False, callback=stop)
    assert isinstance(found, Ablation)
    assert not found.complete
    assert "stopped early" in repr(found)
    assert not np.isnan(found.layers["conv1"])
    assert np.isnan(found.layers["tanh"])
    assert states[-1].total == sum(1 + len(one) for one in found.channels.values())
    assert "not done" in found._repr_html_()
    assert states[-1].result.channel_labels["tanh"].tolist() == [-1] * 7


def test_the_network_is_left_as_it_was(net, image):
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    kept = image.clone()
    sw.ablation(net, image, LAYERS, progress=False)
    sw.switch_off(net, image, {"relu": None})
    with pytest.raises(ZeroDivisionError):
        sw.ablation(net, image, LAYERS, progress=False, callback=lambda state: 1 / 0)
    assert not any(module._forward_hooks for module in net.modules())
    assert torch.equal(image, kept)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_pictures(net, image):
    found = sw.switch_off(net, image.repeat(2, 1, 1, 1), {"relu": [1]})
    assert f"class {found.before[-1].argmax()}" in {name for name, _, _ in found.top(1)}
    assert "relu/1 off" in found._repr_html_()
    html = sw.ablation(net, image, ["relu", "tanh"], progress=False)._repr_html_()
    assert "relu: 6 maps of 8" in html
    assert "tanh: 7 numbers" in html
    steps = sw.switch_off(make_tiny(), SKETCH, {"relu": None}).figure()
    assert len(steps.sections[0].tiles) == 2


@pytest.mark.parametrize(
    ("off", "message"),
    [
        ({"nose": None}, "no layer 'nose'"),
        ({"": None}, "no layer ''"),
        ({"relu": [6]}, "6 is not one of its 6 channels, 0 to 5"),
        ({"relu": [-1]}, "whole numbers from 0"),
        ({"relu": [0.5]}, "whole numbers from 0"),
        ({"relu": 3}, r"off\['relu'\] must be channels or None"),
        (["relu"], "off must be a mapping"),
    ],
)
def test_what_cannot_be_switched_off(net, image, off, message):
    with pytest.raises((ValueError, TypeError), match=message):
        sw.switch_off(net, image, off)


def test_wrong_input(net, image):
    with pytest.raises(ValueError, match="to must be one of 'zero', 'paper'"):
        sw.switch_off(net, image, {}, to="noise")
    with pytest.raises(ValueError, match="images must be"):
        sw.switch_off(net, image[0, 0], {})
    with pytest.raises(ValueError, match="image must be"):
        sw.ablation(net, image.repeat(2, 1, 1, 1), progress=False)
    with pytest.raises(ValueError, match="floating point"):
        sw.switch_off(net, image.long(), {})
    with pytest.raises(ValueError, match=r"images are torch.float32"):
        sw.switch_off(net, image.float(), {})
    with pytest.raises(TypeError, match="a Sketch, and a module"):
        sw.switch_off(net, SKETCH, {})
    with pytest.raises(TypeError, match="model must be"):
        sw.switch_off(3, image, {})
    with pytest.raises(TypeError, match="Recognizer watches a drawing grow"):
        sw.switch_off(make_tiny(), torch.zeros(1, 1, 33, 33), {})
    with pytest.raises(ValueError, match="no strokes"):
        sw.ablation(make_tiny(), sw.Sketch([]), progress=False)
    with pytest.raises(ValueError, match="no layer 'nose'"):
        sw.ablation(net, image, "nose", progress=False)
    with pytest.raises(ValueError, match="target"):
        sw.ablation(net, image, target=4, progress=False)
    with pytest.raises(ValueError, match="training mode"):
        sw.ablation(Twisted(), image.float(), progress=False)
    with pytest.raises(ValueError, match="method must be"):
        sw.ablation(net, image, method="guess", progress=False)
    tokens = nn.Sequential(nn.Flatten(2), nn.Flatten()).eval()
    with pytest.raises(ValueError, match=r"returns \(1, 2, 64\), not maps"):
        sw.switch_off(tokens, image, {"0": None})


def test_layers_by_default():
    net = Network(Twisted().eval(), size=8, preprocessing=Preprocessing(size=8, extent=6.0))
    found = sw.ablation(net, torch.rand(1, 2, 8, 8), progress=False)
    assert tuple(found.layers) == net.layers()
    module = sw.ablation(net.module, torch.rand(1, 2, 8, 8), progress=False)
    assert tuple(module.layers) == net.layers()


def test_a_tile_that_is_crossed_out_is_so_in_every_picture():
    tile = sw.Tile(np.zeros((4, 4), np.uint8), "off")
    assert tile.crossed is None
    plain, crossed = (
        sw.Figure("", [sw.Section("", [sw.Tile(tile.pixels, "off", crossed=off)])]) for off in (False, True)
    )
    assert crossed.to_svg().count("<path") + crossed.to_svg().count("<polyline") == 2 + (
        plain.to_svg().count("<path") + plain.to_svg().count("<polyline")
    )
    assert "linear-gradient" in crossed.to_html()
    assert "linear-gradient" not in plain.to_html()
    assert crossed.to_png() != plain.to_png()
