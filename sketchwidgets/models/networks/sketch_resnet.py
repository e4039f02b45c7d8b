"""SketchResNet: the small residual network of the bundled recogniser."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sketchwidgets.models._checks import check_probability, check_sizes


class SketchResNet(nn.Module):
    """A residual network (He et al., CVPR 2016, basic blocks) for grey drawings of 96 pixels.

    conv1 (7x7, stride 2, as in ZFNet) and a 3x3/2 max pool, then stages of basic blocks, each stage at half the
    resolution of the one before, the mean over space, and a linear classifier. Shortcuts that shrink the map average
    2x2 pixels before their 1x1 convolution (He et al., CVPR 2019, ResNet-D), so that no pixel is left out.

    Parameters
    ----------
    classes : number of classes.
    channels : input channels.
    widths : channels of each stage; those of the last are the length of the features.
    blocks : residual blocks of each stage.
    dropout : dropout probability of the features during training.
    norm : batch normalisation after every convolution. Without it the convolutions have biases; `fold` takes a
        trained network from one to the other.

    The input is (n, channels, 96, 96), float, ink positive on a background of 0; other sizes from 32 pixels work.

    >>> net = SketchResNet(classes=345)
    >>> net(torch.zeros(2, 1, 96, 96)).shape, net.features(torch.zeros(2, 1, 96, 96)).shape
    (torch.Size([2, 345]), torch.Size([2, 384]))
    """

    input_size = 96
    # For one image at a time, up to twice as fast as channels first; a `Recognizer` lays it out so.
    memory_format = torch.channels_last

    def __init__(
        self,
        classes: int = 345,
        channels: int = 1,
        widths: Sequence[int] = (48, 96, 192, 384),
        blocks: Sequence[int] = (1, 1, 1, 1),
        dropout: float = 0.1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        widths, blocks = list(widths), list(blocks)
        check_sizes(classes=classes, channels=channels)
        check_probability("dropout", dropout)
        if not 1 <= len(widths) <= 5 or len(widths) != len(blocks):
            raise ValueError(f"widths and blocks must name the same 1 to 5 stages, not {widths} and {blocks}")
        check_sizes(**{f"widths[{i}]": width for i, width in enumerate(widths)})
        check_sizes(**{f"blocks[{i}]": count for i, count in enumerate(blocks)})
        # What `models.create` needs to build this network again; saved with the weights.
        self.arguments = {
            "classes": classes,
            "channels": channels,
            "widths": widths,
            "blocks": blocks,
            "dropout": dropout,
            "norm": norm,
        }
        self.conv1, self.norm1 = _conv(channels, widths[0], 7, 2, norm), _norm(widths[0], norm)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(3, 2, padding=1)
        self._stages = []
        before = widths[0]
        for number, (width, count) in enumerate(zip(widths, blocks, strict=True), 1):
            strides = [1 if number == 1 else 2] + [1] * (count - 1)
            inputs = [before] + [width] * (count - 1)
            stage = nn.Sequential(
                *(BasicBlock(i, width, s, norm) for i, s in zip(inputs, strides, strict=True))
            )
            self._stages.append(f"stage{number}")
            self.add_module(self._stages[-1], stage)
            before = width
        self.feature_size = before
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(before, classes)

    def features(self, images: Tensor) -> Tensor:
        """The means over space of the last stage, (n, feature_size), at least 0."""
        x = self.pool1(self.relu1(_through(images, self.conv1, self.norm1)))
        for name in self._stages:
            x = getattr(self, name)(x)
        return self.pool(x).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores, (n, classes)."""
        return self.fc(self.dropout(self.features(images)))

    def fold(self) -> "SketchResNet":
        """The same function in evaluation mode without batch normalisation, which goes into the convolutions."""
        if not self.arguments["norm"]:
            return self
        plain = SketchResNet(**{**self.arguments, "norm": False}).to(self.fc.weight)
        plain.fc.load_state_dict(self.fc.state_dict())
        modules = dict(plain.named_modules())
        norms = dict(self.named_modules())
        with torch.no_grad():
            for name, module in self.named_modules():
                if isinstance(module, nn.Conv2d):
                    parent, _, own = name.rpartition(".")
                    norm = norms[f"{parent}.{own.replace('conv', 'norm')}".lstrip(".")]
                    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
                    modules[name].weight.copy_(module.weight * scale[:, None, None, None])
                    modules[name].bias.copy_(norm.bias - norm.running_mean * scale)
        return plain.train(self.training)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut around them: relu2(conv2(relu1(conv1(x))) + shortcut(x)).

    `inputs` and `width` are channels; with stride 2 the map is halved. See `SketchResNet`.
    """

    def __init__(self, inputs: int, width: int, stride: int, norm: bool) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(inputs, width, 3, stride, norm), _norm(width, norm)
        self.relu1 = nn.ReLU()
        self.conv2, self.norm2 = _conv(width, width, 3, 1, norm), _norm(width, norm)
        # A map of odd size is rounded up, as the convolution does.
        self.pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else None
        project = stride > 1 or inputs != width
        self.conv3 = _conv(inputs, width, 1, 1, norm) if project else None
        self.norm3 = _norm(width, norm and project)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w) from (n, inputs, stride * h, stride * w)."""
        y = _through(self.relu1(_through(x, self.conv1, self.norm1)), self.conv2, self.norm2)
        return self.relu2(y + _through(x, self.pool, self.conv3, self.norm3))


def _through(x: Tensor, *modules: nn.Module | None) -> Tensor:
    """x through those modules that are there."""
    for module in modules:
        if module is not None:
            x = module(x)
    return x


def _norm(width: int, norm: bool) -> nn.BatchNorm2d | None:
    return nn.BatchNorm2d(width) if norm else None


def _conv(inputs: int, outputs: int, size: int, stride: int, norm: bool) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=not norm)
    if not conv.weight.is_meta:
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv
