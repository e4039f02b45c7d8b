import pytest
import torch
from torch import nn

from sketchwidgets.models import SketchANet, SketchResNet, create
from sketchwidgets.training.recognizers.batch_norm import (
    BatchNormSketchANet,
    fast_features,
    folded,
    for_training,
)


def test_folding_changes_nothing():
    torch.manual_seed(0)
    network = BatchNormSketchANet(SketchANet(7))
    for norm in network.norms.values():
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        norm.weight.data.uniform_(0.2, 2)
        norm.bias.data.normal_()
    network.eval()
    images = torch.rand(2, 1, 225, 225)
    with torch.no_grad():
        torch.testing.assert_close(network(images), network.fold()(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("where", [{"device": "meta"}, {"dtype": torch.float64}])
def test_folding_stays_on_the_device_and_in_the_dtype(where):
    """On "meta", too, nothing of another device may come in, as on a GPU."""
    network = BatchNormSketchANet(SketchANet(3)).to(**where)
    tensors = list(network.fold().state_dict().values())
    assert {tensor.device for tensor in tensors} == {network.net.conv1.weight.device}
    assert {tensor.dtype for tensor in tensors} == {network.net.conv1.weight.dtype}


def test_scales_stay_positive_so_that_they_commute_with_the_pools():
    network = BatchNormSketchANet(SketchANet(3))
    network.norms["conv1"].weight.data[:5] = -2.0
    network.keep_scales_positive()
    assert network.norms["conv1"].weight.min() > 0


def test_fast_features_are_the_features():
    torch.manual_seed(1)
    net = SketchANet(3).eval()
    images = torch.rand(2, 1, 225, 225)
    with torch.no_grad():
        torch.testing.assert_close(fast_features(net, images), net.features(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", ["convolutions", "convolutions and linear ones"])
def test_a_network_in_a_row_is_trained_with_a_norm_a_layer_and_ends_without(layers):
    torch.manual_seed(2)
    if layers == "convolutions":
        plain, side, widths = (
            create("alexnet", classes=5, channels=1, conv=[8] * 5, fc=16),
            227,
            [8] * 5 + [16] * 2,
        )
    else:
        head = [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(128, 16), nn.ReLU(), nn.Linear(16, 5)]
        plain, side, widths = nn.Sequential(nn.Conv2d(1, 8, 5), nn.ReLU(), *head), 32, [8, 16]
    names = set(plain.state_dict())
    network = for_training(plain)
    norms = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == widths
    for norm in norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
        norm.weight.data.uniform_(-2, 2)
        norm.bias.data.normal_()
    ended = folded(network)
    assert set(ended.state_dict()) == names
    assert type(ended) is type(plain)
    assert not ended.training
    images = torch.rand(2, 1, side, side)
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(images), ended(images), rtol=1e-4, atol=1e-4)


def test_a_network_with_norms_of_its_own_is_trained_as_it_is():
    network = SketchResNet(3, widths=(4,), blocks=(1,))
    assert for_training(network) is network
    assert not folded(network).arguments["norm"]


@pytest.mark.parametrize("fold", [SketchResNet(3, widths=(4,), blocks=(1,), norm=False), nn.Conv2d(1, 2, 3)])
def test_what_has_no_norm_is_copied(fold):
    copied = folded(fold)
    assert copied is not fold
    for name, tensor in fold.state_dict().items():
        assert torch.equal(copied.state_dict()[name], tensor)
