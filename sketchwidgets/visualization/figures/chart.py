"""A small line or bar chart of a figure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ._values import as_floats

Series = tuple[str, np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Chart:
    """Curves or bars over one axis, drawn with text as text in the page, in SVG and in PNG.

    series : (name, x, y) each; x and y of one length. Of a bar chart x may be texts, the same for every series.
        NaN in y leaves a gap.
    x_label, y_label : what the axes are, with units.
    caption : shown under the chart.
    y_range : (lowest, highest) of the y axis; None to fit the series (bars always from 0).
    marks : (x, text) each, a dashed vertical line, as at a step that is looked at.
    kind : "line" or "bar".
    size : width and height in pixels, in the proportion of tiles of 96.
    log : whether the y axis is logarithmic; values of 0 or less are left out.
    equal : whether a unit is as long on the x axis as on the y axis, as where the curves are circles or directions.

    Raises ValueError or TypeError, naming the series, where x and y do not fit.

    >>> chart = sw.Chart([("cat", [1, 2, 3], [0.1, 0.5, 0.9])], "strokes", "probability", y_range=(0, 1))
    >>> chart
    Chart('cat', kind='line')
    """

    series: Sequence[tuple[str, Any, Any]]
    x_label: str = ""
    y_label: str = ""
    caption: str = ""
    y_range: tuple[float, float] | None = None
    marks: Sequence[tuple[float, str]] = ()
    kind: Literal["line", "bar"] = "line"
    size: tuple[int, int] = (320, 200)
    log: bool = False
    equal: bool = False
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("line", "bar"):
            raise ValueError(f"kind must be 'line' or 'bar', not {self.kind!r}")
        if self.equal and (self.kind == "bar" or self.log):
            raise ValueError("equal axes are for lines on two linear axes")
        series = tuple(self._checked(*one) for one in self.series)
        if self.kind == "bar":
            for name, x, _ in series[1:]:
                if list(x) != list(series[0][1]):
                    raise ValueError(f"series {name!r} has bars at other places than {series[0][0]!r}")
        if self.y_range is not None and not self.y_range[1] > self.y_range[0]:
            raise ValueError(f"y_range must rise, not go from {self.y_range[0]} to {self.y_range[1]}")
        object.__setattr__(self, "series", series)
        object.__setattr__(self, "marks", tuple((float(x), str(text)) for x, text in self.marks))

    def _checked(self, name: str, x: Any, y: Any) -> Series:
        values = as_floats(y, f"y of series {name!r}").astype(np.float64)
        if self.kind == "bar" and len(x) and isinstance(next(iter(x)), str):
            places = np.array([str(one) for one in x], dtype=object)
        else:
            places = as_floats(x, f"x of series {name!r}").astype(np.float64)
        if values.ndim != 1 or places.shape != values.shape:
            raise ValueError(
                f"series {name!r}: x and y must be of one length, not {places.shape} and {values.shape}"
            )
        return str(name), places, values

    def __repr__(self) -> str:
        names = ", ".join(repr(name) for name, _, _ in self.series)
        return f"Chart({names}{', ' if names else ''}kind={self.kind!r})"
