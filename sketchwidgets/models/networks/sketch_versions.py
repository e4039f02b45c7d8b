"""torchvision's networks for sketches: grey or RGB input, any number of classes, ImageNet weights to start from."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn
from torchvision.models import AlexNet, GoogLeNet, ResNet
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.vgg import VGG, cfgs, make_layers

from sketchwidgets.models._checks import check_sizes
from sketchwidgets.models.networks._imagenet import imagenet_state, input_statistics, take_over


class AlexNetSketch(AlexNet):
    """torchvision's AlexNet (Krizhevsky 2014, one column of filters: 64, 192, 384, 256, 256) for sketches.

    AlexNet-Sketch is the comparison of the Sketch-a-Net papers. 61,100,840 parameters for RGB and 1,000 classes.

    Parameters
    ----------
    classes : number of classes.
    channels : 1 or 3. The one filter channel of a grey network is the sum of the three of RGB, so that a grey image
        excites it as three equal channels excite the RGB network.
    pretrained : "imagenet" for torchvision's ImageNet weights, downloaded once, or None for random ones. Where they
        cannot be had, a UserWarning says why, and the weights are random. The last layer is theirs only where
        `classes` is 1000, else random.

    The input is (n, channels, 224, 224). ImageNet weights take dark ink on white paper, RGB normalised by ImageNet's mean
    and deviation, a grey image by their averages over RGB; `input_statistics` is (mean, deviation), a number each for
    every channel, and None with random weights. Raises ValueError for another number of channels or another `pretrained`.

    >>> with torch.device("meta"):
    ...     network = sw.models.create("alexnet_sketch", classes=250, channels=1)
    >>> network.features[0].weight.shape
    torch.Size([64, 1, 11, 11])
    """

    input_size = 224

    def __init__(self, classes: int = 250, channels: int = 3, pretrained: str | None = None) -> None:
        state = _prepare("alexnet", classes, channels, pretrained)
        super().__init__(num_classes=classes)
        _finish(self, state, classes, channels, first="features.0", last="classifier.6")


class VGG16Sketch(VGG):
    """VGG-16 (Simonyan & Zisserman, ICLR 2015, configuration D) for sketches.

    138,357,544 parameters for RGB and 1,000 classes. Arguments as of `AlexNetSketch`, and:

    width : channels of every hidden layer, relative to the paper's; a quarter of them is sixteen times as fast. ImageNet
        weights are of width 1 only.

    >>> with torch.device("meta"):
    ...     network = sw.models.create("vgg16_sketch", classes=250)
    >>> network.classifier[6]
    Linear(in_features=4096, out_features=250, bias=True)
    """

    input_size = 224

    def __init__(
        self, classes: int = 250, channels: int = 3, pretrained: str | None = None, width: float = 1.0
    ) -> None:
        if isinstance(width, bool) or not isinstance(width, int | float) or not 1 / 64 <= width <= 8:
            raise ValueError(f"width must be a number from 1/64 to 8, not {width!r}")
        if pretrained and width != 1:
            raise ValueError(f"ImageNet weights are of width 1, and width is {width}")
        state = _prepare("vgg16", classes, channels, pretrained)
        # VGG's own __init__ would make a classifier of full width, half a gigabyte, whatever is wanted.
        nn.Module.__init__(self)
        plan = [n if n == "M" else max(1, round(n * width)) for n in cfgs["D"]]
        last, hidden = plan[-2], max(1, round(4096 * width))
        self.features = make_layers(plan)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            *(nn.Linear(last * 49, hidden), nn.ReLU(True), nn.Dropout()),
            *(nn.Linear(hidden, hidden), nn.ReLU(True), nn.Dropout()),
            nn.Linear(hidden, classes),
        )
        if state is None:
            _start(self)
        more = {} if width == 1 else {"width": width}
        _finish(self, state, classes, channels, first="features.0", last="classifier.6", **more)


class GoogLeNetSketch(GoogLeNet):
    """GoogLeNet (Szegedy et al., CVPR 2015), with torchvision's batch normalisation, for sketches.

    Without the two auxiliary classifiers. 6,624,904 parameters for RGB and 1,000 classes. Arguments as of
    `AlexNetSketch`, and:

    transform_input : as of torchvision: its weights were trained on (x - 0.5) / 0.5, and this makes that of input
        normalised by ImageNet's mean and deviation, as the other networks take it. RGB only; by default
        with ImageNet weights only.

    >>> network = sw.models.create("googlenet_sketch", classes=250, channels=1)
    >>> network.eval()(torch.zeros(1, 1, 224, 224)).shape
    torch.Size([1, 250])
    """

    input_size = 224

    def __init__(
        self,
        classes: int = 250,
        channels: int = 3,
        pretrained: str | None = None,
        transform_input: bool | None = None,
    ) -> None:
        state = _prepare("googlenet", classes, channels, pretrained)
        if transform_input is None:
            transform_input = state is not None and channels == 3
        if transform_input and channels != 3:
            raise ValueError(f"transform_input is for RGB images, and channels is {channels}")
        super().__init__(
            num_classes=classes,
            aux_logits=False,
            transform_input=transform_input,
            init_weights=state is None,
        )
        if state is not None:
            state = OrderedDict((k, v) for k, v in state.items() if not k.startswith(("aux1.", "aux2.")))
        _finish(
            self, state, classes, channels, first="conv1.conv", last="fc", transform_input=transform_input
        )


class ResNet18Sketch(ResNet):
    """ResNet-18 (He et al., CVPR 2016) for sketches.

    11,689,512 parameters for RGB and 1,000 classes. Arguments as of `AlexNetSketch`.

    >>> network = sw.models.create("resnet18_sketch", classes=250, channels=1)
    >>> network.eval()(torch.zeros(1, 1, 224, 224)).shape
    torch.Size([1, 250])
    """

    input_size = 224

    def __init__(self, classes: int = 250, channels: int = 3, pretrained: str | None = None) -> None:
        state = _prepare("resnet18", classes, channels, pretrained)
        super().__init__(BasicBlock, [2, 2, 2, 2], num_classes=classes)
        _finish(self, state, classes, channels, first="conv1", last="fc")


class ResNet50Sketch(ResNet):
    """ResNet-50 (He et al., CVPR 2016) for sketches. 25,557,032 parameters for RGB and 1,000 classes.

    As in torchvision the stride of a block is in its 3x3 convolution. Arguments as of `AlexNetSketch`.

    >>> with torch.device("meta"):
    ...     network = sw.models.create("resnet50_sketch", classes=250)
    >>> network.fc
    Linear(in_features=2048, out_features=250, bias=True)
    """

    input_size = 224

    def __init__(self, classes: int = 250, channels: int = 3, pretrained: str | None = None) -> None:
        state = _prepare("resnet50", classes, channels, pretrained)
        super().__init__(Bottleneck, [3, 4, 6, 3], num_classes=classes)
        _finish(self, state, classes, channels, first="conv1", last="fc")


def _start(network: nn.Module) -> None:
    """Weights as torchvision's VGG has them at the start: normal, and biases of zero."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
            nn.init.zeros_(module.bias)


def _prepare(name: str, classes: int, channels: int, pretrained: str | None) -> dict[str, Tensor] | None:
    """The ImageNet weights to start from, if any are wanted and can be had."""
    check_sizes(classes=classes)
    if isinstance(channels, bool) or channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (RGB), got {channels!r}")
    if pretrained not in (None, "imagenet"):
        raise ValueError(f'pretrained must be "imagenet" or None, got {pretrained!r}')
    return imagenet_state(name) if pretrained else None


def _finish(
    network: nn.Module,
    state: dict[str, Tensor] | None,
    classes: int,
    channels: int,
    first: str,
    last: str,
    **arguments: Any,
) -> None:
    """Grey input, ImageNet weights and the arguments, on a network of torchvision as it makes them."""
    if channels == 1:
        _make_grey(network, first)
    if state is not None:
        take_over(network, state, first, last)
    # What `models.create` needs to build this network again; saved with the weights, so pretrained ones are not
    # downloaded to be overwritten.
    network.arguments = {"classes": classes, "channels": channels, "pretrained": None, **arguments}
    network.input_statistics = None
    if state is not None:
        # Only GoogLeNet has the argument: without what it does, its weights want what they were trained on.
        as_trained = arguments.get("transform_input") is False
        network.input_statistics = input_statistics(channels, as_trained)


def _make_grey(network: nn.Module, first: str) -> None:
    """Replace the first convolution by one that sees a single channel, its filters summed over RGB."""
    rgb = network.get_submodule(first)
    grey = nn.Conv2d(
        1, rgb.out_channels, rgb.kernel_size, rgb.stride, rgb.padding, bias=rgb.bias is not None
    ).to(rgb.weight.device)
    parent, _, name = first.rpartition(".")
    grey.weight.data = rgb.weight.data.sum(1, keepdim=True)
    if rgb.bias is not None:
        grey.bias.data = rgb.bias.data
    setattr(network.get_submodule(parent), name, grey)
