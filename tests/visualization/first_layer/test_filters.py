"""First-layer filters as they are."""

import pytest
import torch
from torch import nn

from sketchwidgets.models import SketchANet
from sketchwidgets.visualization import first_layer


def test_a_copy_of_the_weights():
    model = SketchANet()
    filters = first_layer(model)
    assert (filters.layer, filters.stride, len(filters)) == ("conv1", (3, 3), 64)
    assert torch.equal(filters.weights, model.conv1.weight)
    filters.weights.zero_()
    assert model.conv1.weight.abs().max() > 0


def test_bfloat16_and_float64_come_out_as_floats():
    model = nn.Sequential(nn.Conv2d(3, 4, 5))
    assert first_layer(model.bfloat16()).weights.dtype == torch.float32
    assert first_layer(model.double()).weights.dtype == torch.float64


def test_the_spatial_part_is_the_best_separable_picture():
    model = nn.Sequential(nn.Conv2d(6, 5, 7)).double()
    filters = first_layer(model)
    weights = model[0].weight.detach()
    for i in range(5):
        flat = weights[i].flatten(1)
        _, values, right = torch.linalg.svd(flat)
        picture = filters.spatial[i].flatten()
        assert torch.allclose((picture @ right[0]).abs(), values[0])
        assert torch.allclose(filters.shares[i], values[0] ** 2 / flat.square().sum())
        assert (flat @ picture).sum() >= 0


def test_another_layer_by_name_and_the_figure():
    model = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU()), nn.Conv2d(3, 2, 9))
    assert first_layer(model).layer == "0.0"
    filters = first_layer(model, "1")
    assert filters.weights.shape == (2, 3, 9, 9)
    (section,) = filters.figure().sections
    assert section.tiles[0].pixels.shape == (9, 9, 3)


@pytest.mark.parametrize(
    ("model", "layer", "error", "message"),
    [
        (nn.ReLU(), None, ValueError, "no Conv2d"),
        (nn.Conv2d(1, 1, 3), "conv7", ValueError, "layer must be the name of a Conv2d"),
        ("resnet", None, TypeError, "model must be a torch.nn.Module"),
    ],
)
def test_what_has_no_filters_is_named(model, layer, error, message):
    with pytest.raises(error, match=message):
        first_layer(model, layer)
