"""Leaving strokes out: against drawing them anew, and where the answer is known by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sketchwidgets.models import RecurrentClassifier
from sketchwidgets.recognition import Calibration, Preprocessing, Recognizer
from sketchwidgets.sketch import Sketch
from sketchwidgets.visualization import Network, record, stroke_occlusion

PREPROCESSING = Preprocessing(size=33, extent=28.0, stroke_width=1.5)
# Apart from each other; the third is not needed for the box, the first and the second are.
SKETCH = Sketch([[(0, 0), (0, 40), (8, 40)], [(40, 0), (40, 40)], [(20, 10), (24, 30)], [(16, 20)]])


class Halves(nn.Module):
    """Scores the ink of the left and of the right half."""

    input_size = 33

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.see = nn.Conv2d(channels, 1, 1, bias=False)
        nn.init.ones_(self.see.weight)
        self.act = nn.ReLU()

    def forward(self, images: Tensor) -> Tensor:
        seen = self.act(self.see(images))
        return torch.stack([seen[..., :16].sum((1, 2, 3)), seen[..., 17:].sum((1, 2, 3))], 1) / 10


class Small(nn.Module):
    input_size = 33
    feature_size = 6

    def __init__(self, channels: int = 1, classes: int = 6) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 6, 5, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, 2)
        self.last = nn.Conv2d(6, classes, 7)

    def features(self, images: Tensor) -> Tensor:
        return self.last(self.pool(self.relu(self.conv(images)))).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        return 3 * self.features(images)


def small(channels: int = 1, **description) -> Network:
    torch.manual_seed(2)
    names = ["a", "b", "c", "d", "e", "f"]
    return Network(Small(channels).eval(), size=33, classes=names, preprocessing=PREPROCESSING, **description)


@pytest.fixture
def recognizer() -> Recognizer:
    torch.manual_seed(3)
    recurrent = RecurrentClassifier(6, 5, 4)
    with torch.no_grad():
        for parameter in recurrent.parameters():
            parameter.mul_(4)
    return Recognizer(Small(), recurrent, ["w", "x", "y", "z"], PREPROCESSING, device="cpu")


def leaving_out(i: int) -> list[int]:
    return [j for j in range(len(SKETCH)) if j != i]


def test_a_network_that_counts_ink():
    network = Network(Halves().eval(), size=33, classes=["left", "right"], preprocessing=PREPROCESSING)
    result = stroke_occlusion(network, SKETCH, "left", layers=["act"], top=1, progress=False)
    assert (result.label, result.name, result.frame) == (0, "left", "fixed")
    # The left stroke speaks for "left", the right one against it.
    assert result.effect[0] > 0.2
    assert result.effect[1] < -0.1
    assert result.only[0] > 0.99
    assert result.only[1] < 0.02
    # Probabilities of ink that is counted: the logit without a stroke is that of its ink less.
    logit = np.log(result.probability / (1 - result.probability))
    without = np.log(result.without / (1 - result.without))
    only = np.log(result.only / (1 - result.only))
    np.testing.assert_allclose(logit - without, only, rtol=1e-3, atol=1e-4)
    assert result.layers["act"].peaks.tolist() == [1.0]


@pytest.mark.parametrize(
    "network",
    [small(), small(3), small(3, ink="positive", mean=0.5, std=0.2), small(6)],
    ids=["grey", "photo", "scaled", "stroke order"],
)
def test_the_whole_drawing_is_what_the_network_prepares(network):
    result = stroke_occlusion(network, SKETCH, layers=["relu", "last"], top=3, progress=False)
    images = network.prepare(SKETCH)
    scores = network.scores(images)[0]
    assert result.label == int(scores.argmax())
    assert result.probability == pytest.approx(float(scores.max()), abs=1e-5)
    recording = record(network.module, images, ["relu", "last"])
    for layer, effects in result.layers.items():
        peaks = recording.maps(layer)[0].flatten(1).amax(1)
        expected = peaks.topk(3)
        assert effects.channels.tolist() == expected.indices.tolist()
        torch.testing.assert_close(effects.peaks, expected.values, rtol=1e-4, atol=1e-5)
    chosen = stroke_occlusion(network, SKETCH, layers="relu", channels=[4, 1], progress=False).layers["relu"]
    order = result.layers["relu"].channels.tolist()
    assert chosen.channels.tolist() == [4, 1]
    if 4 in order:
        torch.testing.assert_close(chosen.without[:, 0], result.layers["relu"].without[:, order.index(4)])
    # The third stroke is inside of the box of the others, so its absence moves nothing.
    if network.channels != 6:
        without = Sketch([SKETCH[j] for j in leaving_out(2)])
        assert result.without[2] == pytest.approx(
            float(network.scores(network.prepare(without))[0, result.label]), abs=1e-5
        )
        peaks = record(network.module, network.prepare(without), "relu").maps("relu")[0].flatten(1).amax(1)
        relu = result.layers["relu"]
        torch.testing.assert_close(relu.without[2], peaks[relu.channels], rtol=1e-4, atol=1e-5)
        alone = stroke_occlusion(network, Sketch([SKETCH[2]]), result.label, frame="refit", progress=False)
        refit = stroke_occlusion(network, SKETCH, result.label, frame="refit", progress=False)
        assert refit.only[2] == pytest.approx(alone.probability, abs=1e-5)
        assert refit.only[2] != pytest.approx(result.only[2], abs=1e-3)


def test_six_channels_keep_their_parts():
    network = small(6)
    kept = []
    network.module.register_forward_hook(lambda module, inputs, output: kept.append(inputs[0].clone()))
    stroke_occlusion(network, SKETCH, 0, progress=False)
    whole, changed = kept[0][0], kept[1][0]  # the second batch begins with "without stroke 0"
    different = (whole != changed).flatten(1).any(1)
    # Of four strokes the first part has two, the others one each; stroke 0 is in parts 1, 1+2 and all.
    assert different.tolist() == [True, False, False, True, False, True]


def test_a_recogniser_is_asked_as_in_live_use(recognizer):
    result = stroke_occlusion(recognizer, SKETCH, layers="relu", progress=False)
    everything = recognizer.recognize(SKETCH)
    label = int(everything[-1].probabilities.argmax())
    assert (result.label, result.frame) == (label, "refit")
    np.testing.assert_allclose(result.steps, [p.probabilities[label] for p in everything], atol=1e-6)
    for i in range(len(SKETCH)):
        anew = recognizer.recognize([SKETCH[j] for j in leaving_out(i)])
        assert result.without[i] == pytest.approx(anew[-1].probabilities[label], abs=1e-6)
        assert result.top_without[i][0][0] == anew[-1].label
        only = recognizer.recognize([SKETCH[i]])[-1]
        assert result.only[i] == pytest.approx(only.probabilities[label], abs=1e-6)
        # After stroke j without i; before i nothing has changed, and at i nothing new is seen.
        row = np.delete(result.steps_without[i], i)
        np.testing.assert_allclose(row, [p.probabilities[label] for p in anew], atol=1e-6)
        np.testing.assert_allclose(result.steps_without[i, :i], result.steps[:i], atol=1e-6)
    assert np.isnan(result.steps_without[0, 0])
    assert result.layers["relu"].without.shape == (4, 6)


def test_what_a_recogniser_does_not_know_is_said(recognizer):
    # Nothing is known after three strokes or fewer, so nothing with a stroke left out.
    recognizer.calibration = Calibration((0.5, 2.0), (1.0, 1.0, 1.0, 0.0), 0.75)
    result = stroke_occlusion(recognizer, SKETCH, progress=False)
    assert result.probability == pytest.approx(recognizer.recognize(SKETCH)[-1].confidence, abs=1e-6)
    assert result.known
    assert result.known_without.tolist() == result.known_only.tolist() == [False] * 4
    page = result.figure().to_html()
    assert page.count("The network says “I don&#x27;t know yet”; perhaps ") >= 8
    recognizer.calibration = None
    result = stroke_occlusion(recognizer, SKETCH, progress=False)
    assert result.known_without.all()
    assert "know" not in result.figure().to_html()


def test_of_one_stroke_nothing_is_left(recognizer):
    one = Sketch([[(0, 0), (9, 9)]])
    assert np.isnan(stroke_occlusion(recognizer, one, progress=False).without).all()
    paper = stroke_occlusion(small(), one, progress=False)
    assert paper.without[0] == pytest.approx(float(small().scores(torch.zeros(1, 1, 33, 33))[0, paper.label]))


def test_it_can_be_stopped_and_tells_how_far_it_is(recognizer):
    seen = []

    def stop_after_two(state):
        assert (state.done, state.total) == (len(seen) + 1, 4)
        seen.append(int(np.isfinite(state.result.without).sum()))
        return len(seen) < 2

    result = stroke_occlusion(recognizer, SKETCH, progress=False, callback=stop_after_two)
    assert seen == [1, 2]
    assert np.isfinite(result.only).tolist() == [True, True, False, False]
    assert "–" in result.figure().to_html()


def test_figures_show_every_stroke(recognizer):
    result = stroke_occlusion(recognizer, SKETCH, "x", layers=["relu"], progress=False)
    figure = result.figure()
    assert [len(section.tiles) for section in figure.sections] == [2, 4, 4, 2]
    assert "stroke" in result._repr_html_()
    assert repr(result).endswith("4 strokes)")
    drawing = figure.sections[0].tiles[0].pixels.astype(int)
    red = (drawing[..., 0] - drawing[..., 2]).max()
    blue = (drawing[..., 2] - drawing[..., 0]).max()
    assert (red > 60) == (np.nanmax(result.effect) > 0.3 * np.nanmax(abs(result.effect)))
    assert (blue > 60) == (np.nanmin(result.effect) < -0.3 * np.nanmax(abs(result.effect)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target": "cow"}, "target 'cow' is not a class of the network"),
        ({"target": 6}, "target must be the name or the index of one of 6"),
        ({"layers": ["relu9"]}, "layers: the network has no layer 'relu9'"),
        ({"frame": "loose"}, "frame must be one of 'fixed', 'refit'"),
        ({"layers": ["relu"], "channels": [6]}, "channels: 6 is not one of the 6 maps of 'relu'"),
        ({"top": 0}, "top and batch_size must be at least 1"),
        ({"sketch": Sketch([])}, "sketch has no strokes"),
        ({"model": "resnet"}, "network must be a Network"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        stroke_occlusion(**{"model": small(), "sketch": SKETCH, "progress": False} | arguments)


def test_a_recogniser_has_no_fixed_frame(recognizer):
    with pytest.raises(ValueError, match="frame='fixed' with a Recognizer"):
        stroke_occlusion(recognizer, SKETCH, frame="fixed")
    for module in recognizer.cnn.modules():
        assert not module._forward_hooks
