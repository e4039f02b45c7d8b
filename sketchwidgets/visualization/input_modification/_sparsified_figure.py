"""The figure of a sparsified drawing: what is needed, and the strokes as they go."""

import numpy as np

from ..figures import Chart, Figure, Section, Tile
from ..figures._numbers import percent
from ._stroke_figures import kept_tile
from .sparsify import Sparsified

_MOST = 24  # drawings in the row of strokes as they go
_SMALL = 96


def sentence(result: Sparsified) -> str:
    """The finding as text."""
    count, enough = len(result.drawing), len(result.kept)
    if not enough:
        choices = "No choice of" if result.proven else "No choice that was tried of"
        return f"{choices} its strokes is recognised as “{result.name}”"
    if enough == count:
        if count == 1:
            return f"Its one stroke is needed for “{result.name}” ({percent(result.probability)})"
        needed = "are needed" if result.proven else "seem to be needed"
        return f"All {count} strokes {needed} for “{result.name}” ({percent(result.probability)})"
    are = "is" if enough == 1 else "are"
    return f"{enough} of {count} strokes {are} enough for “{result.name}” ({percent(result.probability)})"


def certainty(result: Sparsified) -> str:
    """How sure it is that these are the fewest."""
    if result.proven:
        return "" if len(result.kept) <= 1 else "Fewer are not."
    if result.at_least <= 1:
        return "Fewer may be enough."
    return f"Fewer may be enough, but not fewer than {result.at_least}."


def sparsified_figure(result: Sparsified, side: int) -> Figure:
    """Whole and kept side by side with the curve; below, a drawing for every number of strokes left."""
    whole = kept_tile(
        result.drawing,
        range(len(result.drawing)),
        f"all {len(result.drawing)}: {result.name} {percent(result.steps[-1])}",
        side=side,
    )
    found: list[Tile | Chart] = [whole]
    if result.kept:
        found.append(left_tile(result, result.kept, side))
    found.append(curve_chart(result, (272, side - 28)))
    goes = Section(
        "As the strokes go",
        [left_tile(result, result.left(count), _SMALL) for count in shown_counts(result)],
        caption=f"Strokes left, and the probability of “{result.name}”; lost is where another class is above it.",
        side=_SMALL,
    )
    return Figure(sentence(result), [Section("", found, caption=certainty(result), side=side), goes])


def left_tile(result: Sparsified, left: tuple[int, ...], side: int) -> Tile:
    """The drawing with the strokes that are left strong and the others pale; those kept, or some on the way."""
    probability, on_top = result.curve[len(left) - 1], bool(result.on_top[len(left) - 1])
    if left == result.kept:
        probability, on_top = result.probability, True
    known = not np.isnan(probability)
    strokes = "stroke" if len(left) == 1 else "strokes"
    said = f"{result.name} {percent(probability)}, {'' if on_top else 'not '}the most probable class"
    return kept_tile(
        result.drawing,
        left,
        f"{len(left)}: {percent(probability)}{', lost' if known and not on_top else ''}",
        f"{len(left)} {strokes} left: {said if known else 'not known'}",
        side=2 * side if side <= _SMALL else side,
    )


def shown_counts(result: Sparsified) -> list[int]:
    """Numbers of strokes left, falling, of which a drawing is shown: all, or so many of a long drawing."""
    count = len(result.drawing)
    if count <= _MOST:
        return list(range(count, 0, -1))
    spread = np.unique(np.geomspace(1, count, _MOST - 2).round().astype(int)).tolist()
    needed = {len(result.kept), len(result.kept) - 1} - {0, -1}
    return sorted({*spread, *needed}, reverse=True)


def curve_chart(result: Sparsified, size: tuple[int, int] = (272, 196), at: int | None = None) -> Chart:
    """The probability by strokes left, and by strokes drawn; with a mark at a number of them, or at the fewest."""
    counts = np.arange(1, len(result.drawing) + 1)
    fewest = len(result.kept)
    at = fewest if at is None else at
    marks = [(at, "fewest" if at == fewest else str(at))] if at else []
    return Chart(
        [("left in the order found", counts, 100 * result.curve), ("as drawn", counts, 100 * result.steps)],
        "strokes",
        f"% {result.name}",
        caption=f"as drawn, it stays on top from {result.prefix} on" if result.prefix else "",
        y_range=(0, 100),
        marks=marks,
        size=size,
    )
