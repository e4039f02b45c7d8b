"""CNN features and linear machines: AlexNet-SVM's row, and the layer-by-layer use of Zeiler & Fergus."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from scipy.ndimage import maximum_filter
from torch import Tensor, nn

from sketchwidgets.models._checks import check_number

from .._depth import penultimate
from ._classifier import ImageClassifier, KernelMachine
from ._images import DRAWN, batches, check_images, check_ink, check_labels, frame

# Of the photos that ImageNet classifiers are trained on; the values of torchvision.
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class _Reached(Exception):
    """The layer has run; what comes after it is not needed."""


def layer_features(
    network: Any,
    images: np.ndarray,
    layer: str | None = None,
    fill: float | None = 0.89,
    ink: str = "negative",
    pen: int | None = None,
    batch: int = 32,
    progress: bool = False,
) -> np.ndarray:
    """What a layer of a network makes of grey images, one row each.

    network : a `torch.nn.Module`; or anything with `module` and `prepare`, such as a `sw.Network`; or a module with
        `prepare` of its own, such as an imported network. `prepare` gets one square picture (size, size) in 0..1, black on
        white. A module without it gets ink 1 on 0 if its first convolution has 1 channel, and if it has 3,
        white paper and black ink, normalised as ImageNet's photos.
    images : (n, h, w), uint8 or 0..1.
    layer : a name of its `named_modules()`; None: what its last layer with weights classifies.
    fill, ink : how the drawings are framed, see `frame`. The frame has the size of the network's input: its `size`
        or `input_size`, else 224.
    pen : None: lines as they are, faint where thin ones were shrunk. A number: made full ink and about so many pixels of the
        frame wide. Networks are sensitive to both: it should come near to what the network was trained on
        (3 for the bundled Sketch-a-Net).
    batch : images in one pass. The network stops behind the layer, is in eval mode meanwhile, and as it was afterwards.

    Returns (n, d) float32, maps flattened. Raises ValueError for a layer that is not there or does not run, and where the
    features are not finite; TypeError.

    >>> from sketchwidgets.models.classical import layer_features
    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5, 4), torch.nn.ReLU())
    >>> net.input_size = 32
    >>> image = np.full((2, 20, 20), 255, np.uint8)
    >>> image[:, 5, 5:15] = 0
    >>> layer_features(net, image, "1").shape
    (2, 196)
    """
    images = check_images(images)
    check_ink(ink)
    check_number("batch", batch, 1, whole=True)
    if pen is not None:
        check_number("pen", pen, 1, whole=True)
    module, prepare, size = _as_prepared(network)
    if layer is not None and layer not in dict(module.named_modules()):
        raise ValueError(f"layer {layer!r} is not a module of the network; see its named_modules()")
    rows = []
    with _evaluating(module):
        for some in batches(len(images), batch, progress, "network features"):
            framed = frame(images[some], size, fill, ink)
            inputs = prepare(framed if pen is None else _redrawn(framed, pen))
            output = penultimate(module, inputs) if layer is None else _output(module, layer, inputs)
            rows.append(output.flatten(1).float().cpu().numpy())
    features = np.concatenate(rows)
    if not np.isfinite(features).all():
        raise ValueError(f"layer {layer!r} gives features that are not finite")
    return features


class CNNFeatureSVM(ImageClassifier):
    """Features of a layer of a network, which stays as it is, and one linear machine per class.

    The row AlexNet-SVM of the table of Yu et al. (BMVC 2015), 67.1 % on the 250 classes of TU-Berlin with a network
    trained on ImageNet; and, layer by layer, SVM(n) of Zeiler & Fergus (2014, table 7), see `layer_by_layer`.

    Parameters
    ----------
    network, layer, fill, pen, batch : see `layer_features`.
    C : of the machines; features are scaled to length 1 for each image.
    ink, seed, progress : as in `HOGSVM`; nothing here is random, and `seed` is unused.

    Nothing is kept on disk.

    >>> from sketchwidgets.models.classical import CNNFeatureSVM
    >>> images = np.full((12, 40, 40), 255, np.uint8)
    >>> for i in range(6):  # lines along and across
    ...     images[i, 15 + i, 5:35] = images[6 + i, 5:35, 15 + i] = 0
    >>> labels = np.repeat(["along", "across"], 6)
    >>> machine = CNNFeatureSVM(sw.models.create("sketch_a_net"), "relu2", progress=False)
    >>> float(machine.fit(images[::2], labels[::2]).score(images[1::2], labels[1::2]))
    1.0
    """

    def __init__(
        self,
        network: Any,
        layer: str | None = None,
        C: float = 10.0,
        fill: float | None = 0.89,
        pen: int | None = None,
        batch: int = 32,
        ink: str = "negative",
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self.network, self.layer, self.C, self.fill = network, layer, C, fill
        self.pen, self.batch = pen, batch
        self.ink, self.seed, self.progress = ink, seed, progress

    def _features(self, images: np.ndarray) -> np.ndarray:
        return _of_length_1(
            layer_features(
                self.network, images, self.layer, self.fill, self.ink, self.pen, self.batch, self.progress
            )
        )

    def _fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        machine = KernelMachine(self.C)
        features = self._features(images)
        machine.fit(features @ features.T, labels)
        self.features_, self.machine_ = features, machine

    def _scores(self, images: np.ndarray) -> np.ndarray:
        return self.machine_.scores(self._features(images) @ self.features_.T)


def layer_by_layer(
    network: Any,
    layers: Sequence[str | None],
    images: np.ndarray,
    labels: np.ndarray,
    folds: np.ndarray,
    C: float = 10.0,
    fill: float | None = 0.89,
    ink: str = "negative",
    pen: int | None = None,
    batch: int = 32,
    progress: bool = True,
) -> Mapping[str | None, np.ndarray]:
    """How well a linear machine on each layer of a network names drawings, as in SVM(n) of Zeiler & Fergus.

    layers : names, see `layer_features`. images : (n, h, w). labels : (n,). folds : (n,) integers, the part that each image
    is tested in; the machines are trained on the others. Other arguments as in `CNNFeatureSVM`.

    Returns by layer the predicted labels (n,), of each image by the machine that did not see it. As the network is
    fixed, features are made once per layer. Raises ValueError and TypeError.

    >>> from sketchwidgets.models.classical import layer_by_layer
    >>> images = np.full((12, 40, 40), 255, np.uint8)
    >>> for i in range(6):  # lines along and across
    ...     images[i, 15 + i, 5:35] = images[6 + i, 5:35, 15 + i] = 0
    >>> labels, net = np.repeat([0, 1], 6), sw.models.create("sketch_a_net")
    >>> found = layer_by_layer(net, ["relu1", "relu2"], images, labels, np.arange(12) % 3, progress=False)
    >>> {layer: float((predicted == labels).mean()) for layer, predicted in found.items()}
    {'relu1': 1.0, 'relu2': 1.0}
    """
    images = check_images(images)
    labels, folds = check_labels(labels, images), np.asarray(folds)
    if folds.shape != labels.shape or len(np.unique(folds)) < 2:
        raise ValueError(f"folds must be one for each of the {len(images)} images and at least two different")
    for fold in np.unique(folds):
        if set(labels) - set(labels[folds != fold]):
            raise ValueError(f"folds: a class has examples in fold {fold} only")
    classes, encoded = np.unique(labels, return_inverse=True)
    found = {}
    for layer in layers:
        features = _of_length_1(layer_features(network, images, layer, fill, ink, pen, batch, progress))
        kernel = features @ features.T
        predicted = np.empty(len(images), np.int64)
        for fold in np.unique(folds):
            train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            machine = KernelMachine(C).fit(kernel[np.ix_(train, train)], encoded[train])
            predicted[test] = machine.scores(kernel[np.ix_(test, train)]).argmax(1)
        found[layer] = classes[predicted]
    return found


def _redrawn(framed: np.ndarray, pen: int) -> np.ndarray:
    """Lines of full ink, the most of pen x pen pixels, so wider by pen - 1."""
    widened = maximum_filter(framed, (1, pen, pen))
    for image in widened:
        image /= np.median(image[image > DRAWN])
    return widened.clip(0, 1, out=widened)


def _of_length_1(features: np.ndarray) -> np.ndarray:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _as_prepared(network: Any) -> tuple[nn.Module, Callable[[np.ndarray], Tensor], int]:
    """The module, what makes its input (n, channels, size, size) of framed ink, and that size."""
    module = getattr(network, "module", network)
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"network must be a torch.nn.Module or have one as `module`, not {type(network).__name__}"
        )
    size = getattr(network, "size", None) or getattr(network, "input_size", None) or 224
    size = max(size) if isinstance(size, tuple | list) else size
    prepare = getattr(network, "prepare", None)
    if prepare is not None:
        return module, lambda framed: torch.cat([prepare(1 - image) for image in framed]), size
    first = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if first is None or first.in_channels not in (1, 3):
        raise ValueError(
            "network takes no drawing of 1 or 3 channels as far as can be told; give a sw.Network, which knows how"
        )
    place = {"device": first.weight.device, "dtype": first.weight.dtype}

    def plain(framed: np.ndarray) -> Tensor:
        values = torch.from_numpy(framed)[:, None]
        if first.in_channels == 3:
            mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (_IMAGENET_MEAN, _IMAGENET_STD))
            values = (1 - values - mean) / std
        return values.to(**place)

    return module, plain, size


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """In eval mode and without gradients; every part back in its own mode afterwards."""
    training = [part for part in module.modules() if part.training]
    try:
        with torch.inference_mode():
            module.eval()
            yield
    finally:
        for part in training:
            part.training = True


def _output(module: nn.Module, layer: str, inputs: Tensor) -> Tensor:
    """What a layer returns for the inputs."""
    kept: list[Any] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        kept.append(output)
        raise _Reached

    handle = module.get_submodule(layer).register_forward_hook(keep)
    try:
        module(inputs)
    except _Reached:
        pass
    finally:
        handle.remove()
    if not kept:
        raise ValueError(f"layer {layer!r} is part of the network and does not run")
    if not isinstance(kept[0], Tensor) or len(kept[0]) != len(inputs):
        raise ValueError(f"layer {layer!r} returns no tensor with a row for each image")
    return kept[0].clone()
