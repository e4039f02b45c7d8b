"""What must hold whatever the numbers: analytic cases, receptive fields, pools and their ties."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from toy_nets import Branches, Functional, InPlace, Pools, Residual, images, seeded

from sketchwidgets.models import SketchANet
from sketchwidgets.visualization import ProjectionError, project, record
from sketchwidgets.visualization.projection.windows import _sweep

RULES = ("deconvnet", "guided", "backprop")


@pytest.mark.parametrize("rule", RULES)
def test_a_first_layer_projection_is_the_kernel(rule):
    model = seeded(lambda: nn.Sequential(nn.Conv2d(2, 6, 5, stride=2), nn.ReLU()))
    result = project(model, images(), "1", top=4, rule=rule)["1"]
    for rank, crop in enumerate(result.crops(0)):
        kernel = model[0].weight[result.channels[0, rank]] * result.activations[0, rank]
        assert torch.allclose(crop, kernel.detach(), rtol=0, atol=1e-14)


def test_without_relus_all_rules_are_the_transposed_convolution():
    model = seeded(lambda: nn.Sequential(nn.Conv2d(2, 6, 3, stride=2), nn.Conv2d(6, 5, 4)))
    results = {rule: project(model, images(), "1", top=3, rule=rule)["1"] for rule in RULES}
    seeds = torch.zeros(3, 5, 7, 6, dtype=torch.float64)
    first = results["backprop"]
    for rank in range(3):
        at = (rank, first.channels[0, rank], *first.positions[0, rank])
        seeds[at] = first.activations[0, rank]
    below = F.conv_transpose2d(F.conv_transpose2d(seeds, model[1].weight), model[0].weight, stride=2)
    padded = F.pad(below, (0, 19 - below.shape[3], 0, 22 - below.shape[2])).detach()
    for result in results.values():
        assert torch.allclose(result.images[0], padded, rtol=0, atol=1e-13)


def test_with_non_negative_weights_and_input_guided_is_backprop():
    model = seeded(Functional)
    for parameter in model.parameters():
        parameter.data.abs_()
    x = images().abs()
    for layer, guided in project(model, x, top=3, rule="guided").items():
        backprop = project(model, x, layer, top=3, rule="backprop")[layer]
        assert torch.allclose(guided.images, backprop.images, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_the_seed_is_a_scale(rule):
    model, x = seeded(Branches), images(n=2)
    activation = project(model, x, "end", top=4, rule=rule)["end"]
    unit = project(model, x, "end", top=4, rule=rule, signal="unit")["end"]
    scaled = unit.images * activation.activations.clamp(min=0)[:, :, None, None, None]
    assert torch.allclose(activation.images, scaled, rtol=0, atol=1e-12)
    assert activation.images.abs().max() > 0


def test_a_blocked_signal_passes_only_under_deconvnet():
    # The lower unit is off, so that backprop and guided are blank, and deconvnet shows its filter.
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, 1), nn.ReLU()).eval()
    for layer, weight, bias in ((0, 2.0, -5.0), (2, 3.0, 1.0)):
        nn.init.constant_(model[layer].weight, weight)
        nn.init.constant_(model[layer].bias, bias)
    values = {rule: project(model, torch.ones(1, 1, 1, 1), "3", 1, rule)["3"].images.item() for rule in RULES}
    assert values == {"deconvnet": 6.0, "guided": 0.0, "backprop": 0.0}


def test_dead_units_are_labelled_and_blank():
    model = seeded(lambda: nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 5, 3)))
    model[0].bias.data[2:] = -100.0
    model[2].bias.data[:] = -100.0
    for path in ("windows", "autograd"):
        for signal in ("activation", "unit"):
            result = project(model, images(), ["1", "2"], top=6, signal=signal, path=path)
            assert result["1"].dead.tolist() == [[False, False, True, True, True, True]]
            blank = (result["1"].images == 0).flatten(2).all(2)
            assert blank.tolist() == result["1"].dead.tolist()
            assert result["2"].dead.all()
            assert (result["2"].images == 0).all()


def test_sketch_a_net_windows_are_the_published_receptive_fields():
    torch.manual_seed(0)
    model = SketchANet().eval()
    x = torch.zeros(1, 1, 225, 225)
    x[:, :, 60:160, 70:150] = (torch.rand(100, 80) > 0.9).float()
    result = project(model, x, rule="guided")
    assert list(result) == ["relu1", "relu2", "relu3", "relu4", "relu5"]
    for layer, size, jump in zip(result, (15, 45, 81, 105, 129), (3, 6, 12, 12, 12), strict=True):
        projection = result[layer]
        start = {"relu1": 0, "relu2": 0, "relu3": -12, "relu4": -24, "relu5": -36}[layer]
        corner = projection.positions * jump + start
        expected = torch.cat([corner, corner + size], dim=-1).clamp(0, 225)
        assert torch.equal(projection.boxes, expected)
        for crop, box in zip(projection.crops(0), projection.boxes[0].tolist(), strict=True):
            assert crop.shape == (1, box[2] - box[0], box[3] - box[1])


def test_images_are_the_crops_in_place():
    model, x = seeded(InPlace), images(n=2)
    for projection in project(model, x, top=3, rule="backprop").values():
        for i in range(2):
            for rank, crop in enumerate(projection.crops(i)):
                top, left, bottom, right = projection.boxes[i, rank].tolist()
                image = projection.images[i, rank].clone()
                assert torch.equal(image[:, top:bottom, left:right], crop)
                image[:, top:bottom, left:right] = 0
                assert not image.any()


# --- the units


def test_units_are_the_strongest_channels_at_their_maximum():
    model, x = seeded(Branches), images(n=3)
    recording = record(model, x, ["end"])
    result, maps = recording.project("end", top=3), recording.maps("end")
    peaks = maps.amax((2, 3))
    assert torch.equal(result.activations, peaks.topk(3).values)
    for i in range(3):
        for rank in range(3):
            row, column = result.positions[i, rank]
            assert maps[i, result.channels[i, rank], row, column] == result.activations[i, rank]


def test_a_unit_of_a_constant_map_is_its_middle_or_its_first():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()).eval()
    nn.init.constant_(model[0].bias, 1.0)
    x = torch.zeros(1, 1, 9, 13)
    assert project(model, x, top=2)["1"].positions.tolist() == [[[3, 5], [3, 5]]]
    assert project(model, x, top=2, ties="first")["1"].positions.tolist() == [[[0, 0], [0, 0]]]
    assert project(model, x, top=2)["1"].channels.tolist() == [[0, 1]]


def test_top_is_limited_by_the_channels():
    result = project(seeded(Branches), images(), "end", top=100)["end"]
    assert result.channels.shape == (1, 4)
    assert sorted(result.channels[0].tolist()) == [0, 1, 2, 3]


# --- pools


def brute_switch(window, ties):
    """Row and column in a window (with NaN for padding) of the maximum, by the stated policy."""
    at_peak = [tuple(at) for at in np.argwhere(window == np.nanmax(window))]
    if ties == "first":
        return at_peak[0]
    middle = (np.array(window.shape) - 1) / 2
    return min(at_peak, key=lambda at: (((np.array(at) - middle) ** 2).sum(), at))


@st.composite
def pools(draw):
    kernel = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    return {
        "kernel_size": kernel,
        "stride": (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
        "dilation": (draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        "ceil_mode": draw(st.booleans()),
    }


@settings(max_examples=60, deadline=None)
@given(
    pools(), st.integers(7, 11), st.integers(7, 11), st.sampled_from(["first", "center"]), st.integers(0, 99)
)
def test_max_pools_send_the_signal_to_the_stated_switch(pool, height, width, ties, seed):
    values = torch.randint(
        0, 3, (1, 2, height, width), generator=torch.Generator().manual_seed(seed)
    ).double()
    model = (
        nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.MaxPool2d(**pool), nn.Conv2d(2, 3, 2))
        .double()
        .eval()
    )
    model[0].weight.data = torch.eye(2).double()[:, :, None, None]
    model[2].bias.data += 100
    pooled = model[1](values)
    if min(pooled.shape[2:]) < 2:
        return
    for path in ("windows", "autograd"):
        result = project(model, values, "2", top=1, rule="backprop", signal="unit", ties=ties, path=path)["2"]
        row, column = result.positions[0, 0].tolist()
        kernel = model[2].weight[result.channels[0, 0]].detach()
        expected = torch.zeros(2, height, width, dtype=torch.float64)
        (sy, sx), (py, px), (dy, dx) = pool["stride"], pool["padding"], pool["dilation"]
        for channel in range(2):
            for y, x in np.ndindex(2, 2):
                at_y, at_x = (row + y) * sy - py, (column + x) * sx - px
                window = np.full(pool["kernel_size"], math.nan)
                for i, j in np.ndindex(*window.shape):
                    if 0 <= at_y + i * dy < height and 0 <= at_x + j * dx < width:
                        window[i, j] = values[0, channel, at_y + i * dy, at_x + j * dx]
                i, j = brute_switch(window, ties)
                expected[channel, at_y + i * dy, at_x + j * dx] += kernel[channel, y, x]
        assert torch.allclose(result.images[0, 0], expected, rtol=0, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    channels=st.sampled_from([1, 2, 9]),
    size=st.tuples(st.integers(12, 17), st.integers(12, 17)),
)
def test_convolutions_of_any_geometry_go_down_as_their_gradient(kernel, stride, padding, channels, size):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(channels, 4, kernel, stride, padding), nn.ReLU(), nn.Conv2d(4, 3, 2), nn.ReLU()
    )
    model = model.double().eval()
    x = images(2, channels, *size)
    if min(model[0](x).shape[2:]) < 2:
        return
    fast = project(model, x, "3", top=2, rule="guided", path="windows")["3"]
    general = project(model, x, "3", top=2, rule="guided", path="autograd")["3"]
    assert torch.allclose(fast.images, general.images, rtol=0, atol=1e-12)


def test_ties_at_the_centre_have_no_drift():
    # On blank paper every position is tied: the projection of the middle unit must be symmetric.
    model = (
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(3, 2, 3), nn.ReLU())
        .double()
        .eval()
    )
    for layer in (0, 3):
        nn.init.constant_(model[layer].weight, 0.25)  # exact sums, so that ties are ties
        nn.init.constant_(model[layer].bias, 1.0)
    image = project(model, torch.zeros(1, 1, 17, 17, dtype=torch.float64), "4", top=1)["4"].images[0, 0, 0]
    assert image.any()
    assert torch.allclose(image, image.flip(0), rtol=0, atol=1e-12)
    assert torch.allclose(image, image.flip(1), rtol=0, atol=1e-12)
    first = project(model, torch.zeros(1, 1, 17, 17, dtype=torch.float64), "4", top=1, ties="first")[
        "4"
    ].images[0, 0, 0]
    assert not torch.allclose(first, first.flip(0))


@pytest.mark.parametrize("net", [Branches, Functional, InPlace, Residual, Pools])
def test_units_in_small_groups_are_units_together(net, monkeypatch):
    model, x = seeded(net), images(n=2, height=37, width=34)
    recording = record(model, x)
    together = {layer: recording.project(layer, 5) for layer in recording.layers}
    monkeypatch.setattr(_sweep, "_NUMBERS_AT_ONCE", 300)
    for layer in recording.layers:
        groups = recording.project(layer, 5)
        assert together[layer].images.any()
        assert torch.allclose(groups.images, together[layer].images, rtol=0, atol=1e-13)
        assert torch.equal(groups.boxes, together[layer].boxes)


@pytest.mark.parametrize("rule", RULES)
def test_a_signal_in_bfloat16_is_the_signal_rounded(rule):
    model = seeded(Residual).float()
    x = images(n=2).float()
    for layer in ("relu", "out"):
        exact = project(model, x, layer, 3, rule)[layer]
        rounded = project(model, x, layer, 3, rule, path="windows", dtype=torch.bfloat16)[layer]
        assert rounded.images.dtype == torch.float32
        assert torch.equal(rounded.boxes, exact.boxes)
        assert torch.equal(rounded.activations, exact.activations)
        difference = (rounded.images - exact.images).norm() / exact.images.norm()
        assert 1e-6 < difference < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": torch.int8}, "dtype must be one of None, torch.bfloat16"),
        ({"dtype": "bfloat16"}, "dtype must be one of"),
        ({"dtype": torch.bfloat16, "path": "autograd"}, "dtype is for path='auto' or 'windows'"),
        ({"dtype": torch.bfloat16, "convolution": "relevance"}, "with convolution='standard'"),
    ],
)
def test_a_number_format_that_cannot_be_had_is_named(options, message):
    with pytest.raises(ProjectionError, match=message):
        project(seeded(Residual), images(), **options)
