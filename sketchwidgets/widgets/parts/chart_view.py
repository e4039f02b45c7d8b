"""The charts of a result, to be pointed at."""

import os
from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets

from ...visualization.figures import Chart, Figure, Section
from ._curve_chart import STYLE
from ._hover_chart import HoverChart
from ._key_guard import KeyGuard

_STYLE = f"""{STYLE}<style>
.skw-hover-name.jupyter-button {{ background: none; box-shadow: none; border: none; padding: 0 4px; font-size: 12px; }}
.skw-hover-name.jupyter-button:not(.mod-active) {{ opacity: 0.45; text-decoration: line-through; }}
.skw-hover-name.jupyter-button:focus-visible {{ outline: 1px solid var(--jp-brand-color1, #1976d2); }}
.skw-chart-text {{ font-size: 12px; color: var(--jp-ui-font-color2, #666); line-height: 1.35; }}
.skw-chart-text.jupyter-widgets {{ margin: 0 2px; }}
.skw-chart-text h4, .skw-chart-text b {{ color: var(--jp-ui-font-color1, #333); }}
.skw-chart-text h4 {{ font-size: 14px; margin: 6px 0 0; color: var(--jp-ui-font-color1, #333); }}
</style>"""


class ChartView(ipywidgets.VBox):
    """The charts of a figure, a study or any result with a figure: what is pointed at says its name and its values.

    Names above curves hide and show them. Tiles of the figure, if it has any, are not shown: `sw.show(figure)` shows all.

    source : a `sw.Chart`, a `sw.Figure`, or what has a `figure()`, such as a study's result.

    `charts` are those that are shown. Raises TypeError for anything else, ValueError where there is no chart.

    >>> online = sw.studies.OnlineRecognition.measured()
    >>> view = sw.ChartView(online)
    >>> view.charts[0].y_label
    'recognised, %'
    >>> view.close()
    """

    _drawn: Sequence[HoverChart] = ()  # also of one whose constructor has failed

    def __init__(self, source: Any) -> None:
        figure = _figure_of(source)
        self.figure = figure
        self.charts = tuple(
            one for section in figure.sections for one in section.tiles if isinstance(one, Chart)
        )
        if not self.charts:
            raise ValueError("there is no chart to show")
        self._drawn = []
        children: list[ipywidgets.Widget] = [
            ipywidgets.HTML(_STYLE, layout=ipywidgets.Layout(display="none")),
            KeyGuard(),
        ]
        if figure.title:
            children.append(_text(f"<h4>{escape(figure.title)}</h4>"))
        for section in figure.sections:
            children += self._section(section)
        super().__init__(children)
        self.add_class("skw-curves")

    def _section(self, section: Section) -> list[ipywidgets.Widget]:
        drawn = [HoverChart(one) for one in section.tiles if isinstance(one, Chart)]
        if section.tiles and not drawn:
            return []  # only tiles
        self._drawn = [*self._drawn, *drawn]
        title = f"<h4>{escape(section.title)}</h4>" if section.title else ""
        caption = f"<div>{escape(section.caption)}</div>" if section.caption else ""
        made: list[ipywidgets.Widget] = [_text(title + caption)] if title or caption else []
        if drawn:
            layout = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", grid_gap="8px 20px")
            made.append(ipywidgets.HBox([one.widget for one in drawn], layout=layout))
        return made

    def save_picture(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write the whole figure to a file, PNG, SVG or PDF by its suffix."""
        self.figure.save(path, scale)

    def close(self) -> None:
        """Close the view and its parts."""
        for drawn in self._drawn:
            drawn.close()
        for child in self.children:
            child.close()
        super().close()

    def __repr__(self) -> str:
        return f"ChartView({self.figure.title!r}, {len(self.charts)} chart{'' if len(self.charts) == 1 else 's'})"


def _text(html: str) -> ipywidgets.HTML:
    made = ipywidgets.HTML(html)
    made.add_class("skw-chart-text")
    return made


def _figure_of(source: Any) -> Figure:
    if isinstance(source, Chart):
        return Figure("", [Section("", [source])])
    if isinstance(source, Figure):
        return source
    figure = getattr(source, "figure", None)
    if isinstance(figure, Figure):
        return figure
    if callable(figure) and not isinstance(source, type) and isinstance(found := figure(), Figure):
        return found
    raise TypeError(f"source must be a Chart, a Figure or what has one, not {type(source).__name__}")
