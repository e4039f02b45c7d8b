"""The six channels: against drawing each of them by itself."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sketch_strategies import sketches

import sketchwidgets as sw
from sketchwidgets.sketch.augmentation import rasterize_stroke_order
from sketchwidgets.sketch.rasterizer import pack


def test_the_parts_of_the_authors_harp():
    # Figure 1 of Yu et al.: a frame and five strings. Parts 1+2 and 2+3, in this order, and all last.
    parts = [list(part) for part in sw.sketch.stroke_order_parts(6)]
    assert parts == [[0, 1], [2, 3], [4, 5], [0, 1, 2, 3], [2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]


@given(st.integers(0, 200))
def test_parts_are_as_equal_as_they_can_be(count):
    parts = sw.sketch.stroke_order_parts(count)
    expected = np.array_split(np.arange(count), 3)
    for part, wanted in zip(parts[:3], expected, strict=True):
        np.testing.assert_array_equal(list(part), wanted)
    assert list(parts[3]) == [*parts[0], *parts[1]]
    assert list(parts[4]) == [*parts[1], *parts[2]]
    assert list(parts[5]) == list(range(count))


@settings(max_examples=40)
@given(sketches(st.integers(0, 50).map(float)))
def test_every_channel_is_its_strokes_in_the_frame_of_all(sketch):
    channels = sw.sketch.stroke_order_channels(sketch, size=40, width=2.0, extent=30.0)
    x0, y0, x1, y1 = sketch.bounds
    scale = 30 / max(x1 - x0, y1 - y0) if max(x1 - x0, y1 - y0) else 1.0
    strokes = [(s[:, :2].astype(float) - [(x0 + x1) / 2, (y0 + y1) / 2]) * scale + 19.5 for s in sketch]
    for channel, part in zip(channels, sw.sketch.stroke_order_parts(len(sketch)), strict=True):
        alone = sw.rasterize([[strokes[i] for i in part]], size=40, width=2.0, extent=None)[0, 0]
        torch.testing.assert_close(channel, alone, atol=1e-4, rtol=0)
    whole = sw.rasterize([sketch], size=40, width=2.0, extent=30.0)[0, 0]
    torch.testing.assert_close(channels[5], whole, atol=1e-4, rtol=0)


def test_many_at_once_with_blank_ones_between():
    drawings = [
        [np.array([[3.0, 3], [20, 3]]), np.array([[3.0, 9], [20, 9]])],
        [],
        [np.array([[5.0, 5]])],
    ]
    images = rasterize_stroke_order(pack(drawings), 4, size=32)
    assert images.shape == (4, 6, 32, 32)
    for drawing, image in zip(drawings, images, strict=False):
        assert torch.equal(image, sw.sketch.stroke_order_channels(drawing, size=32, extent=None))
    assert not images[1].any()
    assert not images[3].any()
    assert images[2].amax((1, 2)).bool().tolist() == [True, False, False, True, False, True]


def test_images_must_rise():
    lines = pack([[np.zeros((2, 2))], [np.ones((2, 2))]])
    with pytest.raises(ValueError, match="rising"):
        rasterize_stroke_order(lines._replace(image=torch.tensor([1, 0])), 2)
    with pytest.raises(ValueError, match="below n_images"):
        rasterize_stroke_order(lines, 1)


def test_a_network_of_six_channels_sees_them(shared):
    sketch = sw.Sketch.from_svg(shared / "data" / "tuberlin_svg" / "alarm_clock_81.svg")
    network = sw.Network(sw.models.create("sketch_a_net", classes=3, channels=6).eval())
    frame = network.preprocessing
    channels = sw.sketch.stroke_order_channels(sketch, frame.size, frame.stroke_width, frame.extent)
    torch.testing.assert_close(network.prepare(sketch)[0], channels, atol=1e-5, rtol=0)
    ink = channels.sum((1, 2))
    assert ink[0] > 0
    assert (ink[3] >= ink[:2].max()) & (ink[4] >= ink[1:3].max()) & (ink[5] >= ink.max() - 1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be a whole number of pixels"),
        ({"size": 22.5}, "size must be a whole number of pixels"),
        ({"width": 0.0}, "width must be above 0"),
        ({"width": float("nan")}, "width must be above 0"),
        ({"extent": -1.0}, "extent must be above 0"),
    ],
)
def test_a_frame_in_which_nothing_can_be_drawn_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sw.sketch.stroke_order_channels([np.zeros((2, 2))], **arguments)
