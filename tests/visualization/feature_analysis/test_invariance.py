"""Invariance: transforms against pixels moved by hand, distances and probabilities against plain forward passes."""

import numpy as np
import pytest
import torch
from torch import nn

from sketchwidgets.models import SketchANet
from sketchwidgets.recognition import Recognizer
from sketchwidgets.sketch import Sketch
from sketchwidgets.visualization import Network, invariance
from sketchwidgets.visualization.feature_analysis._run import late_layer
from sketchwidgets.visualization.feature_analysis._sources import Drawings, Photos
from sketchwidgets.visualization.feature_analysis.invariance import check_values

HOUSE = Sketch([[(0, 50), (0, 100), (80, 100), (80, 50), (0, 50)], [(0, 50), (40, 0), (80, 50)]])
TREE = Sketch([[(50, 100), (50, 50)], [(50, 50), (20, 30), (50, 0), (80, 30), (50, 50)]])


class Tiny(nn.Module):
    """In-place ReLUs, so that a feature that is not copied at once would be overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 5, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(4, 3)
        self.act = nn.ReLU(inplace=True)
        self.out = nn.Linear(3, 3)

    def forward(self, x):
        x = self.relu(self.conv(x))
        return self.out(self.act(self.fc(x.mean((2, 3)))))


@pytest.fixture
def tiny():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return Tiny().double().eval()


def photos(n=2, size=24):
    return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


# --- the transforms


def test_a_photo_moves_by_whole_pixels_and_is_filled():
    source = Photos(photos(1), fill=0.25)
    moved = source.moved("translation", 3.0)
    assert torch.allclose(moved[:, :, 3:], source.images[:, :, :-3], rtol=0, atol=1e-12)
    assert (moved[:, :, :3] - 0.25).abs().max() < 1e-12
    assert torch.equal(source.moved("translation", 0.0), source.images)


def test_a_photo_turns_clockwise_about_its_middle():
    source = Photos(photos(1), fill=0.0)
    turned = source.moved("rotation", 90.0)
    assert torch.allclose(turned, source.images.rot90(-1, (2, 3)), rtol=0, atol=1e-6)


def test_a_photo_grows_about_its_middle():
    image = torch.zeros(1, 1, 24, 24)
    image[:, :, 10:14, 10:14] = 1
    larger = Photos(image, 0.0).moved("scale", 2.0)
    assert larger[0, 0, 9:15, 9:15].min() > 0.9
    assert larger[0, 0, 7].max() < 0.6
    assert abs(float(larger.sum()) / float(image.sum()) - 4) < 0.2


@pytest.mark.parametrize(("transform", "value"), [("rotation", 90.0), ("translation", 20.0), ("scale", 1.0)])
def test_strokes_move_as_pixels_do(transform, value):
    network = Network(SketchANet().eval(), size=225)
    drawings = Drawings(network, [HOUSE])
    by_strokes = drawings.moved(transform, value)
    by_pixels = Photos(drawings.images, 0.0).moved(transform, value)
    # A frame of odd size: its middle is a pixel, and quarter turns and whole shifts need no interpolation.
    assert (by_strokes - by_pixels).abs().max() < 1e-3


def test_lines_keep_their_width_under_scale():
    network = Network(SketchANet().eval(), size=225)
    drawings = Drawings(network, [Sketch([[(0, 0), (0, 100)]])])
    row = slice(112, 113)
    for scale in (0.5, 1.0, 1.8):
        width = float(drawings.moved("scale", scale)[0, 0, row].sum())
        assert abs(width - network.preprocessing.stroke_width) < 0.05


def test_the_frame_of_the_drawing_is_that_of_prepare():
    network = Network.of(None)
    assert torch.equal(Drawings(network, [HOUSE]).moved("scale", 1.0), network.prepare(HOUSE))


# --- the numbers


def test_distances_and_probabilities_are_those_of_forward_passes(tiny):
    images = photos()
    result = invariance(
        tiny, images, "translation", [-2, 0, 5], ["relu", "act"], [2, 0], fill=0.5, progress=False
    )
    assert result.distances.shape == (2, 2, 3)
    assert torch.equal(result.distances[:, :, 1], torch.zeros(2, 2, dtype=torch.float64))
    for i in range(2):
        for k, shift in enumerate((-2, 0, 5)):
            moved = torch.full_like(images[i : i + 1], 0.5)
            if shift >= 0:
                moved[:, :, shift:] = images[i : i + 1, :, : 24 - shift]
            else:
                moved[:, :, :shift] = images[i : i + 1, :, -shift:]
            assert torch.allclose(result.images(i)[k], moved[0], rtol=0, atol=1e-12)
            with torch.no_grad():
                maps = [torch.relu(tiny.conv(x)) for x in (images[i : i + 1], moved)]
                late = [torch.relu(tiny.fc(m.mean((2, 3)))) for m in maps]
                scores = tiny.out(late[1]).softmax(1)[0]
            first = (maps[0] - maps[1]).norm()
            last = (late[0] - late[1]).norm()
            assert torch.allclose(result.distances[:, i, k], torch.stack([first, last]), rtol=0, atol=1e-9)
            relative = torch.stack([first / maps[0].norm(), last / late[0].norm()])
            assert torch.allclose(result.relative[:, i, k], relative, rtol=0, atol=1e-9)
            assert abs(float(result.probabilities[i, k]) - float(scores[(2, 0)[i]])) < 1e-6
            assert result.answers[i, k] == scores.argmax()


def test_images_follow_the_dtype_of_the_network(tiny):
    options = {"values": [0, 3], "layers": ["conv"], "progress": False}
    found = invariance(tiny, photos().float(), **options)
    assert torch.equal(found.distances, invariance(tiny, photos().float().double(), **options).distances)


def test_without_targets_the_answer_at_rest_is_the_truth(tiny):
    images = photos()
    result = invariance(tiny, images, "scale", [1.0], progress=False)
    assert torch.equal(result.targets, tiny(images).argmax(1))
    assert torch.equal(result.answers[:, 0], result.targets)


def test_the_model_stays_as_it_is(tiny):
    before = {name: value.clone() for name, value in tiny.state_dict().items()}
    invariance(tiny, photos(), "rotation", [10], progress=False)
    with pytest.raises(ValueError, match="no layer"):
        invariance(tiny, photos(), "rotation", [10], ["nowhere"], progress=False)
    assert all(torch.equal(before[name], value) for name, value in tiny.state_dict().items())
    assert not any(module._forward_hooks for module in tiny.modules())
    assert all(p.grad is None and p.requires_grad for p in tiny.parameters())


def test_the_recogniser_knows_a_shifted_drawing_but_not_a_turned_one():
    recognizer = Recognizer.load("sketch-a-net-quickdraw345")
    turned = invariance(recognizer, [HOUSE], "rotation", [0, 90, 180], progress=False)
    assert turned.layers == ("relu1", "relu7")
    assert turned.names[int(turned.targets[0])] == "house"
    assert turned.probabilities[0, 0] > 0.5
    assert turned.probabilities[0, 1:].max() < 0.1
    # Small change: dramatic in the first layer, moderate in the last (the paper's finding, on a drawing).
    shifted = invariance(recognizer, [HOUSE], "translation", [0, 2, 4], targets=["house"], progress=False)
    first, last = shifted.relative[:, 0, 1]
    assert first > 2 * last
    assert shifted.probabilities[0].min() > 0.5
    names = [tile.caption for tile in turned.figure().sections[0].tiles]
    assert names[0] == "0 · house"
    assert "Probability of the true class" in turned._repr_html_()


def test_a_callback_ends_the_analysis(tiny):
    seen = []
    result = invariance(
        tiny,
        photos(),
        "translation",
        [0, 1, 2],
        progress=False,
        callback=lambda state: seen.append((state.done, state.total)) or state.done < 2,
    )
    assert seen == [(1, 3), (2, 3)]
    assert not result.finished
    assert torch.isnan(result.distances[:, :, 2]).all()
    assert "not reached" in result._repr_html_()


def test_default_ranges_are_the_papers(tiny):
    ends = {}
    for transform in ("translation", "scale", "rotation"):
        values = invariance(tiny, photos(1, 8), transform, layers="relu", progress=False).values
        ends[transform] = (float(values[0]), round(float(values[-1]), 9))
    # Shifts are in proportion to the input, of at least a pixel: this one has 8.
    assert ends == {"translation": (-15, 15), "scale": (1, 1.8), "rotation": (0, 350)}
    shifts = {side: check_values("translation", None, side) for side in (96, 224, 225)}
    assert shifts[224].tolist() == shifts[225].tolist() == list(range(-60, 61, 4))
    assert shifts[96].tolist() == list(range(-30, 31, 2))


def test_the_late_layer_is_the_last_before_the_scores():
    assert late_layer(Network(SketchANet(classes=5).eval(), size=225), torch.zeros(1, 1, 225, 225)) == "relu7"
    assert late_layer(Network.efficientnet_lite0(), torch.zeros(1, 3, 224, 224)) == "_avg_pooling"


def test_pictures_and_several_drawings():
    network = Network.of(None)
    result = invariance(network, [HOUSE, TREE], "translation", [0, 8], progress=False)
    assert result.distances.shape == (2, 2, 2)
    grey = np.full((60, 40), 255, np.uint8)
    assert invariance(network, [grey], "scale", [1], progress=False).distances.shape == (2, 1, 1)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"transform": "shear"}, ValueError, "transform must be one of"),
        ({"transform": "scale", "values": [0.0]}, ValueError, "values of a scale must be above 0"),
        ({"values": []}, ValueError, "values must be a sequence of finite numbers"),
        ({"values": [float("nan")]}, ValueError, "finite"),
        ({"targets": [0]}, ValueError, "targets must be one for each of the 2 images"),
        ({"targets": [0, 3]}, ValueError, "targets must be the name or the index of one of 3 classes, not 3"),
        (
            {"targets": ["cat", "dog"]},
            ValueError,
            "targets is 'cat', but the classes of the network have no names",
        ),
        ({"layers": []}, ValueError, "layers is empty"),
        ({"fill": [1, 2]}, ValueError, "fill must be one number"),
        ({"images": []}, ValueError, "images is empty"),
        ({"images": torch.zeros(3, 24, 24)}, ValueError, r"images must be \(n, C, H, W\)"),
        ({"images": torch.full((1, 1, 24, 24), torch.nan).double()}, ValueError, "not finite"),
    ],
)
def test_what_does_not_fit_is_named(tiny, change, error, message):
    arguments = {"images": photos(), "progress": False, **change}
    with pytest.raises(error, match=message):
        invariance(tiny, **arguments)
