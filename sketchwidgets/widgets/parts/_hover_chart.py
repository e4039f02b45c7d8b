"""A chart of a figure in bqplot: point at a mark and it says what it is, click a name and its series goes."""

from html import escape

import bqplot
import ipywidgets
import numpy as np

from ...visualization.figures import Chart
from ...visualization.figures._chart_shapes import y_limits
from ...visualization.figures._numbers import ticks
from ._curve_chart import COLORS, close_plot, plot

_MORE = ("#8c6d5a", "#c65fa5", "#7a8f1c", "#3fa7a3", "#8a8a8a")
_SERIES = (*COLORS, *_MORE)
_MARGIN = {"top": 10, "bottom": 44, "left": 54, "right": 18}
_HEIGHT, _BAR = 280, 15  # pixels: of curves, and of a bar
_LETTER, _WIDEST = 6.3, 300  # pixels of a name beside bars: a letter of it, and all of it


class HoverChart:
    """`widget` holds a caption, names of the series as buttons, and the chart. Bars lie, so that long names fit."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        bars = chart.kind == "bar"
        low, high = y_limits(chart)
        if chart.log:
            low, high = 10**low, 10**high
        scale = bqplot.LogScale if chart.log else bqplot.LinearScale
        self._values = scale(min=float(low), max=float(high))
        self._marks = self._bars() if bars else self._lines()
        self._named = [ipywidgets.HTML(f"<b>{escape(chart.caption)}</b>")]
        self._named[0].add_class("skw-chart-text")
        self._buttons = self._legend()
        if bars:
            longest = max((len(str(x)) for _, xs, _ in chart.series for x in xs), default=1)
            margin = _MARGIN | {"left": min(_WIDEST, round(12 + _LETTER * longest))}
            count = sum(len(xs) for _, xs, _ in chart.series)
            height = 70 + _BAR * count + 6 * len(chart.series[0][1])
        else:
            margin, height = _MARGIN, _HEIGHT
        self._figure = plot(self._marks, self._axes(bars), height, margin)
        wide = "720px" if bars else "560px"
        self.widget = ipywidgets.VBox(
            [
                *self._named,
                ipywidgets.HBox(self._buttons, layout=ipywidgets.Layout(flex_flow="row wrap")),
                self._figure,
            ],
            layout=ipywidgets.Layout(flex="1 1 340px", min_width="240px", max_width=wide),
        )

    def _lines(self) -> list[bqplot.Mark]:
        series = self.chart.series
        places = [x for _, xs, _ in series for x in xs] + [x for x, _ in self.chart.marks]
        low, high = (float(f(places)) if places else 0.0 for f in (min, max))
        if high <= low:
            low, high = low - 0.5, high + 0.5
        self._places = bqplot.LinearScale(min=low, max=high)
        scales = {"x": self._places, "y": self._values}
        made = []
        for k, (name, x, y) in enumerate(series):
            y = np.where(y > 0, y, np.nan) if self.chart.log else y
            # bqplot wants two points at least.
            x, y = (np.repeat(x, 2), np.repeat(y, 2)) if len(x) == 1 else (x, y)
            made.append(
                bqplot.Lines(
                    x=x,
                    y=y,
                    scales=scales,
                    colors=[_SERIES[k % len(_SERIES)]],
                    line_style=("solid", "dashed")[k // len(_SERIES) % 2],
                    stroke_width=2,
                    marker="circle",
                    marker_size=26,
                    labels=[name],
                    # Of a single curve, bqplot's tooltip does not know the name.
                    tooltip=bqplot.Tooltip(
                        fields=["x", "y"], labels=[self.chart.x_label or "x", name], formats=[".4~g", ".4~g"]
                    ),
                )
            )
        ends = [self._values.min, self._values.max]
        for place, _ in self.chart.marks:
            made.append(
                bqplot.Lines(
                    x=[place, place],
                    y=ends,
                    scales=scales,
                    colors=["#888888"],
                    line_style="dashed",
                    enable_hover=False,
                )
            )
        return made

    def _bars(self) -> list[bqplot.Mark]:
        series = self.chart.series
        names = [x if isinstance(x, str) else f"{x:g}" for x in series[0][1]]
        # The first name at the top.
        self._places = bqplot.OrdinalScale(domain=names[::-1])
        values = np.stack([y for _, _, y in series])
        return [
            bqplot.Bars(
                x=names,
                y=values if len(series) > 1 else values[0],
                scales={"x": self._places, "y": self._values},
                colors=[_SERIES[k % len(_SERIES)] for k in range(len(series))],
                orientation="horizontal",
                type="grouped",
                padding=0.25,
                base=0.0 if not self.chart.log else self._values.min,
                tooltip=bqplot.Tooltip(
                    fields=["x", "y"], labels=["", self.chart.y_label or "y"], formats=["", ".4~g"]
                ),
            )
        ]

    def _axes(self, bars: bool) -> list[bqplot.Axis]:
        chart, format_ = self.chart, ".4~g"
        along = {"label": chart.x_label, "label_offset": "32px", "grid_lines": "none"}
        if bars:
            values = bqplot.Axis(
                scale=self._values, label=chart.y_label, label_offset="32px", tick_format=format_
            )
            names = bqplot.Axis(scale=self._places, side="left", grid_lines="none")
            return [values, names]
        x = bqplot.Axis(scale=self._places, tick_format=format_, **along)
        low, high = self._places.min, self._places.max
        found = ticks(low, high, 6)
        if all(float(x) % 1 == 0 for _, xs, _ in chart.series for x in xs):
            found = [value for value in found if value % 1 == 0]
        x.tick_values = np.array(found)
        y = bqplot.Axis(
            scale=self._values,
            side="left",
            label=chart.y_label,
            label_offset="40px",
            tick_format=format_,
        )
        if not chart.log:
            y.tick_values = np.array(ticks(self._values.min, self._values.max, 5))
        return [x, y]

    def _legend(self) -> list[ipywidgets.Widget]:
        """Buttons that show and hide a curve; of bars, which are one mark, names only."""
        series, made = self.chart.series, []
        if len(series) < 2:
            return made
        for k, (name, _, _) in enumerate(series):
            colour = _SERIES[k % len(_SERIES)]
            if self.chart.kind == "bar":
                made.append(
                    ipywidgets.HTML(f"<span style='color:{colour}'>■</span>&nbsp;{escape(name)}&ensp;")
                )
                made[-1].add_class("skw-chart-text")
                continue
            button = ipywidgets.ToggleButton(
                True,
                description=name,
                icon="circle",
                tooltip=f"Show or hide {name}",
                style={"text_color": colour},
                layout=ipywidgets.Layout(width="auto", height="24px", margin="1px 4px 1px 0"),
            )
            button.add_class("skw-hover-name")
            ipywidgets.link((button, "value"), (self._marks[k], "visible"))
            made.append(button)
        return made

    def close(self) -> None:
        """Close the widgets, with all that they are made of."""
        close_plot(self._figure)
        for widget in (*self._named, *self._buttons, *self.widget.children, self.widget):
            widget.close()
