"""Projections in turns, signals in the fastest format, and the transposed convolutions of few channels."""

import gc
import weakref

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from toy_nets import Branches, Pools, Residual, images, seeded

import sketchwidgets as sw
from sketchwidgets.visualization.figures._values import signed_bytes
from sketchwidgets.visualization.projection import ProjectionError, _precision, project, record
from sketchwidgets.visualization.projection.steps._sliding import _transposed_by_blocks
from sketchwidgets.visualization.projection.windows import _sweep


@pytest.mark.parametrize("net", [Branches, Residual, Pools])
@pytest.mark.parametrize("at_once", [300, 2**20])
def test_turns_lead_to_the_projection(net, at_once, monkeypatch):
    monkeypatch.setattr(_sweep, "_NUMBERS_AT_ONCE", at_once)
    recording = record(seeded(net), images(n=2, height=37, width=34))
    under_way = {layer: recording.project_in_turns(layer, 3, "guided") for layer in recording.layers}
    found = {}
    while len(found) < len(under_way):  # all layers take turns
        for layer in under_way.keys() - found.keys():
            projection = next(under_way[layer])
            if projection is not None:
                found[layer] = projection
    for layer in recording.layers:
        expected = recording.project(layer, 3, "guided")
        assert torch.equal(found[layer].images, expected.images)
        assert torch.equal(found[layer].boxes, expected.boxes)


def test_between_turns_gradients_and_inference_mode_are_the_callers():
    recording = record(seeded(Residual), images())
    turns = recording.project_in_turns("out", 2)
    x = torch.ones(2, requires_grad=True)
    assert next(turns) is None
    assert (x * x).requires_grad
    with torch.inference_mode():
        assert next(turns) is None
        assert torch.ones(1).is_inference()
    *_, projection = turns
    assert torch.equal(projection.images, recording.project("out", 2).images)


def test_turns_check_what_they_are_given():
    recording = record(seeded(Residual), images())
    with pytest.raises(ProjectionError, match="rule must be one of"):
        next(recording.project_in_turns("out", rule="forward"))
    with pytest.raises(ProjectionError, match="'nowhere' was not recorded"):
        next(recording.project_in_turns("nowhere"))


@pytest.mark.parametrize("native", [True, False])
def test_the_fast_format_is_bfloat16_where_the_processor_has_it(native, monkeypatch):
    monkeypatch.setattr(_precision, "_has_bfloat16", lambda: native)
    model, x = seeded(Residual).float(), images().float()
    fast = project(model, x, "out", 3, dtype="fast")["out"].images
    expected = project(model, x, "out", 3, dtype=torch.bfloat16 if native else None)["out"].images
    assert torch.equal(fast, expected)
    assert fast.dtype == torch.float32
    half = images().half()
    assert _precision.fast_dtype(half) is None, "nothing is to be gained for what is narrow already"


def test_weights_are_converted_once_until_they_change_and_no_longer_than_the_model_lives():
    def rounded(model):
        return project(model, images().float(), "out", 2, dtype=torch.bfloat16)["out"].images

    model = seeded(Residual).float()
    first = rounded(model)
    weight = next(m.weight for m in model.modules() if isinstance(m, torch.nn.Conv2d))
    converted = weakref.ref(_precision.converted(weight, torch.bfloat16))
    assert torch.equal(rounded(model), first)
    assert _precision.converted(weight, torch.bfloat16) is converted()
    with torch.no_grad():
        weight.mul_(2)
    assert not torch.equal(rounded(model), first)
    converted = weakref.ref(_precision.converted(weight, torch.bfloat16))
    del model, weight
    gc.collect()
    assert converted() is None


@pytest.mark.parametrize("rule", ["guided", "deconvnet"])
def test_tiles_of_the_bundled_recogniser_in_bfloat16_look_the_same(rule):
    recognizer = sw.Recognizer.load(device="cpu")
    session = recognizer.session()
    for radius in (80, 30, 10):
        turn = np.linspace(0, 2 * np.pi, 30)
        session.add(100 + radius * np.column_stack([np.cos(turn), np.sin(turn)]))
    layers = sw.Network.of(recognizer).layers()
    exact, rounded = (
        project(recognizer.cnn, session.image(), layers, 9, rule, dtype=dtype)
        for dtype in (None, torch.bfloat16)
    )
    for layer in layers:
        assert torch.equal(exact[layer].boxes, rounded[layer].boxes)
        for a, b in zip(exact[layer].crops(), rounded[layer].crops(), strict=True):
            shown = [signed_bytes(tile.numpy())[0].astype(int) for tile in (a, b)]
            assert shown[0].std() > 1, "there is something to see"
            assert np.abs(shown[0] - shown[1]).max() <= 6, "of 255"
            assert np.sqrt(np.mean((shown[0] - shown[1]) ** 2.0)) < 0.6


@pytest.mark.parametrize("channels", [1, 3, 8])
@pytest.mark.parametrize("stride", [(1, 1), (2, 2), (3, 3), (4, 4), (2, 1)])
@pytest.mark.parametrize("kernel", [(7, 7), (15, 15), (11, 11), (2, 2), (1, 5), (4, 3)])
def test_blocks_of_pixels_are_the_transposed_convolution(kernel, stride, channels):
    torch.manual_seed(0)
    weight = torch.randn(6, channels, *kernel, dtype=torch.float64)
    for size in ((5, 4), (6, 9)):
        signal = torch.randn(2, 6, *size, dtype=torch.float64)
        expected = F.conv_transpose2d(signal, weight, stride=stride)
        assert torch.allclose(_transposed_by_blocks(signal, weight, stride), expected, rtol=0, atol=1e-12)
