"""First-layer filters of networks at hand: bundled recognisers, modules, files of weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from sketchwidgets import models
from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.datasets._npz import read_npz
from sketchwidgets.visualization import first_layer

SMALLEST = 5  # pixels of a side, see `sw.gabor_fit`


def first_filters(source: Any) -> tuple[Tensor, Callable[[], Tensor]]:
    """Filters (n, C, h, w) of a first layer, and what makes those of a new network of the same kind.

    source : a torch.nn.Module or `sw.Recognizer`; the name or path of a recogniser; or the path of a MatConvNet .mat, or
        of an .npz or .safetensors whose first array of four dimensions they are. New ones are of the same network
        where `sw.models.create` makes it, else PyTorch's of a convolution of that shape.

    Raises ValueError or FileNotFoundError, naming the file, where there are no filters.
    """
    if isinstance(source, str | Path):
        source = _opened(source)
    if isinstance(source, Tensor):
        shape = source.shape
        return source.double(), lambda: nn.Conv2d(shape[1], shape[0], shape[2:]).weight.detach()
    module = source.cnn if isinstance(source, Recognizer) else source
    filters = first_layer(module).weights
    arguments = getattr(module, "arguments", None)
    if isinstance(arguments, dict):
        name = models.name_of(module)
        return filters, lambda: first_layer(models.create(name, **arguments)).weights
    n, channels, height, width = filters.shape
    return filters, lambda: nn.Conv2d(channels, n, (height, width)).weight.detach()


def _opened(source: str | Path) -> Any:
    path = Path(source)
    if path.suffix == ".mat":
        return models.from_matconvnet(path)
    if path.suffix == ".npz":
        arrays = {name: torch.from_numpy(array) for name, array in read_npz(path).items() if array.ndim == 4}
        return _first(path, arrays)
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as file:
                shapes = {name: file.get_slice(name).get_shape() for name in sorted(file.keys())}
                if "recurrent" not in str(file.metadata() or {}):
                    found = [name for name, shape in shapes.items() if len(shape) == 4][:1]
                    return _first(path, {name: file.get_tensor(name) for name in found})
        except SafetensorError as error:
            raise ValueError(f"{path}: not a safetensors file, or cut short ({error})") from None
    return Recognizer.load(source, device="cpu")


def _first(path: Path, arrays: dict[str, Tensor]) -> Tensor:
    for array in arrays.values():
        if array.is_floating_point():
            return array
    raise ValueError(f"{path} holds no filters, which are an array of four dimensions")
