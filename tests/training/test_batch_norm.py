import torch

from sketchwidgets.models import SketchANet
from sketchwidgets.training.batch_norm import BatchNormSketchANet, fast_features


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
