"""The rasterizer against distances in float64, against Pillow and OpenCV, and against itself in pieces."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sketchwidgets.sketch import Canvas, Sketch, rasterize
from sketchwidgets.sketch.rasterizer import pack, rasterize_polylines

SIZE = 48
coordinates = st.floats(-20, SIZE + 20, width=32)
strokes = st.integers(1, 6).flatmap(lambda n: arrays(np.float32, (n, 2), elements=coordinates))
drawings = st.lists(strokes, max_size=4)


def distance_field(strokes, size, width):
    """clamp(width / 2 + 1/2 - distance to the nearest segment, 0, 1) at every pixel, in float64."""
    y, x = np.mgrid[:size, :size].astype(float)
    nearest = np.full((size, size), np.inf)
    for stroke in strokes:
        points = np.asarray(stroke, float)
        for a, b in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            along = b - a
            squared = along @ along
            t = np.clip(((x - a[0]) * along[0] + (y - a[1]) * along[1]) / squared, 0, 1) if squared else 0.0
            nearest = np.minimum(nearest, np.hypot(x - a[0] - t * along[0], y - a[1] - t * along[1]))
    return np.clip(width / 2 + 0.5 - nearest, 0, 1)


@settings(max_examples=150, deadline=None)
@given(drawings, st.sampled_from([1.0, 2.5, 3.0, 7.0]))
def test_is_the_clipped_distance_field(drawing, width):
    image = rasterize_polylines(pack([drawing]), 1, SIZE, width)[0, 0].numpy()
    # Float32 positions of some tens of pixels are good to about 1e-5.
    np.testing.assert_allclose(image, distance_field(drawing, SIZE, width), atol=2e-4)


@settings(max_examples=60, deadline=None)
@given(st.lists(drawings, min_size=1, max_size=4))
def test_a_batch_is_its_drawings_one_by_one(batch):
    together = rasterize_polylines(pack(batch), len(batch), SIZE)
    alone = [rasterize_polylines(pack([drawing]), 1, SIZE) for drawing in batch]
    assert torch.equal(together, torch.cat(alone))


@settings(max_examples=60, deadline=None)
@given(drawings)
def test_stroke_by_stroke_is_all_at_once(drawing):
    canvas = Canvas(SIZE)
    for stroke in drawing:
        canvas.draw([stroke])
    assert torch.equal(canvas.image, rasterize_polylines(pack([drawing]), 1, SIZE))


@settings(max_examples=60, deadline=None)
@given(drawings, st.data())
def test_a_stroke_in_two_pieces_is_the_stroke(drawing, data):
    # Only almost: a first piece of one point is a dot, whose distances are rounded otherwise than a line's.
    whole, pieces = Canvas(SIZE), Canvas(SIZE)
    whole.draw(drawing)
    for stroke in drawing:
        cut = data.draw(st.integers(1, len(stroke)))
        pieces.draw([stroke[:cut]])
        pieces.draw([stroke[cut - 1 :]])
    torch.testing.assert_close(whole.image, pieces.image, atol=2e-5, rtol=0)


def test_clear_gives_white_paper():
    canvas = Canvas(SIZE)
    canvas.draw([np.array([[1.0, 1.0], [40.0, 30.0]])])
    canvas.clear()
    assert not canvas.image.any()


def test_chunks_do_not_show(monkeypatch):
    rng = np.random.default_rng(0)
    batch = [[rng.uniform(-5, 60, (20, 2)) for _ in range(5)] for _ in range(8)]
    whole = rasterize_polylines(pack(batch), 8, SIZE)
    monkeypatch.setattr("sketchwidgets.sketch.rasterizer._CHUNK_CPU", 300)
    assert torch.equal(rasterize_polylines(pack(batch), 8, SIZE), whole)


def test_agrees_with_opencv_on_which_pixels_have_ink():
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(1)
    for _ in range(10):
        line = rng.uniform(8, 216, (6, 2))
        ours = rasterize_polylines(pack([[line]]), 1, 225, 3.0)[0, 0].numpy()
        theirs = np.zeros((225, 225), np.uint8)
        cv2.polylines(theirs, [np.round(line * 256).astype(np.int32)], False, 255, 3, cv2.LINE_AA, 8)
        # OpenCV's antialiased lines are about one pixel wider on each side than asked for, so its ink holds ours
        # and, without its faint rim, is held by ours grown by two pixels.
        assert (theirs[ours > 0.5] > 0).mean() > 0.995
        grown = cv2.dilate((ours > 0).astype(np.uint8), np.ones((5, 5), np.uint8))
        assert (grown[theirs > 64] > 0).mean() > 0.995


def test_agrees_with_pillow_supersampled():
    from PIL import Image, ImageDraw

    factor = 16
    rng = np.random.default_rng(2)
    for _ in range(5):
        a, b = rng.uniform(8, 40, (2, 2))
        ours = rasterize_polylines(pack([[np.stack([a, b])]]), 1, SIZE, 3.0)[0, 0].numpy()
        big = Image.new("L", (SIZE * factor, SIZE * factor))
        pen = ImageDraw.Draw(big)
        ends = [tuple((p + 0.5) * factor) for p in (a, b)]
        pen.line(ends, fill=255, width=3 * factor)
        for x, y in ends:
            r = 1.5 * factor
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
        theirs = np.asarray(big.resize((SIZE, SIZE), Image.Resampling.BOX)) / 255
        # Clipped distance against covered area: they differ by at most 0.11 on a straight edge.
        assert np.abs(ours - theirs).max() < 0.15
        assert abs(ours.sum() - theirs.sum()) < 0.02 * theirs.sum()


def test_rasterize_centres_and_fits():
    image = rasterize([[np.array([[100.0, 0.0], [300.0, 100.0]])]], size=101, width=1.0, extent=80)[0, 0]
    rows, columns = (image > 0.5).nonzero().T
    assert (columns.min(), columns.max()) == (10, 90)
    assert (rows.min() + rows.max()) / 2 == 50


def test_rasterize_in_pixels_keeps_the_place():
    image = rasterize([[np.array([[3.0, 5.0]])]], size=9, width=1.0, extent=None)[0, 0]
    assert image.nonzero().tolist() == [[5, 3]]


def test_a_drawing_without_strokes_is_blank():
    images = rasterize([[], [np.array([[0.0, 0.0], [9.0, 9.0]])]], size=32, extent=30)
    assert not images[0].any()
    assert images[1].any()


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
        rasterize([[np.zeros((2, 2))]], **arguments)


def test_a_sketch_is_a_batch_of_one():
    sketch = Sketch([[(0, 0), (5, 9)], [(3, 3)]])
    assert torch.equal(rasterize(sketch, size=32, extent=28), rasterize([sketch], size=32, extent=28))
