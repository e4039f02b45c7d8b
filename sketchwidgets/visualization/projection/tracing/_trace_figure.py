"""A trace as a figure: the rules side by side, a row for each step on the way down."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...figures import Figure, Section, Tile
from ...figures._numbers import short
from ._trace_pictures import Mosaic, as_maps, box_around, mosaic_of, signal_tile, switched_tile
from ._trace_steps import TraceStep
from .trace import Trace

_LARGE = 208
_SMALL = 112

PASSES = {
    "backprop": "R · [x > 0]",
    "deconvnet": "R · [R > 0]",
    "guided": "R · [x > 0] · [R > 0]",
}


@dataclass(frozen=True)
class TraceLook:
    """How a trace is shown: `channels` strongest channels of each map (None: their sum); `whole` maps or only where
    something is; on one scale for all rules (`same_scale`), or each on its own."""

    channels: int | None = 4
    whole: bool = False
    same_scale: bool = False


def trace_figure(trace: Trace, look: TraceLook, steps: Sequence[TraceStep]) -> Figure:
    rows = [step_section(trace, step, look) for step in steps]
    return Figure(unit_title(trace), [head_section(trace, whole=look.whole), *rows])


def unit_title(trace: Trace) -> str:
    row, column = trace.position
    if trace.signal == "map":
        return f"{trace.layer}, map {trace.channel}"
    return f"{trace.layer}, channel {trace.channel} at row {row}, column {column}: {short(trace.activation)}"


def head_section(trace: Trace, picture: np.ndarray | None = None, whole: bool = True) -> Section:
    """What the network saw, and what each rule makes of it; `picture` is the image as a person sees it. If not
    `whole`, the projections are cut to where some signal arrives, which is framed in the picture."""
    top, left, bottom, right = box_around(list(trace.pixels.values()), whole or trace.dead)
    framed = ((top, left, bottom, right),) if (bottom - top, right - left) != trace.image.shape[-2:] else ()
    if picture is None:
        seen = Tile.signed(trace.image, "what the network saw", boxes=framed)
    else:
        seen = Tile(picture, "what the network saw", smooth=True, boxes=framed)
    if trace.dead:
        blank = f"Nothing excites this unit: its activation is {short(trace.activation)}."
        return Section(
            "", [seen, *(Tile(None, rule, blank, label="dead") for rule in trace.rules)], side=_LARGE
        )
    tiles = [
        Tile.signed(
            trace.pixels[rule][:, top:bottom, left:right],
            f"{rule} ±{short(float(trace.pixels[rule].abs().max()))}",
            description=f"What arrives at the pixels by {rule}",
        )
        for rule in trace.rules
    ]
    caption = "What is framed, projected back:" if framed else ""
    return Section("", [seen, *tiles], caption, columns=1 + len(tiles), side=_LARGE)


def step_section(trace: Trace, step: TraceStep, look: TraceLook, number: int | None = None) -> Section:
    """One row: the map that the step read on the way up, and what each rule passes down to it."""
    afters = [step.signals[rule][1] for rule in trace.rules]
    mosaic = mosaic_of(afters, look.channels, look.whole)
    tiles = [_forward(step, mosaic, [step.signals[rule][0] for rule in trace.rules], "x")]
    scale = _common(afters) if look.same_scale else None
    for rule, after in zip(trace.rules, afters, strict=True):
        tiles.append(signal_tile(mosaic, after, _caption(rule, after), step.report(rule), scale=scale))
    caption = _counted(trace, step) if step.kind == "rectify" else step_sentence(step)
    return Section(step_title(step, number), tiles, caption=caption, columns=len(tiles), side=_SMALL)


def _counted(trace: Trace, step: TraceStep) -> str:
    """How much each rule passes, in a line."""
    counts = []
    for rule in trace.rules:
        before, after = step.signals[rule]
        counts.append(f"{rule} {int((after != 0).sum()):,} of {int((before != 0).sum()):,}")
    return f"Rectify: the values that pass are {', '.join(counts)}."


def detail_mosaics(trace: Trace, step: TraceStep, look: TraceLook) -> tuple[Mosaic, Mosaic]:
    """How the signals above and below a step are shown."""
    before, after = zip(*(step.signals[rule] for rule in trace.rules), strict=True)
    below = mosaic_of(after, look.channels, look.whole)
    by_channel = step.kind in ("unpool", "rectify", "normalize")
    if by_channel and len(as_maps(before[0])) == len(as_maps(after[0])):
        # Channel by channel: the same ones above as below.
        above = mosaic_of(before, look.channels, look.whole)
        same = before[0].shape == after[0].shape
        above = Mosaic(
            below.channels,
            below.box if same else above.box,
            below.columns,
            below.factor if same else above.factor,
        )
        return above, below
    return mosaic_of(before, look.channels, look.whole), below


def detail_section(
    trace: Trace,
    step: TraceStep,
    look: TraceLook,
    number: int | None = None,
    place: tuple[int | None, int, int] | None = None,
    reach: int = 2,
) -> Section:
    """Two rows: what arrives at the step (R) beside what it gave on the way up, and what is passed down (R') beside
    what it read. `place` on the map that it read is outlined."""
    above, below = detail_mosaics(trace, step, look)
    before, after = zip(*(step.signals[rule] for rule in trace.rules), strict=True)
    tiles = [signal_tile(above, step.forward_output, "up: output y", f"What {step.title} gave on the way up")]
    for rule, signal in zip(trace.rules, before, strict=True):
        scale = _common(before) if look.same_scale else None
        tiles.append(signal_tile(above, signal, f"R, {_caption(rule, signal)}", "What arrives", scale=scale))
    boxes = ()
    if place is not None and (outline := below.outline(*place, reach)) is not None:
        boxes = (outline,)
    tiles.append(_forward(step, below, before, "up: input x", boxes))
    for rule, signal in zip(trace.rules, after, strict=True):
        scale = _common(after) if look.same_scale else None
        tiles.append(
            signal_tile(
                below, signal, f"R', {_caption(rule, signal)}", step.report(rule), scale=scale, boxes=boxes
            )
        )
    columns = 1 + len(trace.rules)
    return Section(step_title(step, number), tiles, columns=columns, side=_LARGE)


def step_title(step: TraceStep, number: int | None = None) -> str:
    what = f"{step.title} · {step.kind}" if step.kind != "other" else step.title
    operation = "" if step.operation in step.title else f" ({step.operation})"
    return f"{'' if number is None else f'{number}. '}{what}{operation}"


def step_sentence(step: TraceStep) -> str:
    """What happens at a step, with its branches and sums."""
    text = step.explanation
    if len(step.above) > 1:
        text += f" Here {len(step.above)} signals arrive and are added: from {_listed(step.above)}."
    if len(step.below) > 1:
        text += f" It goes on to {_listed(step.below)}; shown is the first."
    return text


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]


def _caption(rule: str, signal: Tensor) -> str:
    peak = float(signal.abs().max()) if signal.numel() else 0.0
    return f"{rule} ±{short(peak)}" if peak else f"{rule}: nothing"


def _common(signals: Sequence[Tensor]) -> float | None:
    peak = max(float(signal.abs().max()) for signal in signals)
    return peak or None


def _forward(
    step: TraceStep, mosaic: Mosaic, signals: Sequence[Tensor], caption: str, boxes: tuple = ()
) -> Tile:
    if step.switches is not None and mosaic.channels:
        return switched_tile(mosaic, step, signals, f"{caption}, switches", boxes=boxes)
    return signal_tile(
        mosaic, step.forward_input, caption, f"What {step.title} read on the way up", boxes=boxes
    )
