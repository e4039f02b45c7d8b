"""What of a tile is shown where it is cropped to its signal: as the page does, and in saved pictures."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sketchwidgets.visualization.figures._signal_window import signal_windows, stands_out
from sketchwidgets.visualization.figures._values import signed_bytes


def _field(side, spot, grey=128 + 13):
    if spot == "dead":
        return None
    field = np.full((side, side), 128, np.uint8)
    if spot:
        top, left, bottom, right = spot
        field[top:bottom, left:right] = grey
    return field


def test_the_scenarios_of_the_page(repository):
    scenarios = json.loads((repository / "js" / "test" / "signal_windows.json").read_text("utf-8"))
    assert scenarios
    for one in scenarios:
        fields = [_field(one["field"], spot) for spot in one["spots"]]
        found = signal_windows(
            [None if field is None else stands_out(field) for field in fields], one["field"]
        )
        said = [[rows.start, columns.start, rows.stop - rows.start] for rows, columns in found]
        assert said == one["windows"], one["what"]
        assert [c.stop - c.start for _, c in found] == [side for *_, side in one["windows"]]


@pytest.mark.parametrize(("grey", "top"), [(140, 42), (116, 42), (115, 0)])
def test_less_than_a_tenth_does_not_stand_out(grey, top):
    fields = [_field(96, (0, 0, 5, 5), grey), _field(96, (50, 50, 55, 55))]
    assert signal_windows([*map(stands_out, fields)], 96)[0][0].start == top


@given(st.integers(1, 120), st.lists(st.tuples(*[st.integers(0, 119)] * 2), min_size=1, max_size=5))
def test_no_window_loses_signal(side, places):
    fields = [np.full((side, side, 3), 128, np.uint8) for _ in places]
    for field, (y, x) in zip(fields, places, strict=True):
        field[y % side, x % side, 1] = 255
        field[x % side, y % side, 2] = 1
    for field, (rows, columns) in zip(fields, signal_windows([*map(stands_out, fields)], side), strict=True):
        inside = field[rows, columns]
        assert inside.shape[:2] == (len(range(side)[rows]),) * 2
        assert (inside != 128).sum() == (field != 128).sum()


@given(st.integers(0, 1000), st.floats(1e-6, 1e6))
def test_signed_values_stand_out_where_their_greys_do(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    values = scale * torch.randn(1, 12, 12, generator=generator) ** 5
    greys, _ = signed_bytes(values.numpy())
    differ = stands_out(values) != stands_out(greys)
    # But for what lies on the edge between two greys.
    edge = (127 * values[0].abs() / values.abs().max() - 12.5).abs() < 1e-3
    assert not (differ & ~edge.numpy()).any()


def test_values_without_signal_do_not_stand_out():
    assert not stands_out(torch.zeros(3, 4, 4)).any()
