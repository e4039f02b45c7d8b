"""A chart of a training that goes on: a curve of the steps, smoothed as it grows, and one of the validations."""

import bqplot
import ipywidgets
import numpy as np
from numpy.typing import NDArray

from ...visualization.figures._numbers import ticks
from ..parts._curve_chart import COLORS, close_plot, percent_labels, plot

_MOST = 600  # points; twice as many as fit side by side in a chart of this width
_HEIGHT = 210
_MARGIN = {"top": 8, "bottom": 42, "left": 52, "right": 16}
_SMOOTH = 25  # of the points shown, as many are averaged as this is the part of them


class GrowingCurve:
    """Values at ascending steps. When there are `most`, an even number, two neighbours become one, their mean."""

    def __init__(self, most: int = _MOST) -> None:
        self.most = most
        self.clear()

    def clear(self) -> None:
        self._steps: list[float] = []
        self._values: list[float] = []
        self._each = 1  # values behind a point
        self._sum, self._count, self._last = 0.0, 0, 0.0

    def add(self, step: float, value: float) -> None:
        """One more value; a step that is not later than the last one is done again, and replaces what is there."""
        if (self._steps and step <= self._steps[-1]) or (self._count and step <= self._last):
            keep = int(np.searchsorted(self._steps, step))
            del self._steps[keep:], self._values[keep:]
            self._sum, self._count = 0.0, 0
        if not np.isfinite(value):
            return
        self._sum, self._count, self._last = self._sum + value, self._count + 1, step
        if self._count < self._each:
            return
        self._steps.append(step)
        self._values.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self._steps) >= self.most:
            self._steps = self._steps[1::2]
            self._values = np.array(self._values).reshape(-1, 2).mean(1).tolist()
            self._each *= 2

    def __len__(self) -> int:
        return len(self._steps)

    def points(self, smooth: bool = False) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(steps, values); smoothed, a running mean over a small part of them."""
        steps, values = np.array(self._steps), np.array(self._values)
        width = len(values) // _SMOOTH
        if not smooth or width < 2:
            return steps, values
        sums = np.cumsum(np.r_[0.0, values])
        ends = np.arange(1, len(values) + 1)
        starts = np.maximum(0, ends - width)
        return steps, (sums[ends] - sums[starts]) / (ends - starts)


class TrainingChart:
    """`widget` holds a title and the chart.

    y_range : (lowest, highest); None: from 0 to the highest value. percents : whether the values are shares.
    """

    def __init__(
        self, title: str, y_range: tuple[float, float] | None = None, percents: bool = False
    ) -> None:
        self.training, self.validation = GrowingCurve(), GrowingCurve()
        self._y_range, self._percents = y_range, percents
        self._x, self._y = bqplot.LinearScale(min=0, max=1), bqplot.LinearScale(min=0, max=1)
        scales = {"x": self._x, "y": self._y}
        self._pale = bqplot.Lines(
            x=[], y=[], scales=scales, colors=[COLORS[0]], stroke_width=1, opacities=[0.3], enable_hover=False
        )
        self._line = bqplot.Lines(
            x=[], y=[], scales=scales, colors=[COLORS[0]], stroke_width=2, enable_hover=False
        )
        self._dots = bqplot.Lines(
            x=[],
            y=[],
            scales=scales,
            colors=[COLORS[1]],
            stroke_width=2,
            marker="circle",
            marker_size=24,
            tooltip=bqplot.Tooltip(fields=["x", "y"], formats=[".0f", ".3~g"]),
        )
        self._x_axis = bqplot.Axis(
            scale=self._x, label="step", label_offset="30px", grid_lines="none", tick_format=".3~s"
        )
        self._y_axis = bqplot.Axis(scale=self._y, side="left", tick_format=".3~g")
        marks = "".join(
            f" <span style='color:{color}'>●</span> {kind}"
            for color, kind in zip(COLORS, ("training", "validation"), strict=False)
        )
        self._title = ipywidgets.HTML(f"<b>{title}</b>&nbsp;{marks}")
        self._title.add_class("skw-curves-title")
        self._figure = plot(
            [self._pale, self._line, self._dots], [self._x_axis, self._y_axis], _HEIGHT, _MARGIN
        )
        self.widget = ipywidgets.VBox(
            [self._title, self._figure],
            layout=ipywidgets.Layout(flex="1 1 300px", min_width="240px", max_width="620px"),
        )

    def show(self, last: float) -> None:
        """Show the curves on an axis that ends at step `last`, or later where they do."""
        pale, line, dots = self.training.points(), self.training.points(smooth=True), self.validation.points()
        every = np.concatenate([pale[1], dots[1]])
        high = max([last, *pale[0][-1:], *dots[0][-1:], 1.0])
        bottom, top = self._y_range or (0.0, 1.05 * float(every.max(initial=0.0)) or 1.0)
        with self._x.hold_sync(), self._y.hold_sync():
            self._x.max, self._y.min, self._y.max = float(high), float(bottom), float(top)
            self._x_axis.tick_values = np.array(ticks(0.0, high, 5))
            values = ticks(bottom, top, 4)
            self._y_axis.tick_labels = percent_labels(values) if self._percents else {}
            self._y_axis.tick_values = np.array(values)
        for mark, (x, y) in ((self._pale, pale), (self._line, line), (self._dots, dots)):
            with mark.hold_sync():
                # bqplot wants two points at least.
                mark.x, mark.y = (x, y) if len(x) != 1 else (np.repeat(x, 2), np.repeat(y, 2))

    def clear(self) -> None:
        """Forget both curves."""
        self.training.clear()
        self.validation.clear()
        self.show(1.0)

    def close(self) -> None:
        """Close the widgets, with all that they are made of."""
        close_plot(self._figure)
        self._title.close()
        self.widget.close()
