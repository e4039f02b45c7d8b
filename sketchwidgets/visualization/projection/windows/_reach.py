"""What of the images a unit can see: sets of positions, passed down the tape. Geometry only; no signal, no weights.

Two things go down side by side. The *mask* is exact for this very unit: which numbers of a value can change
it, with the borders, holes of dilated kernels, and channels taken into account. The *extent* is the formula of
the textbooks: as if maps had no border, unit i of the layer sees positions jump · i + low ... jump · i + high.
It ends where there is no such formula: a layer that looks at the whole map, bins of different sizes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, singledispatch

import numpy as np

from .._errors import ProjectionError
from ..recording._tape import Tape
from ..steps import _pointwise, _shaping, _sliding
from ..steps._step import Step
from ..steps._switches import PoolGeometry

_NEVER = 1 << 40  # low of a channel that the unit does not see; its high is -_NEVER


@dataclass(frozen=True)
class Extent:
    """jump · i + low ... jump · i + high, inclusive, in rows and columns, for every channel of a value.

    jump : (rows, columns). low, high : (channels, 2) int64; the axes before rows and columns count as one.
    """

    jump: tuple[int, int]
    low: np.ndarray
    high: np.ndarray

    def map_channels(self, change: Callable[[np.ndarray], np.ndarray]) -> "Extent":
        """The same with channels selected or rearranged."""
        return Extent(self.jump, change(self.low), change(self.high))

    def slid(self, geometry: PoolGeometry) -> "Extent":
        """Below a sliding window."""
        stride, padding, reach = (
            np.array(pair) for pair in (geometry.stride, geometry.padding, geometry.reach)
        )
        seen = self.low <= self.high
        low = np.where(seen, self.low * stride - padding, _NEVER)
        high = np.where(seen, self.high * stride - padding + reach - 1, -_NEVER)
        return Extent((self.jump[0] * geometry.stride[0], self.jump[1] * geometry.stride[1]), low, high)

    def mixed(self, groups: int, channels: int) -> "Extent":
        """Below an operation in which every channel of a group sees all `channels` // `groups` of its group."""

        def mix(bound: np.ndarray, extreme: Callable) -> np.ndarray:
            return np.repeat(extreme(bound.reshape(groups, -1, 2), axis=1), channels // groups, axis=0)

        return Extent(self.jump, mix(self.low, np.min), mix(self.high, np.max))


@dataclass(frozen=True)
class Reach:
    """What a unit sees of one value.

    mask : bool, the value's shape without the images. extent : None where there is no formula, and then
    `reason` says why.
    """

    mask: np.ndarray
    extent: Extent | None
    reason: str = ""

    def __or__(self, other: "Reach") -> "Reach":
        mask = self.mask | other.mask
        a, b = self.extent, other.extent
        if a is None or b is None:
            return Reach(mask, None, (self if a is None else other).reason)
        if a.jump != b.jump:
            return Reach(mask, None, "branches of different strides")
        return Reach(mask, Extent(a.jump, np.minimum(a.low, b.low), np.maximum(a.high, b.high)))


def seed(tape: Tape, value: int, channel: int | None, position: tuple[int, int] | None) -> Reach:
    """One unit of a value: a channel (None: all of them) at a position (None: a value that is not a map)."""
    shape = tape.shapes[value][1:]
    mask = np.zeros(shape, bool)
    channels = slice(None) if channel is None else channel
    if position is None:
        mask[channels] = True
        return Reach(mask, None)
    if tape.channels_last[value]:
        mask[(*position, channels)] = True
        count = shape[-1]
    else:
        mask[(channels, *position)] = True
        count = shape[0]
    low, high = np.full((count, 2), _NEVER), np.full((count, 2), -_NEVER)
    low[channels] = high[channels] = 0
    return Reach(mask, Extent((1, 1), low, high))


def reach_of_images(tape: Tape, value: int, unit: Reach, fixed_gates: bool) -> Reach | None:
    """What the unit sees of the images; None if nothing.

    ProjectionError names an operation whose geometry is not known.
    """
    arrived = {value: unit}
    for step in reversed(tape.steps):
        above = arrived.pop(step.output, None)
        if above is None:
            continue
        if fixed_gates and isinstance(step, _pointwise.Product) and step.gate is not None:
            inputs = [step.inputs[1 - step.gate]]
        else:
            inputs = step.inputs
        if fixed_gates and isinstance(step, _pointwise.GroupNorm):
            parts = [(step.inputs[0], above)]
        else:
            parts = below(step, above, tape)
        for source, part in parts:
            if source in inputs and part.mask.any():
                arrived[source] = arrived[source] | part if source in arrived else part
    return arrived.get(0)


@singledispatch
def below(step: Step, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    """What the unit sees of each input of a step, from what it sees of the output."""
    name = getattr(step, "name", type(step).__name__)
    raise ProjectionError(f"the receptive field through the operation {name!r} is not known")


# --- position by position


@below.register(_pointwise.Identity)
@below.register(_pointwise.Scale)
@below.register(_pointwise.Activate)
@below.register(_pointwise.PRelu)
def _same(step: Step, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    return [(value, above) for value in step.inputs]


@below.register
def _product(step: _pointwise.Product, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    parts = []
    for value in step.inputs:
        shape = tape.shapes[value][1:]
        if shape == above.mask.shape:
            parts.append((value, above))
            continue
        lead = above.mask.ndim - len(shape)
        spread = tuple(lead + axis for axis, n in enumerate(shape) if n == 1)
        mask = above.mask.any(axis=tuple(range(lead))).any(
            axis=tuple(axis - lead for axis in spread), keepdims=True
        )
        parts.append((value, Reach(mask, None, above.reason or "a gate computed from the whole map")))
    return parts


@below.register
def _local_response(step: _pointwise.LocalResponseNorm, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    size = step.constants[0]
    channels = len(above.mask)
    # Output channel c reads c - size // 2 ... c + (size - 1) // 2.
    near = _windows(channels, channels, size, 1, size // 2, 1)
    mask = np.einsum("io,ohw->ihw", near, above.mask.astype(np.float32)) > 0
    extent = above.extent
    if extent is not None:
        low = np.where(near[:, :, None], extent.low[None], _NEVER).min(1)
        high = np.where(near[:, :, None], extent.high[None], -_NEVER).max(1)
        extent = Extent(extent.jump, low, high)
    return [(step.inputs[0], Reach(mask, extent, above.reason))]


@below.register
def _layer_norm(step: _pointwise.LayerNorm, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    axes = tuple(range(above.mask.ndim - step.axes, above.mask.ndim))
    return [(step.inputs[0], _all_of(axes, above, tape.channels_last[step.output], "layer normalization"))]


@below.register
def _group_norm(step: _pointwise.GroupNorm, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    shape = above.mask.shape
    groups = step.saved[2].shape[1]  # one deviation for each
    grouped = above.mask.reshape(groups, -1).any(1)
    mask = np.repeat(grouped, shape[0] // groups).reshape(-1, *[1] * (len(shape) - 1))
    reason = above.reason or "a normalization over the whole map"
    return [(step.inputs[0], Reach(np.broadcast_to(mask, shape), None, reason))]


# --- sliding windows


@below.register
def _convolution(step: _sliding.Convolution, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    channels, *size = tape.shapes[value][1:]
    kernel = tuple(step.weight.tensor.shape[2:])
    geometry = PoolGeometry(kernel, step.stride, step.padding, step.dilation)
    if step.groups == 1:
        plane = _slide(_any_channel(above.mask), geometry, size)
        mask = np.broadcast_to(plane, (channels, *size))
    else:
        grouped = above.mask.reshape(step.groups, -1, *above.mask.shape[1:]).any(1)
        mask = np.repeat(_slide(grouped, geometry, size), channels // step.groups, axis=0)
    extent = above.extent and above.extent.mixed(step.groups, channels).slid(geometry)
    return [(value, Reach(mask, extent, above.reason))]


@below.register(_sliding.MaxPool)
@below.register(_sliding.AveragePool)
def _pool(step: Step, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    channels, *size = tape.shapes[value][1:]
    alike = above.mask.strides[0] == 0  # all channels are one and the same plane
    mask = _slide(above.mask[:1] if alike else above.mask, step.geometry, size)
    extent = above.extent and above.extent.slid(step.geometry)
    return [(value, Reach(np.broadcast_to(mask, (channels, *size)), extent, above.reason))]


@below.register
def _pad(step: _sliding.Pad, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    geometry = PoolGeometry((1, 1), (1, 1), (step.top, step.left))
    mask = _slide(above.mask, geometry, tape.shapes[value][2:])
    return [(value, Reach(mask, above.extent and above.extent.slid(geometry), above.reason))]


# --- whole maps


@below.register
def _global_mean(step: _shaping.GlobalMean, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    shape = tape.shapes[value][1:]
    seen = above.mask.reshape(*shape[:-2], 1, 1)
    return [(value, Reach(np.broadcast_to(seen, shape), None, above.reason or "a mean over the whole map"))]


@below.register
def _adaptive(step: _shaping.AdaptiveAveragePool, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    size = tape.shapes[value][2:]
    rows, columns = (_bins(n, m) for n, m in zip(size, above.mask.shape[1:], strict=True))
    mask = rows @ above.mask.astype(np.float32) @ columns.T > 0
    return [(value, Reach(mask, None, above.reason or "an adaptive pool whose bins differ in size"))]


@below.register
def _reshape(step: _shaping.Reshape, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    was, now = tape.shapes[value][1:], above.mask.shape
    mask = above.mask.reshape(was)
    keeps_maps = len(was) >= 3 and len(now) >= 3 and was[-2:] == now[-2:] and not tape.channels_last[value]
    if keeps_maps:  # channels told apart or put together, as in a channel shuffle
        return [(value, Reach(mask, above.extent, above.reason))]
    return [(value, Reach(mask, None, above.reason or "a layer behind a flattened map"))]


@below.register
def _permute(step: _shaping.Permute, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    back = sorted(range(len(step.order)), key=step.order.__getitem__)
    mask = above.mask.transpose([axis - 1 for axis in back[1:]])
    if step.order in ((0, 2, 3, 1), (0, 3, 1, 2)):  # to channels-last and back
        return [(value, Reach(mask, above.extent, above.reason))]
    rank = len(step.order)
    if above.extent is not None and rank > 4 and step.order[-2:] == (rank - 2, rank - 1):
        lead = above.mask.shape[:-2]

        def rearrange(bound: np.ndarray) -> np.ndarray:
            order = [axis - 1 for axis in back[1:-2]]
            return bound.reshape(*lead, 2).transpose(*order, len(lead)).reshape(-1, 2)

        return [(value, Reach(mask, above.extent.map_channels(rearrange), above.reason))]
    return [(value, Reach(mask, None, above.reason or "a permutation of rows and columns"))]


@below.register
def _slice(step: _shaping.Slice, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    shape = tape.shapes[value][1:]
    part = above.mask[None] if step.squeezed else above.mask
    mask = np.zeros(shape, bool)
    mask[step.start : step.start + len(part)] = part
    extent = above.extent
    if extent is None or tape.channels_last[value] or len(shape) < 3:
        return [(value, Reach(mask, None, above.reason or "some rows of a map"))]
    inner = int(np.prod(shape[1:-2], dtype=np.int64))
    before, count = step.start * inner, shape[0] * inner

    def widen(bound: np.ndarray) -> np.ndarray:
        outside = _NEVER if bound is extent.low else -_NEVER
        return np.pad(bound, ((before, count - before - len(bound)), (0, 0)), constant_values=outside)

    return [(value, Reach(mask, extent.map_channels(widen), above.reason))]


@below.register
def _concatenate(step: _shaping.Concatenate, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    parts = []
    start, on_rows = 0, tape.channels_last[step.output]
    inner = int(np.prod(above.mask.shape[1:-2], dtype=np.int64))
    for value, channels in step.parts:
        if value is not None:
            extent = None
            if above.extent is not None and not on_rows:
                chosen = slice(start * inner, (start + channels) * inner)
                extent = above.extent.map_channels(lambda bound, chosen=chosen: bound[chosen])
            reason = above.reason or ("rows put together" if on_rows else "")
            parts.append((value, Reach(above.mask[start : start + channels], extent, reason)))
        start += channels
    return parts


@below.register
def _linear(step: _shaping.Linear, above: Reach, tape: Tape) -> list[tuple[int, Reach]]:
    (value,) = step.inputs
    reach = _all_of((above.mask.ndim - 1,), above, tape.channels_last[step.output], "a fully connected layer")
    count = tape.shapes[value][-1]
    mask = np.broadcast_to(reach.mask[..., :1], tape.shapes[value][1:])
    extent = reach.extent and reach.extent.map_channels(lambda bound: np.repeat(bound[:1], count, axis=0))
    return [(value, Reach(mask, extent, reach.reason))]


def _all_of(axes: tuple[int, ...], above: Reach, channels_last: bool, reason: str) -> Reach:
    """Below an operation that reads all of some axes; on a channels-last map the last axis is the channels."""
    mask = np.broadcast_to(above.mask.any(axis=axes, keepdims=True), above.mask.shape)
    if above.extent is None or not channels_last or axes != (above.mask.ndim - 1,):
        return Reach(mask, None, above.reason or reason)
    return Reach(mask, above.extent.mixed(1, len(above.extent.low)), above.reason)


# --- along one axis


def _any_channel(mask: np.ndarray) -> np.ndarray:
    return mask[:1] if mask.strides[0] == 0 else mask.any(axis=0, keepdims=True)


def _slide(mask: np.ndarray, geometry: PoolGeometry, size: tuple[int, int]) -> np.ndarray:
    """The positions under the windows of the positions (c, oh, ow) of a mask: (c, *size)."""
    rows, columns = (
        _windows(n, m, k, s, p, d)
        for n, m, k, s, p, d in zip(
            size,
            mask.shape[1:],
            geometry.kernel,
            geometry.stride,
            geometry.padding,
            geometry.dilation,
            strict=True,
        )
    )
    return rows @ mask.astype(np.float32) @ columns.T > 0


@lru_cache(maxsize=256)
def _windows(size: int, windows: int, kernel: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    """(size, windows) float32: 1 where the window holds the position."""
    offset = np.arange(size)[:, None] - (np.arange(windows) * stride - padding)
    inside = (offset >= 0) & (offset <= (kernel - 1) * dilation) & (offset % dilation == 0)
    return _frozen(inside)


@lru_cache(maxsize=64)
def _bins(size: int, bins: int) -> np.ndarray:
    """(size, bins) float32: 1 where the bin of an adaptive pool holds the position."""
    at, bin_ = np.arange(size)[:, None], np.arange(bins)
    return _frozen((at >= bin_ * size // bins) & (at < -(-(bin_ + 1) * size // bins)))


def _frozen(inside: np.ndarray) -> np.ndarray:
    matrix = inside.astype(np.float32)
    matrix.flags.writeable = False  # cached: shared by all callers
    return matrix
