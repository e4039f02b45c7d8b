"""Tiles: values to pixels, worked out by hand; errors that name the argument."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import sketchwidgets as sw
from sketchwidgets.visualization.figures import Tile
from sketchwidgets.visualization.figures._colours import category_colours, diverging_map, heat_map
from sketchwidgets.visualization.figures._numbers import short, ticks


def test_signed_values():
    tile = Tile.signed(torch.tensor([[[-2.0, -1.0, 0.0, 1.0, 2.0]]]))
    assert tile.pixels.tolist() == [[1, 64, 128, 192, 255]]  # 128 -+ 63.5, rounded to even
    assert tile.background == 128
    assert tile.facts == (("Scale", "black −2, grey 0, white +2"),)


def test_signed_values_of_a_common_scale_are_clipped():
    assert Tile.signed([[-9.0, 1.0, 9.0]], scale=2).pixels.tolist() == [[1, 192, 255]]


def test_signed_colours_stay_and_other_channels_are_summed():
    rgb = torch.tensor([1.0, 0.0, -1.0]).reshape(3, 1, 1)
    assert Tile.signed(rgb).pixels.tolist() == [[[255, 128, 1]]]
    six = torch.tensor([1.0, 0.0, -1.0, 1.0, 0.0, 0.0]).reshape(6, 1, 1)
    assert Tile.signed(six, scale=2).pixels.tolist() == [[192]]


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_values_without_a_scale_are_mid_grey(value):
    tile = Tile.signed(np.full((2, 3), value))
    assert (tile.pixels == 128).all()
    assert tile.facts == (("Scale", "all zero"),)


def test_nan_beside_a_signal_is_zero():
    assert Tile.signed([[np.nan, 1.0]], scale=1).pixels.tolist() == [[128, 255]]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_any_dtype(dtype):
    values = torch.tensor([[[-1.0, 0.0, 1.0]]], dtype=dtype, requires_grad=True)
    assert Tile.signed(values).pixels.tolist() == [[1, 128, 255]]


@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_signed_pixels_mirror_the_values(values):
    tile, mirror = Tile.signed(values), Tile.signed(-values)
    assert tile.pixels.shape[:2] == values.shape[1:]
    np.testing.assert_array_equal(tile.pixels.astype(int) - 128, 128 - mirror.pixels.astype(int))


def test_pictures():
    assert Tile.picture([[0.0, 0.5, 1.0, 2.0, -1.0]]).pixels.tolist() == [[0, 128, 255, 255, 0]]
    assert Tile.picture([[-1.0, 0.0, 1.0]], low=-1, high=1).pixels.tolist() == [[0, 128, 255]]
    assert Tile.picture(np.array([[0, 255]], np.uint8), high=255).pixels.tolist() == [[0, 255]]
    assert Tile.picture([[1.0, 0.0]], paper=True).pixels.tolist() == [[0, 255]]
    red = torch.tensor([1.0, 0.0, 0.2]).reshape(3, 1, 1)
    assert Tile.picture(red).pixels.tolist() == [[[255, 0, 51]]]
    assert Tile.picture(torch.tensor([1.0, 0.0]).reshape(2, 1, 1)).pixels.tolist() == [[128]]


def test_heat():
    tile = Tile.heat([[1.0, 3.0]])
    np.testing.assert_array_equal(tile.pixels[0], heat_map()[[0, 255]])
    assert tile.ramp == ("heat", 1.0, 3.0)
    fixed = Tile.heat([[1.0, 9.0]], low=0, high=2)
    np.testing.assert_array_equal(fixed.pixels[0], heat_map()[[128, 255]])
    assert (Tile.heat(np.full((2, 2), 7.0)).pixels == heat_map()[0]).all()


def test_heat_leaves_nan_clear():
    tile = Tile.heat([[np.nan, 0.0, 1.0]])
    assert tile.pixels[0, :, 3].tolist() == [0, 255, 255]
    assert tile.ramp == ("heat", 0.0, 1.0)
    nothing = Tile.heat([[np.nan]])
    assert nothing.pixels.tolist() == [[[*heat_map()[0], 0]]]


def test_heat_over_a_picture_is_stretched_and_blended():
    over = np.full((4, 6, 3), 100, np.uint8)
    tile = Tile.heat([[0.0, 1.0], [np.nan, 0.0]], over=over, alpha=0.25)
    assert tile.pixels.shape == (4, 6, 3)
    for corner, entry in (((0, 0), 0), ((1, 5), 255), ((3, 3), 0)):
        expected = 0.25 * heat_map()[entry].astype(float) + 75
        np.testing.assert_allclose(tile.pixels[corner], expected, atol=0.5)
    assert (tile.pixels[2:, :3] == 100).all()  # NaN shows the picture


@pytest.mark.parametrize(("colours", "clear"), [("heat", 0), ("diverging", 128)])
@pytest.mark.parametrize("fade", [False, True])
def test_the_scale_of_a_map_over_paper_has_its_colours(colours, clear, fade):
    values = np.linspace(-1, 1, 256)[None].astype(np.float32)
    paper = np.full((1, 256), 255, np.uint8)
    tile = Tile.heat(values, over=paper, alpha=0.6, fade=fade, colours=colours, low=-1, high=1)
    shown, low, high = tile.ramp
    assert (low, high) == (-1, 1)
    np.testing.assert_array_equal(shown, tile.pixels[0])
    np.testing.assert_allclose(shown[clear], 255, atol=3 if fade else 255)


def test_diverging_heat_is_white_at_zero_and_symmetric():
    tile = Tile.heat([[-1.0, 0.0, 2.0]], colours="diverging")
    assert tile.ramp == ("diverging", -2.0, 2.0)
    blue, white, red = tile.pixels[0].astype(int)
    assert white.min() > 240
    assert blue[2] > blue[0]
    assert red[0] > red[2] + 100


def test_categories_have_a_colour_each_and_the_largest_the_first():
    labels = np.array([[3, 3, 3], [1, 1, -1]])
    tile = Tile.categories(labels, ["a", "b", "c", "d"])
    assert [name for _, name in tile.legend] == ["d", "b"]
    np.testing.assert_array_equal(tile.pixels[0, 0, :3], category_colours(2)[0])
    assert tuple(tile.pixels[1, 0, :3]) == tile.legend[1][0]
    assert tile.pixels[1, 2, 3] == 0
    other = Tile.categories([[1]], ["a", "b", "c", "d"], order=[3, 1])
    assert other.legend == (tile.legend[1],)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tile(None), "pixels, or a label"),
        (lambda: Tile(np.zeros((2, 2))), "uint8"),
        (lambda: Tile(np.zeros((2, 2, 2), np.uint8)), r"\(h, w\), \(h, w, 3\)"),
        (lambda: Tile(np.zeros((0, 2), np.uint8)), "not empty"),
        (lambda: Tile.signed(torch.zeros(1, 1, 2, 2)), r"values must be \(C, h, w\)"),
        (lambda: Tile.picture(np.zeros((2, 2)), low=1, high=1), "high must be more than low"),
        (lambda: Tile.heat(torch.zeros(3, 2, 2)), r"values must be \(h, w\)"),
        (lambda: Tile.heat(np.zeros((2, 2)), colours="jet"), "'heat' or 'diverging'"),
        (lambda: Tile.heat(np.zeros((2, 2)), over=np.zeros((4, 4))), "over must be uint8"),
        (lambda: Tile.heat(np.zeros((2, 2)), over=np.zeros((4, 4), np.uint8), alpha=2), "alpha"),
        (lambda: Tile.categories([[5]], ["a"]), "labels go up to 5"),
        (lambda: Tile.categories([[0.5]], ["a"]), "whole numbers"),
        (lambda: Tile.signed(np.array([["a"]])), "values must be numbers"),
    ],
)
def test_what_is_no_tile_is_named(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_a_tile_keeps_its_own_pixels():
    pixels = np.zeros((2, 2), np.uint8)
    tile = sw.Tile(pixels)
    pixels[:] = 9
    assert (tile.pixels == 0).all()
    with pytest.raises(ValueError, match="read-only"):
        tile.pixels[0, 0] = 1


def lightness(colours):
    """CIE L* of (n, 3) uint8 sRGB."""
    from skimage.color import rgb2lab

    return rgb2lab(colours[None] / 255)[0, :, 0]


def test_the_heat_map_grows_evenly_lighter():
    steps = np.diff(lightness(heat_map()).reshape(32, 8).mean(1))
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.min()


def test_the_diverging_map_is_lightest_in_the_middle_and_even_on_both_sides():
    light = lightness(diverging_map())
    assert light[128] == light.max() > 95
    np.testing.assert_allclose(light[129:], light[127:0:-1], atol=6)


def test_category_colours_differ():
    from skimage.color import rgb2lab

    lab = rgb2lab(category_colours(10)[None] / 255)[0]
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1) + 1e9 * np.eye(10)
    assert apart.min() > 15


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (0.5, "0.5"),
        (1234.5, "1234"),
        (-0.25, "−0.25"),
        (2e-7, "2.0e−7"),
        (np.nan, "NaN"),
        (np.inf, "∞"),
    ],
)
def test_numbers_for_readers(value, text):
    assert short(value) == text


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_ticks_are_round_few_and_inside(low, span):
    made = ticks(low, low + span)
    assert len(made) <= 7
    assert all(
        low - 1e-6 * span - 1e-9 * abs(low) <= t <= low + span + 1e-6 * span + 1e-9 * abs(low) for t in made
    )
    if span > 1e-6 * abs(low):
        assert len(made) >= 2


def test_a_fading_heat_map_lets_the_picture_through_where_it_is_low():
    over = np.full((2, 2), 200, np.uint8)
    values = np.array([[0.0, 1.0], [6.0, 2.0]])
    tile = Tile.heat(values, over=over, alpha=0.5, fade=True)
    plain = Tile.heat(values, over=over, alpha=0.5)
    assert tile.pixels[0, 0].tolist() == [200, 200, 200]
    np.testing.assert_array_equal(tile.pixels[1], plain.pixels[1])  # a third of the range and more
    assert (np.abs(tile.pixels[0, 1].astype(int) - 200) < np.abs(plain.pixels[0, 1].astype(int) - 200)).all()


def test_a_fading_diverging_map_is_clear_around_zero():
    tile = Tile.heat(
        [[-3.0, 0.0, 3.0]], over=np.full((1, 3), 99, np.uint8), alpha=1, fade=True, colours="diverging"
    )
    assert tile.pixels[0, 1].tolist() == [99, 99, 99]
    assert tile.pixels[0, 0, 2] > tile.pixels[0, 0, 0]  # blue
    assert tile.pixels[0, 2, 0] > tile.pixels[0, 2, 2]  # red
