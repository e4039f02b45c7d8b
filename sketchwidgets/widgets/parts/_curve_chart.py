"""One small chart of curves, with a mark at the value that is looked at; bqplot, in the colours of the page."""

from collections.abc import Sequence

import bqplot
import ipywidgets
import numpy as np

from ...visualization.figures._numbers import percent, ticks

# Dark enough on white, light enough on Lab's dark grey.
COLORS = ("#3d85c6", "#e0861a", "#2ca064", "#a06cc9", "#d9534f")


def plot_style(scope: str) -> str:
    """The rules of a style sheet that makes bqplot fit the page, for what is inside of a CSS class.

    bqplot takes its text colour from variables that are orange in Lab's dark theme. The line of an axis on the left has
    hooks at its ends, which touch the labels; the grid is enough.
    """
    return f"""
.{scope} {{ --bq-content-font-color: var(--jp-ui-font-color1, #333);
  --bq-mark-tooltip-background-color: var(--jp-layout-color1, #fff); }}
.{scope} .bqplot .svg-background .plotarea_background,
.{scope} .bqplot .svg-figure {{ fill: none; background: none; }}
.{scope} .bqplot .axis[text-anchor="end"] > .domain {{ stroke: none; }}
.{scope} .bqplot text.axislabel {{ font: 11px sans-serif !important;
  fill: var(--jp-ui-font-color2, #666) !important; }}"""


def plot(marks: list, axes: list, height: int, margin: dict[str, int]) -> bqplot.Figure:
    """A figure as wide as there is room, `height` pixels high, with nothing behind it and no toolbar."""
    return bqplot.Figure(
        marks=marks,
        axes=axes,
        fig_margin=margin,
        display_toolbar=False,
        background_style={"fill": "none"},
        min_aspect_ratio=0.1,
        max_aspect_ratio=20,
        padding_x=0,
        padding_y=0,
        # No margin beside the whole width, which would make its box scroll by that much.
        layout=ipywidgets.Layout(width="100%", height=f"{height}px", min_width="0", margin="0"),
    )


def close_plot(figure: bqplot.Figure) -> None:
    """Close a figure with all that it is made of."""
    for mark in figure.marks:
        for part in (*mark.scales.values(), mark.tooltip, mark):
            if part is not None:
                part.close()
    for part in (*figure.axes, figure.scale_x, figure.scale_y, figure):
        part.close()


STYLE = f"""<style>{plot_style("skw-curves")}
.skw-curves-title {{ font-size: 12px; line-height: 1.3; color: var(--jp-ui-font-color1, #333);
  padding: 0 8px 0 44px; overflow-wrap: anywhere; }}
</style>"""

_HEIGHT = 190
_MARGIN = {"top": 8, "bottom": 42, "left": 46, "right": 14}


def percent_labels(values: Sequence[float]) -> dict[str, str]:
    """The labels of an axis of shares, by the values as bqplot's page writes them."""
    return {f"{value:g}": percent(value) for value in values}


class CurveChart:
    """`widget` holds a title and the chart.

    y_range : (lowest, highest); None: from 0 to the highest value. percents : whether the values are shares.
    """

    def __init__(self, y_range: tuple[float, float] | None = None, percents: bool = False) -> None:
        self._y_range, self._percents = y_range, percents
        self._x = bqplot.LinearScale(min=0, max=1)
        self._y = bqplot.LinearScale(min=0, max=1)
        scales = {"x": self._x, "y": self._y}
        self._mark = bqplot.Lines(
            x=[], y=[], scales=scales, colors=["#888888"], line_style="dashed", enable_hover=False
        )
        self._curves = bqplot.Lines(
            x=[],
            y=[],
            scales=scales,
            colors=list(COLORS),
            stroke_width=2,
            marker="circle",
            marker_size=14,
            tooltip=bqplot.Tooltip(fields=["name", "x", "y"], formats=["", ".3~g", ".3~g"]),
        )
        # Lines without a line: a Scatter would widen the axes by the size of its dots.
        self._dots = bqplot.Lines(
            x=[],
            y=[],
            scales=scales,
            colors=["#888888"],
            stroke_width=0,
            marker="circle",
            marker_size=70,
            enable_hover=False,
        )
        self._x_axis = bqplot.Axis(scale=self._x, label_offset="30px", grid_lines="none", tick_format=".3~g")
        self._y_axis = bqplot.Axis(scale=self._y, side="left", tick_format=".3~g")
        self._title = ipywidgets.HTML()
        self._title.add_class("skw-curves-title")
        self._figure = plot(
            [self._mark, self._curves, self._dots], [self._x_axis, self._y_axis], _HEIGHT, _MARGIN
        )
        self.widget = ipywidgets.VBox(
            [self._title, self._figure],
            layout=ipywidgets.Layout(flex="1 1 250px", min_width="220px", max_width="460px"),
        )

    def show(self, title: str, x_label: str, x: np.ndarray, curves: np.ndarray, names: Sequence[str]) -> None:
        """Show curves (k, len(x)); NaN leaves a gap. `title` is plain HTML."""
        low, high = float(x.min()), float(x.max())
        if high <= low:
            low, high = low - 0.5, high + 0.5
        known = curves[np.isfinite(curves)]
        bottom, top = self._y_range or (0.0, 1.06 * float(known.max(initial=0.0)) or 1.0)
        self._title.value = title
        with self._curves.hold_sync(), self._x.hold_sync(), self._y.hold_sync():
            self._x.min, self._x.max = low, high
            self._y.min, self._y.max = bottom, top
            self._x_axis.label = x_label
            self._x_axis.tick_values = np.array(ticks(low, high, 6))
            values = ticks(bottom, top, 4)
            self._y_axis.tick_labels = percent_labels(values) if self._percents else {}
            self._y_axis.tick_values = np.array(values)
            # bqplot takes one point of several curves for one curve, and one curve wants one axis.
            rows = curves if len(x) > 1 else np.repeat(curves, 2, axis=1)
            self._curves.x = x if len(x) > 1 else np.repeat(x, 2)
            self._curves.y = rows if len(rows) > 1 else rows[0]
            self._curves.labels = list(names)

    def mark(self, x: float, values: Sequence[float]) -> None:
        """A line at x, and a dot on each curve."""
        known = [value for value in values if np.isfinite(value)]
        with self._mark.hold_sync(), self._dots.hold_sync():
            self._mark.x, self._mark.y = [x, x], [self._y.min, self._y.max]
            self._dots.x, self._dots.y = [x] * max(2, len(known)), known * (2 if len(known) == 1 else 1)

    def clear(self) -> None:
        """Show nothing."""
        self._title.value = ""
        self._curves.x, self._curves.y = [], []
        self._mark.x, self._mark.y = [], []
        self._dots.x, self._dots.y = [], []

    def close(self) -> None:
        """Close the widgets, with all that they are made of."""
        close_plot(self._figure)
        self._title.close()
        self.widget.close()
