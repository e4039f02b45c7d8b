"""A NetParameter that is written layer by layer, and what one module of a network becomes in it."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._errors import NetworkFileError
from ._schema import message
from ._steps import Shape, Step


class Writer:
    """The network so far. A layer that makes one blob gives it its own name."""

    def __init__(self, name: str) -> None:
        self.net = message("NetParameter")()
        self.net.name = name
        self._names: set[str] = set()

    def add(self, kind: str, name: str, bottoms: Sequence[str], tops: Sequence[str] | None = None) -> Any:
        """A new LayerParameter; its name gets a number if it is taken."""
        name = self.unique(name)
        layer = self.net.layer.add(name=name, type=kind)
        layer.bottom.extend(bottoms)
        layer.top.extend([name] if tops is None else tops)
        return layer

    def unique(self, name: str) -> str:
        """The name, with a number if a layer or a blob has it already."""
        candidate, number = name, 2
        while candidate in self._names:
            candidate, number = f"{name}_{number}", number + 1
        self._names.add(candidate)
        return candidate


class Place:
    """Where one step of a network is written: it adds layers one after the other."""

    def __init__(self, writer: Writer, step: Step, bottoms: Sequence[str]) -> None:
        self.writer, self.step = writer, step
        self.bottoms = list(bottoms)
        self.tops: list[str] = []

    def fail(self, problem: str) -> NetworkFileError:
        kind = type(self.step.module).__name__
        return NetworkFileError(f"layer {self.step.name!r} ({kind}) cannot be written for Caffe: {problem}")

    @property
    def takes(self) -> Shape:
        return self.step.takes[0]

    @property
    def makes(self) -> Shape:
        return self.step.makes[0]

    def layer(self, kind: str, suffix: str = "", tops: int = 1) -> Any:
        """The next layer: on what the one before it made, or on what the step takes. `tops`: blobs that it makes."""
        made = self.writer.add(kind, self.step.name + suffix, self.bottoms)
        if tops > 1:
            made.top[:] = [self.writer.unique(f"{made.name}_{part}") for part in range(1, tops + 1)]
        self.tops = list(made.top)
        self.bottoms = [made.top[0]]
        return made

    def same(self) -> None:
        """The step changes nothing: its value is the one that it takes."""
        self.tops = [self.bottoms[0]]

    def part(self, axis: int, start: int, size: int, length: int, suffix: str = "_crop") -> None:
        """Of the value so far, `size` of `length` along an axis, from `start` on."""
        if (start, size) == (0, length):
            return
        points = [point for point in (start, start + size) if 0 < point < length]
        cut = self.layer("Slice", f"{suffix}_{axis}", len(points) + 1)
        cut.slice_param.axis = axis
        cut.slice_param.slice_point.extend(points)
        kept = cut.top[1 if start else 0]
        # What nobody takes would be an output of the network.
        self.writer.add("Silence", f"{cut.name}_rest", [top for top in cut.top if top != kept], [])
        self.tops = self.bottoms = [kept]

    def blob(self, layer: Any, values: Tensor, shape: Sequence[int] | None = None) -> None:
        """Append weights to a layer, as float32."""
        put(layer.blobs.add(), values, self.fail, shape)


def put(blob: Any, values: Tensor, fail: Any, shape: Sequence[int] | None = None) -> None:
    """Numbers and shape into a BlobProto."""
    values = values.detach().to("cpu", torch.float32).contiguous()
    if not torch.isfinite(values).all():
        raise fail("it has weights that are not finite in float32")
    blob.shape.dim.extend(values.shape if shape is None else shape)
    blob.data.append(values.numpy().astype("<f4", copy=False).tobytes())


def two(value: Any) -> tuple[int, int]:
    """A number for both axes, or one for each."""
    return (int(value), int(value)) if isinstance(value, int) else (int(value[0]), int(value[-1]))


def geometry(param: Any, stem: str, values: tuple[int, int], default: int | None, both: str = "") -> None:
    """A size that Caffe states once for both axes or as `_h` and `_w`, and not at all where it is the default."""
    if values == (default, default):
        return
    if values[0] != values[1]:
        setattr(param, f"{stem}_h", values[0])
        setattr(param, f"{stem}_w", values[1])
    else:
        getattr(param, both or stem).append(values[0])
