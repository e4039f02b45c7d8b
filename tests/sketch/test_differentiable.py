"""The differentiable rasterizer: the values of the rasterizer, right gradients, and ink that adds up."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sketchwidgets.sketch.differentiable import ink_shares, rasterize_points
from sketchwidgets.sketch.rasterizer import pack, rasterize_polylines


def scribble(seed, strokes=4, size=64):
    """Strokes (n, 2) that cross, turn back, leave the frame, and are dots now and then."""
    rng = np.random.default_rng(seed)
    drawing = []
    for _ in range(strokes):
        count = int(rng.integers(1, 12))
        steps = np.cumsum(rng.normal(0, size / 10, (count, 2)), 0)
        drawing.append(steps + rng.uniform(-0.1 * size, 1.1 * size, 2))
    return drawing


def packed(drawing, dtype=torch.float64):
    return torch.tensor(np.concatenate(drawing), dtype=dtype), [len(stroke) for stroke in drawing]


@given(st.integers(0, 10**6), st.sampled_from([1.0, 2.5, 3.0, 7.0]), st.integers(1, 8))
def test_values_are_those_of_the_rasterizer(seed, width, strokes):
    drawing = scribble(seed, strokes)
    expected = rasterize_polylines(pack([drawing]), 1, 64, width)
    for dtype in (torch.float32, torch.float64):
        # The rasterizer takes its points in float32.
        points, lengths = packed([stroke.astype(np.float32) for stroke in drawing], dtype)
        image = rasterize_points(points, lengths, 64, width)
        assert image.dtype == dtype
        assert (image - expected).abs().max() < 1e-5


@pytest.mark.parametrize("seed", range(4))
def test_gradients_are_those_of_finite_differences(seed):
    generator = np.random.default_rng(seed)
    points = torch.tensor(generator.uniform(2, 18, (8, 2)), requires_grad=True)
    ink = torch.tensor(generator.uniform(0.3, 0.9, 8), requires_grad=True)
    weights = torch.tensor(generator.normal(size=(20, 20)))

    def score(points, ink):
        return (rasterize_points(points, [4, 3, 1], 20, 2.5, ink)[0, 0] * weights).sum()

    assert torch.autograd.gradcheck(score, (points, ink))
    gradients = torch.autograd.grad(score(points, ink), (points, ink))
    assert all(gradient.abs().max() > 1e-3 for gradient in gradients)


def test_moving_a_line_moves_its_mass():
    points = torch.tensor([[4.3, 9.6], [14.7, 9.6]], requires_grad=True, dtype=torch.float64)
    image = rasterize_points(points, [2], 20, 2.0)[0, 0]
    down = (image * (torch.arange(20.0)[:, None] - 9.6)).sum()
    (gradient,) = torch.autograd.grad(down, points)
    # All of the ink goes down with the two ends, and none of it aside.
    assert float(gradient[:, 1].sum()) == pytest.approx(float(image.detach().sum()), rel=0.1)
    assert gradient[:, 0].abs().max() < 0.1 * gradient[:, 1].min()


def test_a_pixel_on_the_line_has_a_gradient_without_nan():
    points = torch.tensor([[2.0, 3.0], [6.0, 3.0], [4.0, 3.0]], requires_grad=True)
    rasterize_points(points, [2, 1], 8, 1.0).square().sum().backward()
    assert torch.isfinite(points.grad).all()


@given(st.integers(0, 10**6), st.integers(1, 8))
def test_shares_add_up_to_the_image_and_to_any_total(seed, strokes):
    points, lengths = packed(scribble(seed, strokes))
    shares = ink_shares(points, lengths, 64, 3.0)
    image = torch.zeros(64 * 64, dtype=torch.float64).index_add(0, shares.pixels, shares.ink)
    torch.testing.assert_close(image, rasterize_points(points, lengths, 64, 3.0).flatten())
    values = torch.randn(64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    by_stroke, paper = shares.per_stroke(values)
    assert float(by_stroke.sum() + paper) == pytest.approx(float(values.sum()), abs=1e-9)
    ends = np.cumsum(lengths)[:-1].tolist()
    by_point = torch.tensor_split(shares.per_point(values), ends)
    torch.testing.assert_close(torch.stack([part.sum() for part in by_point]), by_stroke)


def test_ink_on_top_of_ink_belongs_to_both():
    line = [[2.0, 5.0], [12.0, 5.0]]
    ones = torch.ones(16, 16)
    once, _ = ink_shares(torch.tensor(line), [2], 16).per_stroke(ones)
    twice, _ = ink_shares(torch.tensor(line * 2), [2, 2], 16).per_stroke(ones)
    torch.testing.assert_close(twice, torch.stack([once[0] / 2] * 2))
    # A second line beside the first takes only the pixels where its ink is darker.
    beside, _ = ink_shares(torch.tensor([*line, [2.0, 9.0], [12.0, 9.0]]), [2, 2], 16).per_stroke(ones)
    assert beside[0] == pytest.approx(float(once[0]))


def test_every_stroke_of_an_even_cross_owns_as_much():
    cross = torch.tensor([[0.0, 10.0], [20.0, 10.0], [10.0, 0.0], [10.0, 20.0]])
    by_stroke, _ = ink_shares(cross, [2, 2], 21).per_stroke(torch.ones(21, 21))
    assert float(by_stroke[0]) == pytest.approx(float(by_stroke[1]))


def test_an_empty_drawing_is_blank():
    assert rasterize_points(torch.zeros(0, 2), [], 8).eq(0).all()
    strokes, paper = ink_shares(torch.zeros(0, 2), [], 8).per_stroke(torch.ones(8, 8))
    assert strokes.shape == (0,)
    assert float(paper) == 64
    outside, _ = ink_shares(torch.tensor([[-50.0, -50.0]]), [1], 8).per_stroke(torch.ones(8, 8))
    assert outside.tolist() == [0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(3, 3), [3]), r"points must be \(P, 2\)"),
        ((torch.zeros(3, 2, dtype=torch.int64), [3]), "points must be a floating point tensor"),
        ((torch.full((3, 2), torch.nan), [3]), "points hold values that are not finite"),
        ((torch.zeros(3, 2), [2]), "adding up to the 3 points"),
        ((torch.zeros(3, 2), [3, 0]), "each at least 1"),
        ((torch.zeros(3, 2), [3], 8, 0.0), "size and width must be positive"),
        ((torch.zeros(3, 2), [3], 8, 1.0, torch.ones(2)), r"ink must be \(3,\)"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        rasterize_points(*arguments)
