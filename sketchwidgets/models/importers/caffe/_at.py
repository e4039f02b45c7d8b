"""One layer of a file on its way to a module: its fields, its inputs' shapes and its numbers, each checked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._errors import NetworkFileError
from ._files import blob_numbers, quoted, short

Shape = tuple[int, ...]

# No network has more; what does would only fill the memory.
MAX_SIDE = 65_536  # of a kernel, stride, padding or image
MAX_OUTPUTS = 2**24  # channels
MAX_VALUES = 2**28  # numbers in the maps of one image
MAX_RANDOM = 200_000_000  # weights made at random; VGG-19 has 144 million


class Start:
    """Random weights as Caffe's fillers make them, for a prototxt without a caffemodel."""

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._left = MAX_RANDOM

    def fill(self, shape: Shape, filler: Any, at: "At") -> Tensor:
        """A tensor as the filler says: FillerParameter, or one number."""
        self._left -= math.prod(shape)
        if self._left < 0:
            raise at.fail(f"more than {MAX_RANDOM} weights in all")
        if not hasattr(filler, "type"):
            return torch.full(shape, float(filler))
        values = torch.empty(shape)
        fan_in, fan_out = math.prod(shape[1:]), math.prod(shape) // max(1, shape[1] if len(shape) > 1 else 1)
        fan = max(1, (fan_in, fan_out, (fan_in + fan_out) / 2)[filler.variance_norm])
        if filler.type == "constant":
            return values.fill_(filler.value)
        if filler.type == "gaussian":
            return values.normal_(filler.mean, at.positive("std", filler.std), generator=self._generator)
        if filler.type == "msra":
            return values.normal_(0, math.sqrt(2 / fan), generator=self._generator)
        if filler.type == "xavier":
            low, high = -math.sqrt(3 / fan), math.sqrt(3 / fan)
        elif filler.type == "uniform" and filler.min <= filler.max:
            low, high = filler.min, filler.max
        else:
            raise at.fail(f"cannot fill weights by {filler.type!r}; give the caffemodel")
        return values.uniform_(low, high, generator=self._generator)


@dataclass
class At:
    """A layer, the shapes of what it takes (images first, as the file counts them), and its weights.

    blobs : as the caffemodel has them; None where there is no caffemodel and `start` fills them.
    """

    file: str
    name: str
    kind: str
    layer: Any
    shapes: list[Shape]
    blobs: Sequence[Any] | None
    weights_file: str
    start: Start
    used_blobs: int = 0

    def fail(self, problem: str) -> NetworkFileError:
        return NetworkFileError(
            f"{self.file}: layer {quoted(self.name)} ({self.kind}): {short(problem, 400)}"
        )

    def one(self) -> Shape:
        """The shape of the only input."""
        if len(self.shapes) != 1:
            raise self.fail(f"takes {len(self.shapes)} inputs instead of one")
        return self.shapes[0]

    def maps(self) -> Shape:
        """The shape (n, c, h, w) of the only input."""
        shape = self.one()
        if len(shape) != 4:
            raise self.fail(f"takes maps (n, c, h, w), and gets the shape {shape}")
        return shape

    def alike(self) -> Shape:
        """The shape of two or more inputs that must have the same."""
        if len(self.shapes) < 2 or len(set(self.shapes)) > 1:
            raise self.fail(
                f"takes two or more inputs of one shape, and gets {', '.join(map(str, self.shapes))}"
            )
        return self.shapes[0]

    def number(self, field: str, value: int, least: int = 0, most: int = MAX_SIDE) -> int:
        if not least <= value <= most:
            raise self.fail(f"{field} must be in {least}..{most}, not {value}")
        return int(value)

    def positive(self, field: str, value: float) -> float:
        return self.finite(field, value, above=0)

    def finite(self, field: str, value: float, above: float = -math.inf) -> float:
        if not above < value < math.inf:
            wanted = "finite" if above == -math.inf else f"above {above:g}"
            raise self.fail(f"{field} must be {wanted}, not {value}")
        # As the author wrote it: the file keeps float32, and 1e-4 is to be 1e-4.
        return float(str(np.float32(value)))

    def axis(self, field: str, value: int, ndim: int) -> int:
        """An axis from the front; behind the images', as what mixes images is no layer of a network here."""
        if not -ndim <= value < ndim or value % ndim == 0:
            raise self.fail(f"{field} must be an axis of {ndim} behind that of the images, not {value}")
        return value % ndim

    def pair(self, param: Any, stem: str, default: int | None, least: int, both: str = "") -> tuple[int, int]:
        """A field that is given once, once an axis, or as `_h` and `_w`; `both` is its name without these."""
        both = both or stem
        tall, wide = f"{stem}_h", f"{stem}_w"
        given = list(getattr(param, both))
        if param.HasField(tall) or param.HasField(wide):
            if given:
                raise self.fail(f"{both} is given beside {tall} or {wide}")
            if not (param.HasField(tall) and param.HasField(wide)) and default is None:
                raise self.fail(f"{tall} and {wide} must both be given")
            given = [getattr(param, side) if param.HasField(side) else default for side in (tall, wide)]
        if not given and default is None:
            raise self.fail(f"{both} is missing")
        given = given or [default]
        if len(given) > 2:
            raise self.fail(f"{both} has {len(given)} numbers; only images with two axes are known")
        return self.number(both, given[0], least), self.number(both, given[-1], least)

    def made(self, shape: Shape, needs: int = 0) -> Shape:
        """The shape of an output, if it is one. `needs`: numbers that making it takes on the way."""
        if any(side < 1 for side in shape[1:]):
            raise self.fail(f"its output would have the shape {shape}")
        if max(math.prod(shape[1:]), needs) > MAX_VALUES:
            raise self.fail(f"its output {shape} is too large: at most {MAX_VALUES} numbers an image")
        return shape

    def blob(self, shape: Shape, filler: Any = 0.0) -> Tensor:
        """The next of the layer's blobs, as float32 of that shape."""
        index = self.used_blobs
        self.used_blobs += 1
        if self.blobs is None:
            return self.start.fill(shape, filler, self)
        where = f"{self.weights_file}: layer {quoted(self.name)} ({self.kind}): blob {index}"
        if index >= len(self.blobs):
            raise NetworkFileError(f"{where} ({' x '.join(map(str, shape))}) is missing")
        return torch.from_numpy(blob_numbers(self.blobs[index], shape, where))

    def check_all_used(self) -> None:
        if self.blobs is not None and len(self.blobs) > self.used_blobs:
            raise NetworkFileError(
                f"{self.weights_file}: layer {quoted(self.name)} ({self.kind}): {len(self.blobs)} blobs; "
                f"the layer has {self.used_blobs}"
            )


def filler_of(param: Any, field: str) -> Any:
    """What fills the weights of `field`: those for which the file says nothing, as He et al. (ICCV 2015) do.

    Caffe would fill them with zeros, and the network would be constant.
    """
    if param.HasField(field):
        return getattr(param, field)
    filler = type(getattr(param, field))()
    filler.type = "msra"
    return filler


def bare(module: type[nn.Module], *args: Any, **kwargs: Any) -> nn.Module:
    """A module whose weights have no memory yet: they are put in by `filled`."""
    with torch.device("meta"):
        return module(*args, **kwargs)


def filled(module: nn.Module, **weights: Tensor | None) -> nn.Module:
    """The module with these parameters and buffers."""
    for name, tensor in weights.items():
        if tensor is not None:
            is_buffer = name in module._buffers
            setattr(module, name, tensor if is_buffer else nn.Parameter(tensor))
    return module
