"""A chart as shapes: axes with round numbers, curves or bars, names at the ends of the curves."""

import math
from collections.abc import Callable

import numpy as np

from ._numbers import short, ticks
from ._shapes import SERIES, Colour, Dot, Polyline, Rectangle, Shape, Text
from ._text import width, wrapped
from .chart import Chart

SMALL = 10.0
_GAP = 4.0


def chart_shapes(chart: Chart) -> list[Shape]:
    """The shapes of a chart, inside of 0..width, 0..height of its size."""
    total, height = chart.size
    low, high = y_limits(chart)
    marks = _y_ticks(low, high, chart.log, _counts(chart))
    top = 8.0 + (SMALL * 1.3 if chart.marks else 0)
    legend = _legend(chart, total)
    top += 14.0 * len(legend)
    left = max((width(label, SMALL) for _, label in marks), default=0) + 8 + (14 if chart.y_label else 0)
    bottom = height - 16 - (14 if chart.x_label else 0)
    right = total - 10
    if bottom - top < 20 or right - left < 20:
        raise ValueError(f"a chart of {total} x {height} has no room for its labels")
    if chart.equal:
        first, last = _x_limits(chart)
        unit = min((right - left) / (last - first), (bottom - top) / (high - low))
        right, top = left + unit * (last - first), bottom - unit * (high - low)

    def y_at(value: float) -> float:
        share = (_scaled(value, chart.log) - low) / (high - low)
        return bottom - min(1.0, max(0.0, share)) * (bottom - top)

    shapes: list[Shape] = []
    for value, label in marks:
        y = y_at(value)
        shapes.append(Polyline(((left, y), (right, y)), "faint"))
        shapes.append(Text(left - _GAP, y + 3.5, label, SMALL, "muted", "end"))
    draw = _bars if chart.kind == "bar" else _lines
    shapes += draw(chart, left, right, top, bottom, y_at)
    if chart.x_label:
        shapes.append(Text((left + right) / 2, height - 3, chart.x_label, SMALL, "muted", "middle"))
    if chart.y_label:
        shapes.append(Text(10, (top + bottom) / 2, chart.y_label, SMALL, "muted", "middle", turned=True))
    for row, line in enumerate(legend):
        for colour, name, x in line:
            y = 10.0 + 14 * row
            shapes.append(Rectangle(x, y - 6, 8, 8, fill=colour))
            shapes.append(Text(x + 12, y + 1.5, name, SMALL, "ink"))
    return shapes


def _scaled(value: float, log: bool) -> float:
    if not log:
        return float(value)
    return math.log10(value) if value > 0 else -math.inf


def y_limits(chart: Chart) -> tuple[float, float]:
    """The lowest and the highest value that the y axis shows; of a logarithmic one, their powers of ten."""
    if chart.y_range is not None:
        low, high = (_scaled(v, chart.log) for v in chart.y_range)
        if not (math.isfinite(low) and math.isfinite(high)):
            raise ValueError(f"a logarithmic y_range must be more than 0, not {chart.y_range}")
        return low, high
    values = np.concatenate([y for _, _, y in chart.series] or [np.zeros(1)])
    values = values[np.isfinite(values)]
    if chart.log:
        values = np.log10(values[values > 0])
    if chart.kind == "bar" and not chart.log:
        values = np.append(values, 0.0)
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-300):
        spread = abs(high) / 2 or 0.5
        return (low, high + spread) if low == 0 else (low - spread, high + spread)
    if chart.kind == "line":
        spare = 0.04 * (high - low)
        # A curve that starts at zero, as most counts and shares do, stands on the axis.
        return low if low == 0 else low - spare, high + spare
    return low, high


def _counts(chart: Chart) -> bool:
    """Whether all values are whole: of a count there is no half."""
    values = np.concatenate([y for _, _, y in chart.series] or [np.zeros(0)])
    values = values[np.isfinite(values)]
    return values.size > 0 and bool((values % 1 == 0).all())


def _y_ticks(low: float, high: float, log: bool, whole_only: bool) -> list[tuple[float, str]]:
    if not log:
        found = ticks(low, high)
        whole = [value for value in found if value % 1 == 0]
        return [(value, short(value)) for value in (whole if whole_only and len(whole) > 1 else found)]
    whole = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    if len(whole) >= 2:
        step = -(-len(whole) // 6)
        return [(10.0**k, short(10.0**k)) for k in whole if k % step == 0]
    return [(value, short(value)) for value in ticks(10**low, 10**high, 4) if value > 0]


def _legend(chart: Chart, total: float) -> list[list[tuple[Colour, str, float]]]:
    """Lines of (colour, name, x); a single series with a y label explains itself."""
    named = [(SERIES[k % len(SERIES)], name) for k, (name, _, _) in enumerate(chart.series) if name]
    if len(chart.series) < 2 and chart.y_label:
        return []
    lines: list[list[tuple[Colour, str, float]]] = []
    x = math.inf
    for colour, name in named:
        (text, *_) = wrapped(name, SMALL, total - 40, 1) or [""]
        needed = 12 + width(text, SMALL) + 12
        if x + needed > total:
            lines.append([])
            x = 10.0
        lines[-1].append((colour, text, x))
        x += needed
    return lines


def _places(chart: Chart) -> np.ndarray:
    xs = np.concatenate([x for _, x, _ in chart.series] + [np.array([x for x, _ in chart.marks])])
    return xs[np.isfinite(xs)]


def _x_limits(chart: Chart) -> tuple[float, float]:
    """The lowest and the highest x of curves and marks."""
    xs = _places(chart)
    low, high = (float(xs.min()), float(xs.max())) if xs.size else (0.0, 1.0)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _lines(
    chart: Chart, left: float, right: float, top: float, bottom: float, y_at: Callable[[float], float]
) -> list[Shape]:
    xs = _places(chart)
    low, high = _x_limits(chart)

    def x_at(value: float) -> float:
        return left + (value - low) / (high - low) * (right - left)

    shapes: list[Shape] = [Polyline(((left, bottom), (right, bottom)), "muted")]
    marked = ticks(low, high, max(2, int((right - left) / 45)))
    if xs.size and (xs % 1 == 0).all():  # strokes, epochs: there is no half of one
        marked = [value for value in marked if value % 1 == 0]
    for value in _few(marked, left, right, x_at):
        label = short(value)
        half = width(label, SMALL) / 2
        x = min(max(x_at(value), left + half - 8), right - half + 8)
        shapes.append(Polyline(((x_at(value), bottom), (x_at(value), bottom + 3)), "muted"))
        shapes.append(Text(x, bottom + 13, label, SMALL, "muted", "middle"))
    for value, text in chart.marks:
        x = x_at(value)
        shapes.append(Polyline(((x, top), (x, bottom)), "muted", dashed=True))
        half = width(text, SMALL) / 2
        shapes.append(Text(min(max(x, half), right - half + 8), top - 4, text, SMALL, "muted", "middle"))
    for number, (_, xs, ys) in enumerate(chart.series):
        colour = SERIES[number % len(SERIES)]
        run: list[tuple[float, float]] = []
        for x, y in [*zip(xs.tolist(), ys.tolist(), strict=True), (0.0, math.nan)]:
            if math.isfinite(y) and math.isfinite(x) and not (chart.log and y <= 0):
                run.append((x_at(x), y_at(y)))
                continue
            if len(run) > 1:
                shapes.append(Polyline(tuple(run), colour, 1.8))
            if len(run) == 1 or 1 < len(xs) <= 30:
                shapes += [Dot(*point, 2.5, colour) for point in run]
            run = []
    return shapes


def _few(values: list[float], left: float, right: float, x_at: Callable[[float], float]) -> list[float]:
    """Every so many of the ticks that their labels do not touch."""
    widest = max((width(short(value), SMALL) for value in values), default=0) + 10
    if len(values) < 2:
        return values
    apart = abs(x_at(values[1]) - x_at(values[0]))
    return values[:: max(1, math.ceil(widest / apart))]


def _bars(
    chart: Chart, left: float, right: float, top: float, bottom: float, y_at: Callable[[float], float]
) -> list[Shape]:
    places = list(chart.series[0][1]) if chart.series else []
    shapes: list[Shape] = []
    slot = (right - left) / max(1, len(places))
    bar = 0.8 * slot / max(1, len(chart.series))
    low = y_limits(chart)[0]
    ground = bottom if chart.log or low >= 0 else y_at(0.0)
    for number, (_, _, ys) in enumerate(chart.series):
        colour = SERIES[number % len(SERIES)]
        for k, y in enumerate(ys.tolist()):
            if not math.isfinite(y) or (chart.log and y <= 0):
                continue
            end = y_at(y)
            x = left + slot * (k + 0.1) + bar * number
            shapes.append(Rectangle(x, min(end, ground), bar, abs(end - ground), fill=colour))
    shapes.append(Polyline(((left, ground), (right, ground)), "muted"))
    labels = [place if isinstance(place, str) else short(place) for place in places]
    widest = max((width(label, SMALL) for label in labels), default=0) + 6
    every = (
        1
        if chart.kind == "bar" and any(isinstance(p, str) for p in places)
        else max(1, math.ceil(widest / slot))
    )
    for k, label in enumerate(labels):
        if k % every:
            continue
        (text, *_) = wrapped(label, SMALL, max(slot * every - 2, 12), 1) or [""]
        shapes.append(Text(left + slot * (k + 0.5), bottom + 13, text, SMALL, "muted", "middle"))
    for x, text in chart.marks:
        at = left + slot * (x + 0.5)
        shapes.append(Polyline(((at, top), (at, bottom)), "muted", dashed=True))
        shapes.append(Text(at, top - 4, text, SMALL, "muted", "middle"))
    return shapes
