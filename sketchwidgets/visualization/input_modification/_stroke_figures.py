"""Pictures of drawings whose strokes are coloured by what they do, and the figures of the stroke methods."""

from collections.abc import Collection

import numpy as np
import torch

from sketchwidgets.recognition._prediction import DONT_KNOW
from sketchwidgets.sketch import Sketch
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.differentiable import ink_shares

from ..figures import Chart, Figure, Section, Tile
from ..figures._numbers import percent, short
from .stroke_attribution import StrokeAttribution
from .stroke_occlusion import StrokeOcclusion

# Red drives, blue works against, grey does nothing; all three are seen on white paper, which white would not be.
FOR, AGAINST, NEITHER = (np.array(c, np.float64) for c in ((206, 32, 41), (33, 92, 205), (178, 178, 184)))
_CHART = (272, 196)
_HAIRS = 80  # points whose push is drawn, about
INK, FADED = (np.array(c, np.float64) for c in ((38, 38, 42), (226, 219, 208)))


def attribution_colours(values: np.ndarray, peak: float) -> np.ndarray:
    """(n, 3) in 0..255 of signed values (n,): at `peak` and beyond the full colour; NaN is grey."""
    share = np.clip(np.nan_to_num(values) / peak, -1, 1) if peak > 0 else np.zeros(len(values))
    end = np.where((share > 0)[:, None], FOR, AGAINST)
    # The root: small parts are seen too.
    return NEITHER + np.sqrt(np.abs(share))[:, None] * (end - NEITHER)


def draw_coloured(
    sketch: Sketch, colours: np.ndarray, side: int = 288, pen: float | None = None
) -> np.ndarray:
    """(side, side, 3) uint8: the drawing on white, every point in its colour (P, 3)."""
    pen = max(1.5, side / 64) if pen is None else pen
    x0, y0, x1, y1 = sketch.bounds
    scale, offset = fit_to_frame(np.array([x0, y0]), np.array([x1, y1]), side, side - 3 * pen)
    points = torch.from_numpy(sketch.points[:, :2].astype(np.float64) * scale + offset)
    shares = ink_shares(points, sketch.lengths.tolist(), side, pen)
    table = torch.from_numpy(np.asarray(colours, np.float64))
    blended = torch.lerp(table[shares.first], table[shares.last], shares.along[:, None])
    picture = torch.full((side * side, 3), 255.0, dtype=torch.float64)
    picture.index_add_(0, shares.pixels, (blended - 255) * shares.ink[:, None])
    return picture.view(side, side, 3).round().clamp(0, 255).byte().numpy()


def nearest_stroke(sketch: Sketch, x: float, y: float, side: int = 288, within: float = 0.06) -> int:
    """The stroke nearest to a place of the drawing, shares of its width and height; -1 if none is `within` reach."""
    spot = torch.tensor([x, y], dtype=torch.float64) * side - 0.5
    points = _placed(sketch, side)
    distances = []
    for stroke in points.split(sketch.lengths.tolist()):
        start, step = stroke[:-1], stroke[1:] - stroke[:-1]
        if len(stroke) == 1:
            start, step = stroke, torch.zeros_like(stroke)
        along = ((spot - start) * step).sum(1) / step.square().sum(1).clamp_min(1e-9)
        nearest = start + along.clamp(0, 1)[:, None] * step
        distances.append(float((nearest - spot).norm(dim=1).min()))
    best = int(np.argmin(distances))
    return best if distances[best] <= within * side else -1


def _placed(sketch: Sketch, side: int) -> torch.Tensor:
    """(P, 2) the points in pixels of a picture of that side."""
    x0, y0, x1, y1 = sketch.bounds
    scale, offset = fit_to_frame(np.array([x0, y0]), np.array([x1, y1]), side, side - 3 * _pen(side))
    return torch.from_numpy(sketch.points[:, :2].astype(np.float64) * scale + offset)


def _pen(side: int) -> float:
    return max(1.5, side / 64)


def attributed_tile(sketch: Sketch, points: np.ndarray, caption: str, side: int = 288) -> Tile:
    """The drawing coloured by a value for each point, with a legend. The strongest decides the scale."""
    peak = float(np.nanmax(np.abs(points), initial=0.0))
    colours = attribution_colours(points, peak)
    legend = [(AGAINST, "against"), (NEITHER, "nothing"), (FOR, "for")]
    return Tile(
        draw_coloured(sketch, colours, side),
        caption,
        smooth=True,
        legend=tuple((tuple(int(v) for v in colour), text) for colour, text in legend),
        facts=(("Full colour", f"±{short(peak)}"),),
    )


def kept_tile(
    sketch: Sketch, kept: Collection[int], caption: str, description: str = "", side: int = 144
) -> Tile:
    """The drawing with the strokes that are kept in ink and the others faded."""
    colours = np.repeat(
        np.array([INK if i in kept else FADED for i in range(len(sketch))]), sketch.lengths, axis=0
    )
    return Tile(draw_coloured(sketch, colours, side), caption, description, smooth=True)


def occlusion_figure(result: StrokeOcclusion, side: int) -> Figure:
    """The drawing coloured by effect; a tile without, and a tile of only, each stroke; charts."""
    sections = [
        Section(
            f"What each stroke does for “{result.name}” ({percent(result.probability)})",
            [occlusion_tile(result, side), effect_chart(result)],
            side=side,
        ),
        Section("Leave a stroke out", leave_out_tiles(result), caption="The faint stroke is left out."),
        Section("Keep only one", only_tiles(result), caption="The faint strokes are left out."),
    ]
    charts = [chart for chart in (steps_chart(result), maps_chart(result)) if chart is not None]
    if charts:
        sections.append(Section("", charts))
    return Figure(f"Strokes of a drawing: {result.name}", sections)


def occlusion_tile(result: StrokeOcclusion, side: int) -> Tile:
    values = np.repeat(result.effect, result.sketch.lengths)
    return attributed_tile(result.sketch, values, "red: less probable without it", side)


def leave_out_tiles(result: StrokeOcclusion) -> list[Tile]:
    everything = set(range(len(result.sketch)))
    return [
        kept_tile(
            result.sketch,
            everything - {i},
            f"{i + 1}: {_watched(result, i, 'without')}",
            _said(result, i, "without", f"Without stroke {i + 1}"),
        )
        for i in sorted(everything)
    ]


def only_tiles(result: StrokeOcclusion) -> list[Tile]:
    return [
        kept_tile(
            result.sketch,
            {i},
            f"{i + 1}: {_watched(result, i, 'only')}",
            _said(result, i, "only", f"Only stroke {i + 1}"),
        )
        for i in range(len(result.sketch))
    ]


def _watched(result: StrokeOcclusion, stroke: int, which: str) -> str:
    """The probability of the class; where one single map is watched, its maximum."""
    maps = list(result.layers.values())
    if len(maps) == 1 and len(maps[0].channels) == 1:
        value = float(getattr(maps[0], which)[stroke, 0])
        return "–" if np.isnan(value) else short(value)
    return percent(getattr(result, which)[stroke])


def _said(result: StrokeOcclusion, stroke: int, which: str, what: str) -> str:
    probability = getattr(result, which)[stroke]
    if np.isnan(probability):
        return f"{what}: nothing to see"
    return f"{what}: {result.name} {percent(probability)}. The network says {answer(result, stroke, which)}."


def answer(result: StrokeOcclusion, stroke: int | None = None, which: str = "without") -> str:
    """The best guesses for the whole drawing, or where a stroke is left "without" or is the "only" one."""
    top = result.top if stroke is None else getattr(result, f"top_{which}")[stroke]
    flags = None if stroke is None else getattr(result, f"known_{which}")
    known = result.known if stroke is None else flags is None or flags[stroke]
    guesses = ", ".join(f"{guess} {percent(p)}" for guess, p in top)
    return guesses if known else f"“{DONT_KNOW}”; perhaps {guesses}"


def effect_chart(result: StrokeOcclusion) -> Chart:
    strokes = [str(i + 1) for i in range(len(result.sketch))]
    return Chart(
        [("lost without it", strokes, 100 * result.effect)],
        "stroke",
        "percentage points",
        caption="by how much each stroke raises the probability",
        kind="bar",
        size=_CHART,
    )


def steps_chart(result: StrokeOcclusion, strokes: Collection[int] | None = None) -> Chart | None:
    """The probability after each stroke, and without the strokes that matter most (or without those given)."""
    if result.steps is None:
        return None
    x = np.arange(1, len(result.steps) + 1)
    if strokes is None:
        known = np.nan_to_num(np.abs(result.effect))
        strokes = [int(i) for i in np.argsort(-known, kind="stable")[:3] if known[i] > 0]
    series = [("all strokes", x, 100 * result.steps)]
    series += [(f"without {i + 1}", x, 100 * result.steps_without[i]) for i in strokes]
    return Chart(
        series,
        "strokes drawn",
        f"% {result.name}",
        caption="as the drawing grows",
        y_range=(0, 100),
        size=_CHART,
    )


def maps_chart(result: StrokeOcclusion) -> Chart | None:
    """How much of the strongest maps of each layer is left without each stroke."""
    if not result.layers:
        return None
    strokes = [str(i + 1) for i in range(len(result.sketch))]
    series = []
    for name, effects in result.layers.items():
        live = effects.peaks > 0
        left = effects.without[:, live] / effects.peaks[live]
        series.append(
            (name, strokes, 100 * left.mean(1).numpy() if live.any() else np.full(len(strokes), np.nan))
        )
    return Chart(
        series,
        "stroke left out",
        "% of activation",
        caption="what is left of each layer's strongest maps",
        kind="bar",
        size=_CHART,
    )


def attribution_figure(result: StrokeAttribution, side: int) -> Figure:
    """The drawing coloured point by point, the projection if there is one, and the strokes' parts as bars."""
    tiles: list[Tile | Chart] = [attribution_tile(result, side)]
    if result.projection is not None:
        tiles.append(projection_tile(result))
    if result.push is not None:
        tiles.append(push_tile(result, side))
    tiles.append(attribution_chart(result))
    target = result.target if result.projection is not None or "/" in result.target else f"“{result.target}”"
    return Figure(f"What drives {target}", [Section("", tiles, side=side)])


def attribution_tile(result: StrokeAttribution, side: int) -> Tile:
    what = "fading ink" if result.method == "gradient" else "the projection along the strokes"
    return attributed_tile(result.sketch, _densities(result), f"by {what}", side)


def _densities(result: StrokeAttribution) -> np.ndarray:
    """The part of each point by the length of line that it stands for: else long segments would look strong."""
    densities = []
    starts = np.cumsum(result.sketch.lengths) - result.sketch.lengths
    extent = max(np.ptp(result.sketch.points[:, :2], axis=0).max(), 1e-9)
    for stroke, start in zip(result.sketch, starts, strict=True):
        steps = np.linalg.norm(np.diff(stroke[:, :2], axis=0), axis=1)
        around = (np.append(steps, 0) + np.insert(steps, 0, 0)) / 2
        # A pen's width at least, which is what a dot covers.
        densities.append(result.points[start : start + len(stroke)] / np.maximum(around, 0.02 * extent))
    return np.concatenate(densities)


def projection_tile(result: StrokeAttribution) -> Tile:
    plane = result.projection.sum(0)
    return Tile.signed(
        plane, "the projection; white drives", description=f"The projection of {result.target}"
    )


def push_tile(result: StrokeAttribution, side: int) -> Tile:
    """The drawing, faint, and from its points a line each towards where the target would grow."""
    points, lengths = _placed(result.sketch, side), result.sketch.lengths.tolist()
    push = torch.from_numpy(result.push)
    longest = float(push.norm(dim=1).max())
    shown = torch.arange(0, len(points), max(1, len(points) // _HAIRS))
    ends = points[shown] + push[shown] * (0.12 * side / longest if longest > 0 else 0.0)
    hairs = torch.stack([points[shown], ends], dim=1).view(-1, 2)
    picture = torch.full((side * side, 3), 255.0, dtype=torch.float64)
    for lines, counts, pen, colour in (
        (points, lengths, _pen(side), FADED),
        (hairs, [2] * len(shown), 1.5, INK),
        (points[shown], [1] * len(shown), 3.0, INK),
    ):
        shares = ink_shares(lines, counts, side, pen)
        ink = torch.zeros(side * side, dtype=torch.float64).index_add_(0, shares.pixels, shares.ink)
        picture += (torch.from_numpy(colour) - picture) * ink[:, None]
    pixels = picture.view(side, side, 3).round().clamp(0, 255).byte().numpy()
    return Tile(
        pixels,
        "where its points should move",
        f"From each point a line in the direction in which {result.target} would grow",
        smooth=True,
        facts=(("Longest line", f"{short(longest)} for one unit of the drawing"),),
    )


def attribution_chart(result: StrokeAttribution) -> Chart:
    strokes = [str(i + 1) for i in range(len(result.sketch))]
    # Not as a bar: between the lines a projection is as dark as it is light on them, and the paper would be all one sees.
    paper = "" if result.paper is None else f"; {short(result.paper)} lies on the paper"
    return Chart(
        [("part", strokes, result.strokes)],
        "stroke",
        "part",
        caption=f"each stroke's part{paper}",
        kind="bar",
        size=_CHART,
    )
