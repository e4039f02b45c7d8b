"""The numbers around one place of a step, as in the slide of the ReLU figure: x, R and R' of every rule."""

import math
from html import escape

import torch
from torch import Tensor

from ...visualization import Trace, TraceStep
from ...visualization.figures._numbers import short
from ...visualization.projection.tracing._trace_figure import PASSES
from ...visualization.projection.tracing._trace_pictures import as_maps

REACH = 2  # positions to each side of the place

_NARROWEST, _GAP = 236, 14  # CSS pixels, of a grid and between two

_CELL = (
    "box-sizing:border-box;padding:2px 3px;overflow:hidden;text-align:right;font-variant-numeric:tabular-nums;"
    "border:1px solid var(--jp-border-color2,#ccc);white-space:nowrap"
)


def most_telling_place(trace: Trace, step: TraceStep, channel: int | None) -> tuple[int, int]:
    """The place of a channel (None: the sum) around which the rules differ most; where they do not, the strongest."""
    afters = [_plane(step.signals[rule][1], channel).double() for rule in trace.rules]
    strength = sum(after.abs() for after in afters)
    differ = sum((after - afters[0]).abs() for after in afters[1:]) if len(afters) > 1 else strength * 0
    worth = differ if bool((differ > 0).any()) else strength
    around = _box_sum(worth)
    index = int(around.argmax())
    return divmod(index, worth.shape[1])


def number_grids(trace: Trace, step: TraceStep, channel: int | None, row: int, column: int) -> str:
    """HTML: a grid of x and, for each rule, of R and of R' around a place on the map that the step read."""
    title = "sum of the channels" if channel is None else f"channel {channel}"
    same = step.kind in ("rectify", "normalize") or (
        step.kind == "other" and step.forward_output.shape == step.forward_input.shape
    )
    x = _grid(
        "x",
        "what the step read",
        _plane(step.forward_input, channel),
        row,
        column,
        None,
        marked=_switches(step, channel),
    )
    groups = [_group("on the way up", x)]
    for rule in trace.rules:
        before, after = step.signals[rule]
        grids, peak = "", None
        if same:
            arrives = _plane(before, channel)
            peak = float(_cut(arrives, row, column).abs().max())  # the same colours for R and R'
            grids += _grid("R", "arrives", arrives, row, column, peak)
        elif step.kind == "unpool" and len(as_maps(before)) == len(as_maps(after)):
            arrives = _plane(before, channel)
            above = (row * arrives.shape[0] // after.shape[1], column * arrives.shape[1] // after.shape[2])
            grids += _grid(
                "R", f"arrives, around row {above[0]}, column {above[1]} of the pool", arrives, *above, None
            )
        formula = PASSES[rule] if step.kind == "rectify" and step.operation == "relu" else "passed down"
        mask = None
        if same and step.kind == "rectify":
            mask = _plane(before, channel) != 0
        grids += _grid("R'", formula, _plane(after, channel), row, column, peak, mask)
        groups.append(_group(rule, grids))
    return (
        "<div class='skw'><div style='margin:4px 0 6px'>"
        f"<b>Numbers of {escape(step.title)}</b>, {escape(title)}, around row {row}, column {column}. "
        f"{_legend(step, same)}</div>"
        f"<div style='display:grid;grid-template-columns:{_balanced(len(groups))};gap:10px {_GAP}px;"
        f"align-items:start;max-width:1180px'>{''.join(groups)}</div></div>"
    )


def _group(title: str, grids: str) -> str:
    return f"<div><div style='font-weight:600;margin-bottom:2px'>{escape(title)}</div>{grids}</div>"


def _balanced(groups: int) -> str:
    """Columns of a CSS grid of at least _NARROWEST: all side by side, else an even number in two halves, else one each."""
    halves = groups // 2 if groups % 2 == 0 else 1
    wide = groups * _NARROWEST + (groups - 1) * _GAP

    def share(columns: int) -> str:
        return f"(100% - {(columns - 1) * _GAP}px)/{columns} - .1px"

    # Times 999: below the least of the clamp where there is room for all, above the most of it where there is not.
    side = f"clamp({share(groups)},({wide}px - 100%)*999,{share(halves)})"
    return f"repeat(auto-fit,minmax(min(100%,max({_NARROWEST}px,{side})),1fr))"


def _legend(step: TraceStep, same: bool) -> str:
    if step.kind == "rectify" and same:
        return "Struck out: a signal that the rule stops here. Click a place in a lower picture to move."
    if step.switches is not None:
        return "Framed in orange: the switches of the pool. Click a place in a lower picture to move."
    return "Click a place in a lower picture to move."


def _grid(
    name: str,
    text: str,
    plane: Tensor,
    row: int,
    column: int,
    peak: float | None,
    stopped: Tensor | None = None,
    marked: Tensor | None = None,
) -> str:
    """One table, its deepest colour at `peak` (None: its largest number); `stopped`: where something arrived, which is
    struck out where nothing is passed; `marked`: switches."""
    height, width = plane.shape
    if peak is None:
        peak = float(_cut(plane, row, column).abs().max())
    lines = []
    for y in range(row - REACH, row + REACH + 1):
        cells = []
        for x in range(column - REACH, column + REACH + 1):
            if not (0 <= y < height and 0 <= x < width):
                cells.append(f"<td style='{_CELL};border-style:dashed;opacity:.35'></td>")
                continue
            value = float(plane[y, x])
            style = _CELL + _shade(value, peak)
            if (y, x) == (row, column):
                style += ";outline:2px solid var(--jp-brand-color1,#2f80c8);outline-offset:-2px"
            if marked is not None and bool(marked[y, x]):
                style += ";border:2px solid #eb6e14"
            shown = short(value)
            if stopped is not None and bool(stopped[y, x]) and value == 0:
                style += ";text-decoration:line-through;color:var(--jp-error-color1,#c62828)"
            elif value == 0:
                style += ";opacity:.55"
            cells.append(f"<td style='{style}'>{shown}</td>")
        lines.append(f"<tr style='background:none'>{''.join(cells)}</tr>")
    caption = f"<b>{escape(name)}</b> <span style='opacity:.75'>{escape(text)}</span>"
    return (
        "<table style='border-collapse:collapse;table-layout:fixed;width:100%;max-width:280px;font-size:11px;color:inherit;"
        "margin:0 0 6px;border-spacing:0'>"
        f"<caption style='caption-side:top;text-align:left;color:inherit;padding:0 0 2px'>{caption}</caption>"
        f"{''.join(lines)}</table>"
    )


def _shade(value: float, peak: float) -> str:
    """The background of a number: warm above zero, cool below."""
    if not peak or not value or not math.isfinite(value):
        return ""
    share = 0.08 + 0.42 * min(1.0, abs(value) / peak)
    red, green, blue = (224, 122, 36) if value > 0 else (48, 116, 214)
    return f";background:rgba({red},{green},{blue},{share:.2f})"


def _plane(values: Tensor, channel: int | None) -> Tensor:
    maps = as_maps(values.detach())
    if channel is None or len(maps) == 1:
        return maps.sum(0).cpu()
    return maps[channel].cpu()


def _switches(step: TraceStep, channel: int | None) -> Tensor | None:
    """(h, w) bool: where on a channel of the input the switches of a pool are."""
    if step.switches is None or channel is None:
        return None
    marked = torch.zeros(step.forward_input.shape[1:], dtype=torch.bool)
    rows, columns = step.switches[channel].flatten(0, 1).T.cpu()
    marked[rows, columns] = True
    return marked


def _cut(plane: Tensor, row: int, column: int) -> Tensor:
    return plane[max(0, row - REACH) : row + REACH + 1, max(0, column - REACH) : column + REACH + 1]


def _box_sum(plane: Tensor) -> Tensor:
    """(h, w) the sum of the numbers that a grid around each position shows; the middle counts a little more."""
    from torch.nn.functional import avg_pool2d

    side = 2 * REACH + 1
    around = avg_pool2d(plane[None, None], side, 1, REACH, divisor_override=1)[0, 0]
    return around + 1e-3 * plane
