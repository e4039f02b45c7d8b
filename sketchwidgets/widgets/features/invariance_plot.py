"""How features and the answer change while the drawing is moved, enlarged or turned; value by value."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from PIL import Image
from traitlets import Bool, Enum, Float, Int, List, TraitError, Unicode, link, validate

from ...visualization import Figure, Invariance, Section, invariance
from ...visualization.feature_analysis.invariance import RANGES, UNITS
from ...visualization.figures._numbers import percent
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..parts._controls import checkbox, combobox, dropdown
from ..parts._curve_chart import COLORS, STYLE, CurveChart
from ..parts.tile_grid import TileGrid

_PICTURE = 210  # pixels on screen
_BARS = 5
_EXAMPLES = 9
_GREY = "#8a8a8a"

_ANSWERS = """<style>
.skw-answers { display: grid; grid-template-columns: minmax(70px, max-content) minmax(60px, 1fr) 44px; gap: 4px 8px;
  align-items: center; font-size: 13px; color: var(--jp-ui-font-color1, #333); max-width: 420px; }
.skw-answers .skw-bar { height: 12px; border-radius: 2px; }
.skw-answers .skw-number { text-align: right; font-variant-numeric: tabular-nums;
  color: var(--jp-ui-font-color2, #666); }
.skw-answers-head { font-size: 13px; color: var(--jp-ui-font-color2, #666); margin-bottom: 6px; }
.skw-answers-head b { font-size: 18px; color: var(--jp-ui-font-color1, #333); }
</style>"""


class _Examples(TileGrid):
    """The strip of examples; what is saved from the page is the whole figure of the analysis."""

    def __init__(self, whole: Callable[[], Figure | None], **kwargs: Any) -> None:
        self._whole = whole
        super().__init__(**kwargs)

    @property
    def figure(self) -> Figure:
        return self._whole() or self._figure


@dataclass(frozen=True, eq=False)
class _Looks:
    """What is shown of one image: its pictures (v, h, w[, 3]) at every value."""

    result: Invariance
    image: int
    pictures: np.ndarray


class InvariancePlot(Explorer):
    """Shows how a network takes it when a drawing or a photo is shifted, enlarged or turned.

    Three curves, as in figure 5 of Zeiler & Fergus (arXiv 1311.2901): how far the features of an early and of a late
    layer move, and the probability of the true class. The slider goes through the values; beside the transformed
    picture stands what the network says of it. Drawings are transformed as strokes.

    Parameters
    ----------
    network : a Network, a Recognizer or any torch.nn.Module in eval mode; None for the bundled recogniser. Or the result
        of `sw.invariance`, which is shown as it is.
    source : a SketchPad or SketchLab, which is followed, stroke by stroke; a Sketch; a picture, as `Network.prepare`
        takes it.
    transform : "translation", "scale" or "rotation".
    value : what is looked at: pixels downwards, a factor, or degrees clockwise; the nearest value that was computed.
    layers : two names, early and late, as in `sw.invariance`; None for its default.
    target : the name of the true class; None: what the network says of the picture as it is.
    relative : distances over the length of the features as they were.

    All of these but `network` and `source` are traits. `result` holds the `Invariance`. Raises TypeError for what is no
    network or source, TraitError for other values.

    >>> house = sw.Sketch([[(0, 50), (0, 100), (80, 100), (80, 50), (0, 50)], [(0, 50), (40, 0), (80, 50)]])
    >>> recognizer = sw.Recognizer.load("sketch-a-net-quickdraw345")
    >>> plot = sw.InvariancePlot(recognizer, house, transform="rotation")
    >>> plot.settle()
    True
    >>> plot.result
    Invariance(rotation 0 to 350, 1 drawing, layers relu1, relu7)
    >>> plot.close()
    """

    transform = Enum(tuple(RANGES), "translation")
    value = Float(0.0)
    layers = List(Unicode(), default_value=None, allow_none=True)
    target = Unicode(None, allow_none=True)
    relative = Bool(True)
    image = Int(0)

    # While a stroke is being drawn, it would be the same again and again.
    _follows_pen = False

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        transform: str = "translation",
        value: float | None = None,
        layers: list[str] | None = None,
        target: str | None = None,
        relative: bool = True,
    ) -> None:
        self._given = network if isinstance(network, Invariance) else None
        self.transform = self._given.transform if self._given else transform
        self.value = _at_rest(self.transform) if value is None else value
        self.layers, self.target, self.relative = None if layers is None else list(layers), target, relative
        self._needs_source = self._given is None
        self._looks: _Looks | None = None
        self._filling = False
        self._make_view()
        super().__init__(
            None if self._given else network, source, controls=self._make_controls(), view=self._panel
        )
        self.add_class("skw-curves")
        self.observe(self._change_transform, ["transform"])
        self.observe(self.refresh, ["layers", "target"])
        self.observe(self._show_again, ["relative", "image"])
        self.observe(self._show_value, ["value"])

    @validate("layers")
    def _two_layers(self, proposal: dict[str, Any]) -> list[str] | None:
        if proposal["value"] is not None and len(proposal["value"]) != 2:
            raise TraitError(f"layers must be two names, early and late, not {proposal['value']}")
        return proposal["value"]

    def _forget(self, network: Any) -> None:
        self.layers, self.target = None, None

    @property
    def figure(self) -> Figure | None:
        """The figure of the newest result, None before the first."""
        return None if self.result is None else self.result.figure(self.relative)

    # Computing

    def _prepare(self, job: Job) -> bool:
        return True if self._given else super()._prepare(job)

    def _compute(self, job: Job) -> Invariance:
        if self._given:
            return self._given
        transform = self.transform
        return invariance(
            job.network,
            [job.sketch] if job.sketch is not None else job.image,
            transform,
            None,
            self.layers,
            None if self.target is None else [self.target],
            progress=False,
            callback=lambda state: job.progress(state.done, state.total, transform),
        )

    # Showing

    def _present(self, result: Invariance) -> None:
        image = min(self.image, len(result) - 1)
        pictures = result.network.picture(result.images(image))
        self._looks = looks = _Looks(result, image, pictures)
        self._fill_controls(result)
        x, unit = result.values.numpy(), UNITS[result.transform]
        names = [result.name(int(label)) for label in result.targets]
        distances = (result.relative if self.relative else result.distances).numpy()
        kind = "relative distance" if self.relative else "distance"
        for chart, layer, rows in zip(self._charts, result.layers, distances, strict=False):
            chart.show(f"<b>{escape(layer)}</b>: {kind} of the features", unit, x, rows, names)
        for chart in self._charts[len(result.layers) : -1]:  # both layers are one and the same
            chart.clear()
        chance = result.probabilities.numpy()
        of = f"<b>{escape(names[0])}</b>" if len(names) == 1 else "true class"
        self._charts[-1].show(f"Probability of {of}", unit, x, chance, names)
        shown = np.unique(np.linspace(0, len(x) - 1, min(len(x), _EXAMPLES)).round()).astype(int)
        self._shown = shown.tolist()
        tiles = [result.example(looks.image, k) for k in self._shown]
        self._strip.show(Figure("", [Section("", tiles, side=84)]))
        self._stage.layout.display = ""
        self._show_value()

    def _show_nothing(self) -> None:
        self._result, self._looks = None, None
        self._stage.layout.display = "none"
        for chart in self._charts:
            chart.clear()
        self._strip.show(Figure())

    def _show_again(self, _change: Any = None) -> None:
        """The same result, shown otherwise."""
        shown = None
        while self.result is not None and shown is not self.result:  # a newer one may come meanwhile
            shown = self.result
            self._present(shown)

    def _show_value(self, _change: Any = None) -> None:
        """What is seen at the value of the slider."""
        looks = self._looks
        if looks is None:
            return
        result, x = looks.result, looks.result.values.numpy()
        k = int(np.abs(x - self.value).argmin())
        self._filling = True
        try:
            self._slider.value = k
        finally:
            self._filling = False
        self._readout.value = f"<b>{_said(result.transform, x[k])}</b>"
        self._picture.value = _png(looks.pictures[k])
        self._answers.value = _ANSWERS + _answers_html(result, looks.image, k)
        distances = result.relative if self.relative else result.distances
        for chart, rows in zip(self._charts, distances, strict=False):
            chart.mark(x[k], rows[:, k].tolist())
        self._charts[-1].mark(x[k], result.probabilities[:, k].tolist())

    def _change_transform(self, _change: Any) -> None:
        self.value = _at_rest(self.transform)
        self.refresh()

    def _slide(self, change: Any) -> None:
        if not self._filling and self._looks is not None:
            self.value = float(self._looks.result.values[change["new"]])

    def _choose_example(self, _section: int, tile: int) -> None:
        if self._looks is not None and tile < len(self._shown):
            self.value = float(self._looks.result.values[self._shown[tile]])

    def close(self) -> None:
        """Close the charts and the pictures too."""
        if not self._ended:
            super().close()
            for chart in self._charts:
                chart.close()
            for widget in (
                self._strip,
                self._slider,
                self._readout,
                self._picture,
                self._answers,
                self._style,
            ):
                widget.close()

    # Widgets

    def _make_view(self) -> None:
        self._charts = (CurveChart(), CurveChart(), CurveChart((0, 1.02), percents=True))
        self._style = ipywidgets.HTML(STYLE, layout=ipywidgets.Layout(display="none"))
        side = f"{_PICTURE}px"
        self._picture = ipywidgets.Image(
            layout=ipywidgets.Layout(
                width=side, height=side, object_fit="contain", border="1px solid var(--jp-border-color2)"
            )
        )
        self._answers = ipywidgets.HTML(
            layout=ipywidgets.Layout(flex="1 1 240px", min_width="0", margin="0 0 0 18px")
        )
        self._slider = ipywidgets.IntSlider(
            readout=False, layout=ipywidgets.Layout(flex="1 1 auto", min_width="120px", max_width="520px")
        )
        self._readout = ipywidgets.HTML(layout=ipywidgets.Layout(min_width="150px", margin="0 0 0 10px"))
        self._slider.observe(self._slide, "value")
        self._strip = _Examples(lambda: self.figure, tile=96, selectable=True)
        self._strip.on_click(self._choose_example)
        self._shown: list[int] = []
        wrap = ipywidgets.Layout(flex_flow="row wrap", overflow="visible")
        row = ipywidgets.HBox([self._picture, self._answers], layout=wrap)
        slide = ipywidgets.HBox(
            [self._slider, self._readout], layout=ipywidgets.Layout(align_items="center", margin="6px 0")
        )
        charts = ipywidgets.HBox([chart.widget for chart in self._charts], layout=wrap)
        self._stage = ipywidgets.VBox([row, slide, charts, self._strip])
        self._stage.layout.display = "none"
        self._panel = ipywidgets.VBox([self._style, self._stage])

    def _make_controls(self) -> list[ipywidgets.Widget]:
        transform = dropdown("Transform", list(RANGES))
        relative = checkbox("relative to the features' length")
        self._classes = combobox("True class", placeholder="most probable", width=270)
        self._early, self._late = dropdown("Early", ["—"]), dropdown("Late", ["—"])
        for control in (self._early, self._late):
            control.layout.width = "190px"
            control.observe(self._choose_layers, "value")
        self._images = ipywidgets.BoundedIntText(
            min=1,
            max=1,
            description="Image",
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="110px"),
        )
        self._images.observe(lambda change: setattr(self, "image", change["new"] - 1), "value")
        self._classes.value = self.target or ""
        self._classes.observe(lambda change: setattr(self, "target", change["new"] or None), "value")
        link((self, "transform"), (transform, "value"))
        link((self, "relative"), (relative, "value"))
        if self._given:
            self._images.max = len(self._given)
            return [self._images, relative] if len(self._given) > 1 else [relative]
        return [transform, self._early, self._late, self._classes, relative]

    def _fill_controls(self, result: Invariance) -> None:
        """The classes and the layers of the network, and as many values as there are."""
        self._filling = True
        try:
            self._slider.max = len(result.values) - 1
            names = result.names or ()
            if self._classes.options != names:
                self._classes.options = names
            self._classes.value = self.target or ""
            if self._given is None:
                offered = list(result.network.layers(every=True))
                for control, layer in zip((self._early, self._late), result.layers, strict=False):
                    options = [*offered, *([layer] if layer not in offered else [])]
                    if [name for name, _ in control.options] != options:
                        control.options = [(name, name) for name in options]
                    control.value = layer
        finally:
            self._filling = False

    def _choose_layers(self, _change: Any) -> None:
        if not self._filling and self._looks is not None:
            self.layers = [self._early.value, self._late.value]


def _at_rest(transform: str) -> float:
    return 1.0 if transform == "scale" else 0.0


def _said(transform: str, value: float) -> str:
    if transform == "scale":
        return f"{value:.2f} times as large"
    if transform == "rotation":
        return f"{value:g}° clockwise"
    return f"{abs(value):g} px {'down' if value >= 0 else 'up'}"


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _answers_html(result: Invariance, image: int, k: int) -> str:
    """The most probable classes as bars; the true class in the colour of its curve."""
    scores, truth = result.scores[image, k], int(result.targets[image])
    if not np.isfinite(float(scores.sum())):
        return "<div class='skw-answers-head'>not computed</div>"
    best = scores.topk(min(_BARS, len(scores))).indices.tolist()
    if truth not in best:
        best[-1] = truth
    rows = []
    for label in best:
        share, colour = float(scores[label]), COLORS[image % len(COLORS)] if label == truth else _GREY
        bar = f"<span class='skw-bar' style='width:{max(1, 100 * share):.1f}%;background:{colour}'></span>"
        name = escape(result.name(label))
        rows.append(f"<span>{name}</span>{bar}<span class='skw-number'>{escape(percent(share))}</span>")
    says = escape(result.name(int(result.answers[image, k])))
    head = f"<div class='skw-answers-head'>{escape(result.network.name)} says<br><b>{says}</b></div>"
    return f"{head}<div class='skw-answers'>{''.join(rows)}</div>"
