"""Train a network with batch normalisation, ship it without.

Batch norm in evaluation mode is a scale and a shift per channel, so it can be folded into the convolution before it and
what remains is exactly the network of the paper. With Sketch-a-Net two liberties make training faster on a CPU and
change nothing of the result: the norm stands after the max pool (a positive scale and the ReLU commute with a maximum;
the scale is kept positive), and the first convolution, 15x15 with stride 3 on one channel, is computed as 5x5 with
stride 1 on nine.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from sketchwidgets.models import SketchANet, SketchResNet

_SMALLEST_SCALE = 1e-3
_NORMALISED = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")
_POOL_AFTER = {"conv1": "pool1", "conv2": "pool2", "conv5": "pool5"}


class BatchNormSketchANet(nn.Module):
    """Sketch-a-Net with a batch norm after each hidden convolution, for training. `fold` gives the plain network."""

    def __init__(self, net: SketchANet) -> None:
        super().__init__()
        self.net = net
        self.norms = nn.ModuleDict(
            {name: nn.BatchNorm2d(net.get_submodule(name).out_channels) for name in _NORMALISED}
        )

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (n, classes) of images (n, channels, 225, 225)."""
        return self.net.fc8(_hidden(self.net, images, self.norms)).flatten(1)

    @torch.no_grad()
    def keep_scales_positive(self) -> None:
        """Call after each optimiser step: a negative scale would not commute with the pools."""
        for norm in self.norms.values():
            norm.weight.clamp_(min=_SMALLEST_SCALE)

    @torch.no_grad()
    def fold(self) -> SketchANet:
        """A plain Sketch-a-Net in evaluation mode that computes the same as this one, on its device and in its dtype."""
        plain = SketchANet(**self.net.arguments).to(self.net.conv1.weight)
        plain.load_state_dict(self.net.state_dict())
        for name, norm in self.norms.items():
            conv = plain.get_submodule(name)
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            conv.weight.mul_(scale[:, None, None, None])
            conv.bias.copy_((conv.bias - norm.running_mean) * scale + norm.bias)
        return plain.eval()


class BatchNormChain(nn.Module):
    """A network of layers in a row (AlexNet, VGG-16, ZFNet, ...) with a batch norm after each hidden one.

    `network` itself becomes the part that is trained. Its layers are the convolutions and linear ones in the order in
    which they are named, the last being the classifier.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.net = network
        names = [name for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        for name in names[:-1]:
            layer = network.get_submodule(name)
            conv = isinstance(layer, nn.Conv2d)
            norm = nn.BatchNorm2d(layer.out_channels) if conv else nn.BatchNorm1d(layer.out_features)
            network.set_submodule(name, _Normalised(layer, norm))

    def forward(self, images: Tensor) -> Tensor:
        """Class scores (n, classes)."""
        return self.net(images)

    def fold(self) -> nn.Module:
        """The plain network in evaluation mode that computes the same as this one in evaluation mode."""
        plain = deepcopy(self.net).eval()
        for name, layer in list(plain.named_modules()):
            if isinstance(layer, _Normalised):
                fuse = fuse_conv_bn_eval if isinstance(layer[0], nn.Conv2d) else fuse_linear_bn_eval
                plain.set_submodule(name, fuse(layer[0], layer[1]))
        return plain


class _Normalised(nn.Sequential):
    """A layer and its batch norm."""


def for_training(network: nn.Module) -> nn.Module:
    """The network with batch normalisation, to be trained and then `folded`; one that has it already as it is."""
    if isinstance(network, SketchANet):
        return BatchNormSketchANet(network)
    if any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules()):
        return network
    return BatchNormChain(network)


def folded(network: nn.Module) -> nn.Module:
    """The plain network in evaluation mode of what `for_training` made; any other network, copied, as it is."""
    if isinstance(network, BatchNormSketchANet | BatchNormChain | SketchResNet):
        return deepcopy(network.fold()).eval()
    return deepcopy(network).eval()


def fast_features(net: SketchANet, images: Tensor) -> Tensor:
    """`net.features(images)`, (n, 512), by the faster computation of training."""
    return _hidden(net, images, None).flatten(1)


def _hidden(net: SketchANet, x: Tensor, norms: nn.ModuleDict | None) -> Tensor:
    """Dropped-out fc7 maps (n, 512, 1, 1), with or without batch norm."""
    for name in _NORMALISED:
        conv = net.get_submodule(name)
        if name == "conv1":
            stride = conv.stride[0]
            x = F.pixel_unshuffle(x, stride).contiguous(memory_format=torch.channels_last)
            x = F.conv2d(x, F.pixel_unshuffle(conv.weight, stride), conv.bias)
        else:
            x = conv(x)
        if name in _POOL_AFTER:
            x = net.get_submodule(_POOL_AFTER[name])(x)
        x = F.relu(x if norms is None else norms[name](x), inplace=True)
        if name in ("fc6", "fc7"):
            x = net.get_submodule(f"drop{name[-1]}")(x)
    return x
