"""Pictures of the maps of a trace: the channels that matter side by side, around the place where something happens."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...figures import Tile
from ...figures._numbers import short
from ...figures._values import signed_bytes
from ._trace_steps import TraceStep

SWITCH = (235, 110, 20)
_WANTED = 176  # pixels of a mosaic's side, about
_GAP = 3  # pixels between two maps
_LEAST = 9  # rows and columns shown at least
_MARGIN = 2  # around the signal

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Mosaic:
    """Where the maps of some channels lie in one picture.

    channels : the channels, in reading order; empty for the sum of all.
    box : top, left, bottom, right of the part of each map that is shown.
    columns : maps in a row. factor : pixels of the picture for one position of a map.
    """

    channels: tuple[int, ...]
    box: Box
    columns: int
    factor: int

    @property
    def cell(self) -> tuple[int, int]:
        """Height and width of one map in the picture."""
        top, left, bottom, right = self.box
        return (bottom - top) * self.factor, (right - left) * self.factor

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the picture."""
        height, width = self.cell
        rows = -(-max(1, len(self.channels)) // self.columns)
        return rows * height + (rows - 1) * _GAP, self.columns * width + (self.columns - 1) * _GAP

    def place(self, x: float, y: float) -> tuple[int | None, int, int] | None:
        """Channel (None: the sum), row and column at a share of the picture's width and height; None between maps."""
        (height, width), (cell_height, cell_width) = self.size, self.cell
        row, down = divmod(min(int(y * height), height - 1), cell_height + _GAP)
        column, right = divmod(min(int(x * width), width - 1), cell_width + _GAP)
        index = row * self.columns + column
        if down >= cell_height or right >= cell_width or index >= max(1, len(self.channels)):
            return None
        channel = self.channels[index] if self.channels else None
        return channel, self.box[0] + down // self.factor, self.box[1] + right // self.factor

    def outline(self, channel: int | None, row: int, column: int, reach: int) -> Box | None:
        """The outline in the picture of the positions up to `reach` around one; None where it is not shown."""
        if (channel is None) != (not self.channels) or (channel is not None and channel not in self.channels):
            return None
        at = 0 if channel is None else self.channels.index(channel)
        down, right = (
            (at // self.columns) * (self.cell[0] + _GAP),
            (at % self.columns) * (self.cell[1] + _GAP),
        )
        top, bottom = (
            down + min(max(edge - self.box[0], 0), self.box[2] - self.box[0]) * self.factor
            for edge in (row - reach, row + reach + 1)
        )
        left, end = (
            right + min(max(edge - self.box[1], 0), self.box[3] - self.box[1]) * self.factor
            for edge in (column - reach, column + reach + 1)
        )
        return (top, left, bottom, end) if bottom > top and end > left else None

    def picture(self, maps: Tensor, scale: float | None = None) -> tuple[np.ndarray, float]:
        """(H, W, 4) uint8 of maps (C, h, w), and the magnitude that is white; zero is mid-grey."""
        top, left, bottom, right = self.box
        part = maps[list(self.channels)] if self.channels else maps.sum(0, keepdim=True)
        part = part[:, top:bottom, left:right].detach().float().cpu().numpy()
        peak = float(np.abs(part).max(initial=0.0)) if scale is None else scale
        canvas = np.zeros((*self.size, 4), np.uint8)
        for index, one in enumerate(part):
            grey, _ = signed_bytes(one[None], peak or None)
            large = grey.repeat(self.factor, 0).repeat(self.factor, 1)
            row, column = divmod(index, self.columns)
            y, x = row * (self.cell[0] + _GAP), column * (self.cell[1] + _GAP)
            canvas[y : y + large.shape[0], x : x + large.shape[1]] = np.dstack(
                [large] * 3 + [large * 0 + 255]
            )
        return canvas, peak

    def mark(self, canvas: np.ndarray, channel: int, rows: np.ndarray, columns: np.ndarray) -> None:
        """Put a dot on positions of one channel that is shown."""
        at = self.channels.index(channel)
        dot = max(1, self.factor // 2)
        inset = (self.factor - dot) // 2
        y0, x0 = (at // self.columns) * (self.cell[0] + _GAP), (at % self.columns) * (self.cell[1] + _GAP)
        top, left, bottom, right = self.box
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            if top <= row < bottom and left <= column < right:
                y, x = y0 + (row - top) * self.factor + inset, x0 + (column - left) * self.factor + inset
                canvas[y : y + dot, x : x + dot] = (*SWITCH, 255)


def as_maps(values: Tensor) -> Tensor:
    """Values (C, h, w) as they are; a vector, (C, 1, 1), as one square of numbers, (1, n, n); others as one row."""
    if values.ndim != 3:
        values = values.reshape(-1, 1, 1)
    if values.shape[1:] != (1, 1) or len(values) == 1:
        return values
    side = math.ceil(math.sqrt(len(values)))
    square = values.new_zeros(side * side)
    square[: len(values)] = values.flatten()
    return square.view(1, side, side)


def strongest_channels(signals: Sequence[Tensor], count: int) -> tuple[int, ...]:
    """The `count` channels of maps (C, h, w) with the most signal in all of them together, the strongest first."""
    strength = torch.stack(
        [signal.detach().abs().flatten(1).sum(1, dtype=torch.float32) for signal in signals]
    ).sum(0)
    order = strength.argsort(descending=True, stable=True)[:count]
    return tuple(order[strength[order] > 0].tolist()) or tuple(order[:1].tolist())


def box_around(signals: Sequence[Tensor], whole: bool) -> Box:
    """What of the maps (C, h, w) is shown: where some signal is, with a margin; all of them if `whole`."""
    height, width = signals[0].shape[1:]
    inside = torch.stack([(signal != 0).any(0) for signal in signals]).any(0)
    if whole or not bool(inside.any()):
        return 0, 0, height, width
    top, bottom = _span(inside.any(1), height)
    left, right = _span(inside.any(0), width)
    return top, left, bottom, right


def _span(inside: Tensor, size: int) -> tuple[int, int]:
    at = inside.nonzero().flatten()
    first, last = int(at[0]) - _MARGIN, int(at[-1]) + 1 + _MARGIN
    missing = max(0, min(_LEAST, size) - (last - first))
    first = max(0, min(first - missing // 2, size - min(size, last - first + missing)))
    return first, min(size, max(last, first + min(_LEAST, size)))


def mosaic_of(signals: Sequence[Tensor], count: int | None, whole: bool) -> Mosaic:
    """How to show maps (C, h, w) under several rules: their `count` strongest channels, or their sum (None)."""
    signals = [as_maps(signal) for signal in signals]
    channels = () if count is None or len(signals[0]) == 1 else strongest_channels(signals, count)
    box = box_around(signals, whole)
    columns = math.ceil(math.sqrt(max(1, len(channels))))
    extent = columns * max(box[2] - box[0], box[3] - box[1])
    return Mosaic(channels, box, columns, max(1, round(_WANTED / extent)))


def signal_tile(mosaic: Mosaic, values: Tensor, caption: str, description: str, **options) -> Tile:
    """A signal, or a forward map, by a mosaic: grey is zero."""
    scale = options.pop("scale", None)
    canvas, peak = mosaic.picture(as_maps(values), scale)
    own = float(as_maps(values).detach().abs().max()) if values.numel() else 0.0
    facts = [("Largest magnitude", short(own)), ("White", f"+{short(peak)}" if peak else "all zero")]
    if mosaic.channels:
        facts.append(("Channels", ", ".join(map(str, mosaic.channels))))
    elif len(as_maps(values)) > 1:
        facts.append(("Shown", f"the sum of {len(values)} channels"))
    return Tile(canvas, caption, description, facts=tuple(facts), **options)


def switched_tile(
    mosaic: Mosaic, step: TraceStep, signals: Sequence[Tensor], caption: str, **options
) -> Tile:
    """The map that a pool read, a dot on the switch of every window that a signal arrives at."""
    canvas, _ = mosaic.picture(as_maps(step.forward_input))
    arrived = torch.stack([(signal != 0) for signal in signals]).any(0)
    for channel in mosaic.channels or range(len(arrived) if len(arrived) == 1 else 0):
        switches = step.switches[channel][arrived[channel]].cpu().numpy()
        if mosaic.channels:
            mosaic.mark(canvas, channel, switches[:, 0], switches[:, 1])
    legend = ((SWITCH, "switches in use"),) if mosaic.channels else ()
    return Tile(
        canvas,
        caption,
        f"What {step.title} read; dots are the switches that are used",
        legend=legend,
        **options,
    )
