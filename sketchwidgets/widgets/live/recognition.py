"""What the network thinks the drawing is: the best classes now, and how they came up stroke by stroke."""

import html
from collections.abc import Sequence
from contextlib import ExitStack

import bqplot
import ipywidgets
import numpy as np

from ...recognition import Prediction
from ...recognition._prediction import DONT_KNOW
from ...visualization.figures._numbers import percent
from ..parts._curve_chart import COLORS, close_plot, percent_labels, plot, plot_style

# One colour for each class shown.
_COLORS = (*COLORS, "#2aa6b0", "#8f8f2f", "#c2578f", "#7f6a5a", "#6f7f95")
_MAX_POINTS = 200  # of a curve; more than the chart has pixels to tell apart
_SIDES = ("top", "bottom", "left", "right")
_ROW = 22  # pixels of one bar with its name
_CURVES = 148  # pixels of the height of the curves with their axis
_NAMES = 76  # pixels to the right of the curves, for names at their ends
_LOWEST = 0.07  # height of the middle of a name above which it does not touch the axis

# bqplot frames every bar.
_STYLE = f"""<style>{plot_style("skw-recognition")}
.skw-recognition .bqplot .bargroup rect {{ stroke: none; }}
.skw-recognition .bqplot .zeroLine {{ display: none; }}
.skw-recognition .bqplot text.object_label, .skw-recognition .bqplot .object_grp text {{
  fill: var(--jp-ui-font-color1, #333); }}
.skw-recognition-title {{ line-height: 1.2; min-height: 50px; color: var(--jp-ui-font-color1, #333); }}
.skw-recognition-title .skw-name {{ font-size: 24px; font-weight: 600; overflow-wrap: anywhere; }}
.skw-recognition-title .skw-share {{ font-size: 24px; margin-left: .4em;
  color: var(--jp-ui-font-color2, #666); }}
.skw-recognition-title .skw-note {{ font-size: 12px; color: var(--jp-ui-font-color2, #666); }}
.skw-recognition-title.skw-unsure .skw-name {{ font-weight: 400; color: var(--jp-ui-font-color2, #666); }}
.skw-recognition-title.skw-provisional .skw-name {{ font-style: italic; opacity: .65; }}
</style>"""


class Recognition(ipywidgets.VBox):
    """The best classes of a drawing as bars, and their probabilities over its strokes as curves.

    Made with bqplot; about 360 by 300 pixels, and as wide as its container. A prediction of a stroke that is
    still being drawn looks provisional: an italic name and pale bars. Where the recogniser does not know yet, the
    title says so and the bars are pale.

    Parameters
    ----------
    top : number of classes shown, 1 to 10.
    title : whether the best class is also written large above the bars.

    >>> recognition = Recognition(top=2)
    >>> shares = np.array([[0.6, 0.4], [0.1, 0.9]], np.float32)
    >>> recognition.update([sw.Prediction(row, ("cat", "dog"), step) for step, row in enumerate(shares, 1)])
    """

    def __init__(self, top: int = 5, title: bool = True) -> None:
        if not 1 <= top <= len(_COLORS):
            raise ValueError(f"top must be 1 to {len(_COLORS)}, not {top}")
        self._top = top
        self._slots: dict[str, int] = {}  # class -> index of its colour, while it is among the best
        self._title = ipywidgets.HTML()
        self._make_bars()
        self._make_curves()
        self._changing = (self._title, self._bars, self._names, self._shares)
        self._changing += (self._curves, self._ends, self._mark, self._steps, self._step_axis)
        # A style sheet works where it is not shown, and takes no room there.
        style = ipywidgets.HTML(_STYLE, layout=ipywidgets.Layout(display="none"))
        super().__init__([style, *([self._title] if title else []), self._bar_figure, self._curve_figure])
        self.add_class("skw-recognition")
        self.update([])

    def __repr__(self) -> str:
        return f"<Recognition of the best {self._top} classes>"

    def update(
        self, predictions: Sequence[Prediction], step: int | None = None, preview: Prediction | None = None
    ) -> None:
        """Show the predictions of a drawing, one for each stroke.

        Parameters
        ----------
        predictions : one Prediction for each finished stroke, in order; empty for an empty canvas.
        step : the number of strokes to look at, 0 to len(predictions); None for all of them.
        preview : the prediction with a stroke in progress, shown as provisional; ignored with a `step`.

        ValueError if `step` is not a step of these predictions.
        """
        if step is not None and not 0 <= step <= len(predictions):
            raise ValueError(f"step {step} is not within the {len(predictions)} predictions")
        rows = list(predictions)
        if step is not None:
            preview = None
        elif preview is not None:
            rows.append(preview)
        at = len(rows) if step is None else step
        shown = rows[at - 1] if at else None
        best = shown.top(self._top) if shown else []
        self._assign_colors([name for name, _ in best])
        with ExitStack() as stack:  # every widget sends one message, and only if it changed
            for widget in self._changing:
                stack.enter_context(widget.hold_sync())
            known = shown is None or shown.known
            self._title.value = _title(best, known, at, len(predictions), preview is not None)
            self._show_bars(best, known, preview is not None)
            self._show_curves(rows, shown, at)

    def close(self) -> None:
        """Close the charts too, with all that they are made of."""
        if self.comm is None:
            return  # closed before, or never complete
        for figure in (self._bar_figure, self._curve_figure):
            close_plot(figure)
        for child in (*self.children, self._title):
            child.close()
        super().close()

    def _assign_colors(self, names: list[str]) -> None:
        self._slots = {name: slot for name, slot in self._slots.items() if name in names}
        free = iter(sorted(set(range(self._top)) - set(self._slots.values())))
        for name in names:
            if name not in self._slots:
                self._slots[name] = next(free)

    def _make_bars(self) -> None:
        rank = bqplot.OrdinalScale(domain=list(range(self._top)), reverse=True)
        share = bqplot.LinearScale(min=0, max=1)
        ranks = np.arange(self._top)
        zeros = np.zeros(self._top)
        self._bars = bqplot.Bars(
            x=ranks,
            y=zeros,
            scales={"x": rank, "y": share},
            orientation="horizontal",
            padding=0.1,
            opacities=[0.5],
            colors=["#888888"],
        )
        text = {"default_size": 13, "font_weight": "normal", "scales": {"x": share, "y": rank}, "y": ranks}
        text |= {"enable_hover": False, "apply_clip": False, "colors": ["var(--jp-ui-font-color1)"]}
        self._names = bqplot.Label(x=zeros, x_offset=6, text=[""] * self._top, **text)
        self._shares = bqplot.Label(x=zeros + 1, x_offset=-6, align="end", text=[""] * self._top, **text)
        self._bar_figure = plot(
            [self._bars, self._names, self._shares], [], self._top * _ROW, dict.fromkeys(_SIDES, 0)
        )

    def _make_curves(self) -> None:
        self._steps = bqplot.LinearScale(min=1, max=8)
        share = bqplot.LinearScale(min=0, max=1)
        scales = {"x": self._steps, "y": share}
        self._curves = bqplot.Lines(
            x=[],
            y=[],
            scales=scales,
            colors=list(_COLORS[: self._top]),
            stroke_width=2,
            marker="circle",
            marker_size=20,
            tooltip=bqplot.Tooltip(fields=["name"], show_labels=False),
        )
        # The names again, where the curves end: nobody should have to match colours.
        self._ends = bqplot.Label(
            x=[],
            y=[],
            text=[],
            scales=scales,
            colors=list(_COLORS[: self._top]),
            x_offset=7,
            y_offset=4,
            default_size=11,
            font_weight="normal",
            enable_hover=False,
            apply_clip=False,
        )
        self._mark = bqplot.Lines(
            x=[], y=[], scales=scales, colors=["#888888"], line_style="dashed", enable_hover=False
        )
        self._step_axis = bqplot.Axis(
            scale=self._steps, label="strokes", label_offset="30px", tick_format="d", grid_lines="none"
        )
        axes = [
            self._step_axis,
            bqplot.Axis(
                scale=share, side="left", tick_values=[0, 0.5, 1], tick_labels=percent_labels((0, 0.5, 1))
            ),
        ]
        self._curve_figure = plot(
            [self._mark, self._curves, self._ends],
            axes,
            _CURVES,
            dict(zip(_SIDES, (8, 40, 42, _NAMES), strict=True)),
        )

    def _show_bars(self, best: list[tuple[str, float]], known: bool, provisional: bool) -> None:
        blank = self._top - len(best)
        self._bars.y = np.array([share for _, share in best] + [0.0] * blank)
        self._bars.colors = [_COLORS[self._slots[name]] for name, _ in best] or ["#888888"]
        self._bars.opacities = [0.3 if provisional or not known else 0.5] * self._top
        self._names.text = np.array([name for name, _ in best] + [""] * blank)
        self._shares.text = np.array([percent(share) for _, share in best] + [""] * blank)

    def _show_curves(self, rows: list[Prediction], shown: Prediction | None, at: int) -> None:
        self._mark.x, self._mark.y = ([at, at], [0, 1]) if 0 < at < len(rows) else ([], [])
        if shown is None:
            self._curves.x, self._curves.y, self._curves.labels = [], [], []
            self._ends.x, self._ends.y, self._ends.text = [], [], []
            return
        names = sorted(self._slots, key=self._slots.get)
        columns = [shown.classes.index(name) for name in names]
        steps = np.unique(np.linspace(1, len(rows), min(len(rows), _MAX_POINTS)).round().astype(int))
        if len(steps) == 1:
            steps = np.repeat(steps, 2)  # bqplot would take one point of several lines for one line
        spacing = max(1, -(-len(rows) // 8))  # of the ticks: at most eight, on whole strokes
        self._steps.max = 8 * spacing
        self._step_axis.tick_values = np.arange(spacing, 8 * spacing + 1, spacing)
        self._curves.x = steps
        self._curves.y = np.stack([rows[step - 1].probabilities[columns] for step in steps], axis=1)
        self._curves.labels = names
        self._ends.x = np.full(len(names), steps[-1])
        self._ends.y = _apart(rows[-1].probabilities[columns], 12 / (_CURVES - 50), _LOWEST)
        self._ends.text = np.array([name if len(name) <= 12 else f"{name[:11]}…" for name in names])


def _apart(shares: np.ndarray, least: float, lowest: float = 0.0) -> np.ndarray:
    """Heights in `lowest`..1 near the shares, in the same order, with at least that much between any two.

    Where they do not all fit they are as far apart as can be.
    """
    least = min(least, (1 - lowest) / max(1, len(shares) - 1))
    order = np.argsort(shares, kind="stable")
    heights = np.maximum(shares[order].astype(float), lowest)
    for k in range(1, len(heights)):
        heights[k] = max(heights[k], heights[k - 1] + least)
    top = 1.0
    for k in reversed(range(len(heights))):
        heights[k] = min(heights[k], top)
        top = heights[k] - least
    placed = np.empty_like(heights)
    placed[order] = heights
    return placed


def _title(best: list[tuple[str, float]], known: bool, at: int, strokes: int, provisional: bool) -> str:
    if not best:
        note = "Nothing drawn yet" if not strokes else f"before the first of {strokes} strokes"
        return f'<div class="skw-recognition-title"><span class="skw-note">{note}</span></div>'
    name, share = (best[0][0], percent(best[0][1])) if known else (DONT_KNOW, "")
    looks = "".join((" skw-provisional" if provisional else "", "" if known else " skw-unsure"))
    if provisional:
        note = f"while stroke {at} is being drawn"
    elif at < strokes:
        note = f"after {at} of {strokes} strokes"
    else:
        note = f"after {at} stroke{'s' if at > 1 else ''}"
    return (
        f'<div class="skw-recognition-title{looks}">'
        f'<bdi class="skw-name">{html.escape(name)}</bdi><span class="skw-share">{html.escape(share)}</span>'
        f'<div class="skw-note">{note}</div></div>'
    )
