"""Who drives a class or a unit: against finite differences, and where the answer is known by hand."""

import numpy as np
import pytest
import torch
from test_stroke_occlusion import PREPROCESSING, SKETCH, Halves, recognizer, small
from torch import nn

from sketchwidgets.models import RecurrentClassifier
from sketchwidgets.recognition import Recognizer
from sketchwidgets.sketch import Sketch
from sketchwidgets.sketch.stroke_descriptors import descriptor_size
from sketchwidgets.visualization import Network, project, stroke_attribution
from sketchwidgets.visualization.input_modification._stroke_frame import StrokeFrame

__all__ = ["recognizer"]  # the fixture

# Nothing upright or level: there, pixels lie just where the ink of a line begins, and the derivative jumps.
SLANTED = Sketch(
    [
        [(0, 0.3), (1.7, 40.2), (8.1, 38.6)],
        [(40, 1.1), (37.9, 39.3)],
        [(19.7, 10.2), (24.4, 29.1)],
        [(16.3, 20.9)],
    ]
)


def shifted(sketch: Sketch, point: int, by: tuple[float, float]) -> Sketch:
    points = sketch.points.copy()
    points[point, :2] += by
    return Sketch.from_arrays(points, sketch.lengths, timed=False)


@pytest.mark.parametrize("network", [small(), small(3), small(6)], ids=["grey", "photo", "stroke order"])
def test_gradients_are_those_of_finite_differences(network):
    network = Network(
        network.module.double(),
        size=33,
        classes=network.classes,
        preprocessing=PREPROCESSING,
        ink=network.ink,
    )
    result = stroke_attribution(network, SLANTED, "c")
    frame = StrokeFrame(network, SLANTED)

    @torch.no_grad()
    def score(points, ink):
        return network.log_probabilities(frame.draw(points, ink))[0, 2]

    assert result.score == pytest.approx(float(score(frame.points, torch.ones(len(frame.points)))), abs=1e-5)
    points = frame.points.double()
    ones = torch.ones(len(points), dtype=torch.float64)
    # Towards less ink, the side on which every pixel's owner stays the same. No pixel is at a kink in a random direction.
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(points.shape, dtype=torch.float64, generator=generator)
    step = 1e-5
    ahead, behind = (score(points + sign * step * direction, ones) for sign in (1, -1))
    expected = float(ahead - behind) / (2 * step)
    assert (torch.from_numpy(result.push) / frame.scale * direction).sum() == pytest.approx(
        expected, rel=2e-3
    )
    faded = float(score(points, ones) - score(points, ones - step)) / step
    assert result.points.sum() == pytest.approx(faded, rel=2e-3)
    assert result.strokes.sum() == pytest.approx(result.points.sum())


def test_a_unit_by_gradient():
    network = small()
    network.module.requires_grad_(False)
    result = stroke_attribution(network, SKETCH, layer="relu", channel=2, method="gradient")
    maps = network.module.relu(network.module.conv(network.prepare(SKETCH)))[0, 2]
    assert result.score == pytest.approx(float(maps.max()), abs=1e-5)
    row, column = divmod(int(maps.argmax()), maps.shape[1])
    assert result.target == f"relu/2 at row {row}, column {column}"
    # Up to the bias, an activation of the first layer is linear in the ink that it sees.
    assert result.strokes.sum() == pytest.approx(result.score - float(network.module.conv.bias[2]), abs=1e-4)
    elsewhere = stroke_attribution(
        network, SKETCH, layer="conv", channel=2, position=(0, 1), method="gradient"
    )
    assert elsewhere.target == "conv/2 at row 0, column 1"


@pytest.mark.parametrize("strokes", [False, True], ids=["picture", "picture and strokes"])
def test_a_recogniser_is_differentiated_through_all_prefixes(recognizer, strokes):
    if strokes:
        torch.manual_seed(5)
        size = recognizer.recurrent.image_features + descriptor_size(5)
        both = RecurrentClassifier(
            size, 8, len(recognizer.classes), strokes={"samples": 5, "size": 6}, image_to="output"
        )
        recognizer = Recognizer(
            recognizer.cnn, both, recognizer.classes, recognizer.preprocessing, device="cpu"
        )
    label = recognizer.recognize(SLANTED)[-1].label
    result = stroke_attribution(recognizer, SLANTED)
    assert result.target == label
    index = recognizer.classes.index(label)
    assert result.score == pytest.approx(
        float(np.log(recognizer.recognize(SLANTED)[-1].probabilities[index])), abs=1e-4
    )

    def score(sketch):
        return float(np.log(recognizer.recognize(sketch)[-1].probabilities[index]))

    # Points inside of the box of every prefix, which moving them therefore leaves as it is.
    for point in (5, 6):
        for axis in (0, 1):
            by = 0.004 * np.eye(2)[axis]
            ahead, behind = (score(shifted(SLANTED, point, sign * by)) for sign in (1, -1))
            assert result.push[point, axis] == pytest.approx((ahead - behind) / 0.008, rel=0.05, abs=3e-4)
    assert np.abs(result.push).max() > 5e-3


def test_a_projection_along_the_strokes_by_hand():
    network = Network(Halves().eval(), size=33, preprocessing=PREPROCESSING)
    with torch.no_grad():
        network.module.see.weight.fill_(2.0)
    frame = StrokeFrame(network, SKETCH)
    x, y = frame.points[-1].round().int().tolist()  # a dot, whose ink covers one pixel and some around it
    result = stroke_attribution(network, SKETCH, layer="act", channel=0, position=(y, x), rule="deconvnet")
    ink = float(network.prepare(SKETCH)[0, 0, y, x])
    # The unit is twice its one pixel, and so is its projection: twice the activation there.
    assert result.score == pytest.approx(2 * ink)
    assert result.strokes.tolist() == pytest.approx([0, 0, 0, 4 * ink * ink])
    assert result.paper == pytest.approx(4 * ink * (1 - ink), abs=1e-6)
    assert result.order[0] == 3


@pytest.mark.parametrize("rule", ["guided", "deconvnet", "backprop"])
@pytest.mark.parametrize(
    "network", [small(), small(3, std=0.5), small(6)], ids=["grey", "photo", "stroke order"]
)
def test_strokes_and_paper_add_up_to_the_projection(network, rule):
    result = stroke_attribution(network, SKETCH, layer="last", channel=1, rule=rule)
    images = project(network.module, network.prepare(SKETCH), "last", rule=rule, channels=[1])["last"].images
    # By ink: a photo's network sees black ink as the lack of light.
    total = float(images.double().sum()) * (-1 / 0.5 if network.channels == 3 else 1)
    scale = float(images.abs().sum())
    assert result.strokes.sum() + result.paper == pytest.approx(total, abs=1e-5 * scale)
    assert float(result.projection.sum()) == pytest.approx(total, abs=1e-5 * scale)
    by_point = np.split(result.points, np.cumsum(SKETCH.lengths)[:-1])
    np.testing.assert_allclose([part.sum() for part in by_point], result.strokes, atol=1e-6 * scale)
    assert len(result.projection) == (6 if network.channels == 6 else 1)


def test_a_model_of_another_shape_than_its_drawing():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()).eval()
    network = Network(module, size=(33, 47), preprocessing=PREPROCESSING)
    result = stroke_attribution(network, SKETCH, layer="1")
    assert result.strokes.sum() + result.paper == pytest.approx(float(result.projection.sum()), abs=1e-6)
    image = StrokeFrame(network, SKETCH).draw(
        StrokeFrame(network, SKETCH).points, torch.ones(len(SKETCH.points))
    )
    assert (image - network.prepare(SKETCH)).abs().max() < 1e-5


def test_figures_and_words():
    network = small()
    for result in (
        stroke_attribution(network, SKETCH, layer="relu"),
        stroke_attribution(network, SKETCH, "b"),
    ):
        figure = result.figure()
        # The drawing, the projection or the directions of the points, and the strokes' parts.
        assert len(figure.sections[0].tiles) == 3
        assert figure.to_svg().startswith("<svg")
        assert result.target in result._repr_html_()
        assert result.method in repr(result)
    assert all(parameter.grad is None for parameter in network.module.parameters())
    assert all(not module._forward_hooks for module in network.module.modules())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "guess"}, "method must be one of"),
        ({"method": "projection"}, "needs a layer"),
        ({"channel": 3}, "channel and position need a layer"),
        ({"layer": "relu", "target": "a"}, "target has no meaning with a layer"),
        ({"layer": "relu", "position": (0, 0)}, "position needs a channel"),
        ({"layer": "relu9"}, "relu9"),
        ({"layer": "relu9", "method": "gradient"}, "relu9"),
        ({"layer": "relu", "channel": 6}, "channels: 6"),
        ({"layer": "relu", "channel": 6, "method": "gradient"}, r"channel: 6 is not in 0\.\.5"),
        ({"layer": "relu", "channel": 1, "position": (0, 99), "method": "gradient"}, "position: 99"),
        ({"target": "cow"}, "target 'cow' is not a class of the network"),
        ({"sketch": Sketch([])}, "no strokes"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        stroke_attribution(**{"model": small(), "sketch": SKETCH} | arguments)
