"""Which stroke does what: the drawing with its strokes coloured, and what the network says without each of them."""

from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets
import numpy as np
from traitlets import Enum, Int, TraitError, Unicode, link, validate

from ...recognition import Recognizer
from ...sketch import Sketch
from ...visualization import (
    Chart,
    Figure,
    Network,
    Section,
    StrokeAttribution,
    StrokeOcclusion,
    StrokeOcclusionState,
    Tile,
    stroke_attribution,
    stroke_occlusion,
)
from ...visualization.figures._numbers import percent, short
from ...visualization.input_modification import _stroke_figures as pictures
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..parts._controls import combobox, dropdown

METHODS = ("leave_out", "gradient", "unit")
_OFFERED = 12  # units offered of a layer
_LARGE, _SMALL = 224, 112
_DRAWING, _WITHOUT, _BARS, _STEPS = range(4)  # tiles of the first section
_LISTED = 1  # the section with a tile for each stroke


@dataclass(frozen=True, eq=False)
class StrokeLook:
    """What a StrokeExplorer shows: the drawing without each stroke, and who drives what, by the chosen method.

    occlusion : of the class, with the maps of the chosen unit where there is one. attribution : by "gradient" or of
    the unit; None by "leave_out".
    """

    method: str
    occlusion: StrokeOcclusion
    attribution: StrokeAttribution | None = None

    @property
    def sketch(self) -> Sketch:
        return self.occlusion.sketch

    @property
    def values(self) -> np.ndarray:
        """(S,) what each stroke does, by the method."""
        return self.occlusion.effect if self.attribution is None else self.attribution.strokes


class StrokeExplorer(Explorer):
    """Shows what every stroke of a drawing does for a class or for a unit, and the drawing without it.

    The strokes are coloured by the chosen method: red works for it, blue against it. Point at a stroke, in the
    drawing or in the row below, to see the drawing without it and what the network then says; a click keeps it.

    Parameters
    ----------
    network : a Recognizer (None: the bundled one), which is asked stroke by stroke as in live use; or a Network or
        torch.nn.Module, which sees the drawing once.
    source : a SketchPad or SketchLab, which is followed live, or a Sketch.
    method : "leave_out" (by how much the class becomes less probable without the stroke), "gradient" (through the
        network and the rasterizer, see `sw.stroke_attribution`) or "unit" (a projection of a unit, added up along
        the strokes).
    label : the class; None for the most probable one.
    layer, channel : of the unit; None and -1 for the third of `network.layers()` and its strongest channel.
    rule : of the unit's projection.
    stroke : the stroke that is looked at, from 0; -1 for none.

    All of these but `network` and `source` are traits. `result` holds the occlusion and the attribution. Raises
    TypeError for what is no network or source, TraitError for other values.

    >>> explorer = sw.StrokeExplorer(source=sw.Sketch([[(0, 0), (50, 80), (100, 0)], [(30, 90), (60, 90)]]))
    >>> explorer.settle()
    True
    >>> len(explorer.result.values)
    2
    >>> explorer.close()
    """

    method = Enum(METHODS, "leave_out")
    label = Unicode(None, allow_none=True)
    layer = Unicode(None, allow_none=True)
    channel = Int(-1)
    rule = Enum(("guided", "deconvnet", "backprop"), "guided")
    stroke = Int(-1)

    _follows_pen = False
    _invitation = "Draw a stroke to see what it does."

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        method: str = "leave_out",
        label: str | None = None,
        layer: str | None = None,
        channel: int = -1,
        rule: str = "guided",
        stroke: int = -1,
    ) -> None:
        self.method, self.label, self.layer, self.channel = method, label, layer, channel
        self.rule, self.stroke = rule, stroke
        self._recognizer = network if isinstance(network, Recognizer) else None
        self._pointed = -1  # the stroke under the pointer
        self._filling = False
        super().__init__(network, source, controls=self._make_controls())
        self.children = (*self.children[:-1], self._said, self.view)
        self.view.selectable = True
        self.view.on_hover(self._point)
        self.view.on_click(self._click)
        self.observe(self.refresh, ["method", "label", "channel", "rule"])
        self.observe(self._choose_unit_anew, ["layer"])
        self.observe(self._show_stroke, ["stroke"])

    @validate("stroke")
    def _a_stroke_or_none(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] < -1:
            raise TraitError(f"stroke must be -1 for none, or count from 0, not {proposal['value']}")
        return proposal["value"]

    @Explorer.network.getter
    def network(self) -> Network:
        """The network. Assigning another one goes back to the most probable class and the default layer."""
        with self._loading:
            if self._network is None:
                self._recognizer = Recognizer.load()
                self._network = Network.of(self._recognizer)
            return self._network

    def _forget(self, network: Any) -> None:
        self._recognizer = network if isinstance(network, Recognizer) else None
        self.label, self.layer, self.channel = None, None, -1

    # Computing

    def _compute(self, job: Job) -> StrokeLook:
        if job.sketch is None:
            raise ValueError("source is a picture, which has no strokes; give a SketchPad or a Sketch")
        asked = self._recognizer or job.network
        method = self.method
        self._offer_classes(job.network)
        attribution, watched = None, {}
        if method != "leave_out":
            job.progress(0, 0, "who drives it …")
            if method == "gradient":
                attribution = stroke_attribution(asked, job.sketch, self.label)
            else:
                layer, channel = self._unit(job)
                attribution = stroke_attribution(
                    job.network, job.sketch, layer=layer, channel=channel, rule=self.rule
                )
                watched = {"layers": [layer], "channels": [channel]}
            job.check()

        def go_on(so_far: StrokeOcclusionState) -> bool:
            if not job.progress(so_far.done, so_far.total, "leaving strokes out"):
                raise job.Cancelled
            if so_far.done in (1, so_far.total // 2):
                job.preview(StrokeLook(method, so_far.result, attribution))
            return True

        occlusion = stroke_occlusion(asked, job.sketch, self.label, progress=False, callback=go_on, **watched)
        return StrokeLook(method, occlusion, attribution)

    def _unit(self, job: Job) -> tuple[str, int]:
        """Layer and channel of the unit; also offers the layers, and the strongest units of this one."""
        from ...visualization import record

        layers = job.network.layers(every=True)
        few = job.network.layers()
        layer = self.layer or few[min(2, len(few) - 1)]
        peaks = record(job.network.module, job.image, layer).maps(layer)[0].flatten(1).amax(1)
        order = peaks.argsort(descending=True, stable=True)[:_OFFERED].tolist()
        channel = order[0] if self.channel < 0 else self.channel
        if not 0 <= channel < len(peaks):
            raise ValueError(f"channel {channel} is not one of the {len(peaks)} of layer {layer!r}")
        offered = [*order, *([channel] if channel not in order else [])]
        self._filling = True
        try:
            names = layers if layer in layers else (*layers, layer)
            if tuple(self._layers.options) != tuple((name, name) for name in names):
                self._layers.options = [(name, name) for name in names]
            self._layers.value = layer
            self._units.options = [
                (f"strongest ({order[0]})", -1),
                *((f"{unit} · {float(peaks[unit]):.3g}", unit) for unit in offered),
            ]
            self._units.value = self.channel
        finally:
            self._filling = False
        return layer, channel

    # Showing

    def _present(self, result: StrokeLook) -> Figure:
        stroke = self._looked_at(result)
        self._say(result, stroke)
        occlusion = result.occlusion
        tiles = [self._coloured(result), self._without(result, stroke), self._bars(result)]
        steps = self._steps(result, stroke)
        first = Section("", [*tiles, *([] if steps is None else [steps])], side=_LARGE)
        watched = f"the probability of “{occlusion.name}”"
        for layer, effects in occlusion.layers.items():
            watched = f"the maximum of {layer}/{int(effects.channels[0])} on what is left"
        listed = Section(
            "Without each stroke",
            pictures.leave_out_tiles(occlusion),
            caption=f"The faint stroke is left out; below, {watched}.",
            side=_SMALL,
        )
        only = Section("Only that stroke", pictures.only_tiles(occlusion), side=_SMALL)
        return Figure(self._title(result), [first, listed, only])

    def _title(self, result: StrokeLook) -> str:
        if result.attribution is not None and result.method == "unit":
            return f"What drives {result.attribution.target}"
        return f"What speaks for “{result.occlusion.name}” ({percent(result.occlusion.probability)})"

    def _coloured(self, result: StrokeLook) -> Tile:
        if result.attribution is None:
            return pictures.occlusion_tile(result.occlusion, _LARGE)
        return pictures.attribution_tile(result.attribution, _LARGE)

    def _without(self, result: StrokeLook, stroke: int) -> Tile:
        count = len(result.sketch)
        if stroke < 0:
            return pictures.kept_tile(result.sketch, range(count), "all strokes", side=_LARGE)
        kept = [i for i in range(count) if i != stroke]
        share = percent(result.occlusion.without[stroke])
        return pictures.kept_tile(
            result.sketch,
            kept,
            f"without stroke {stroke + 1}: {result.occlusion.name} {share}",
            self._sentence(result, stroke),
            side=_LARGE,
        )

    def _bars(self, result: StrokeLook) -> Chart:
        if result.attribution is None:
            return pictures.effect_chart(result.occlusion)
        return pictures.attribution_chart(result.attribution)

    def _steps(self, result: StrokeLook, stroke: int) -> Chart | None:
        chosen = None if stroke < 0 else [stroke]
        return pictures.steps_chart(result.occlusion, chosen)

    def _say(self, result: StrokeLook, stroke: int) -> None:
        self._said.value = (
            "<div class='skw' style='min-height:2.8em;line-height:1.4;max-width:60em'>"
            f"{escape(self._sentence(result, stroke))}</div>"
        )

    def _sentence(self, result: StrokeLook, stroke: int) -> str:
        occlusion = result.occlusion
        if stroke < 0:
            return f"The whole drawing: {pictures.answer(occlusion)}. Point at a stroke to take it away."
        text = f"Without stroke {stroke + 1}"
        if np.isnan(occlusion.without[stroke]):
            return (
                f"{text} there is nothing left to see."
                if len(result.sketch) == 1
                else f"{text}: not yet known."
            )
        text += (
            f", {occlusion.name} goes from {percent(occlusion.probability)} to "
            f"{percent(occlusion.without[stroke])}. The network says {pictures.answer(occlusion, stroke)}."
        )
        for layer, effects in occlusion.layers.items():
            unit = f"{layer}/{int(effects.channels[0])}"
            text += (
                f" The maximum of {unit} goes from {short(float(effects.peaks[0]))} to "
                f"{short(float(effects.without[stroke, 0]))}."
            )
        return text

    # What the person does

    def _looked_at(self, result: StrokeLook) -> int:
        stroke = self._pointed if self._pointed >= 0 else self.stroke
        return stroke if stroke < len(result.sketch) else -1

    def _point(self, section: int | None, tile: int, x: float, y: float) -> None:
        pointed = self._stroke_at(section, tile, x, y)
        if pointed != self._pointed:
            self._pointed = pointed
            self._show_stroke()

    def _click(self, section: int, tile: int) -> None:
        result = self.result
        if result is None:
            return
        # In the drawing, the stroke that the pointer is at; by key, and elsewhere in it, none.
        stroke = tile if section in (_LISTED, _LISTED + 1) else self._pointed
        self._pointed = -1
        self.stroke = -1 if stroke == self.stroke else stroke
        self._show_stroke()

    def _stroke_at(self, section: int | None, tile: int, x: float, y: float) -> int:
        """The stroke that a place of the page belongs to; -1 for none."""
        result = self.result
        if section is None or result is None:
            return -1
        if section in (_LISTED, _LISTED + 1):
            return tile if tile < len(result.sketch) else -1
        if section == 0 and tile in (_DRAWING, _WITHOUT):
            return pictures.nearest_stroke(result.sketch, x, y, _LARGE)
        return -1

    def _show_stroke(self, _change: Any = None) -> None:
        """Only what depends on the stroke that is looked at."""
        result = self.result
        if result is None or not self.view.figure.sections:
            return
        stroke = self._looked_at(result)
        self._say(result, stroke)
        tiles: dict[int, Tile | Chart] = {_WITHOUT: self._without(result, stroke)}
        steps = self._steps(result, stroke)
        if steps is not None:
            tiles[_STEPS] = steps
        with suppress(IndexError):  # another figure has come meanwhile, and shows it
            self.view.update_tiles(0, tiles)

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        methods = dropdown(
            "Method",
            [("leave it out", "leave_out"), ("gradient of its ink", "gradient"), ("along a unit", "unit")],
        )
        rules = dropdown("Rule", [("guided backprop", "guided"), "deconvnet", "backprop"])
        link((self, "method"), (methods, "value"))
        link((self, "rule"), (rules, "value"))
        self._classes = combobox("Class", placeholder="most probable")
        self._classes.value = self.label or ""
        self._classes.observe(self._choose_class, "value")
        self._layers, self._units = dropdown("Layer", ["—"]), dropdown("Unit", [("strongest", -1)])
        self._layers.layout.width, self._units.layout.width = "170px", "220px"
        self._layers.observe(self._choose_layer, "value")
        self._units.observe(self._choose_unit, "value")
        self._of_unit = [self._layers, self._units, rules]
        self._said = ipywidgets.HTML()
        self.observe(self._fit_controls, ["method", "label"])
        self._fit_controls()
        return [methods, self._classes, *self._of_unit]

    def _fit_controls(self, _change: Any = None) -> None:
        for control in self._of_unit:
            control.layout.display = "" if self.method == "unit" else "none"
        self._classes.value = self.label or ""

    def _offer_classes(self, network: Network) -> None:
        names = network.classes or ()
        if tuple(self._classes.options) != tuple(names):
            self._classes.options = names

    def _choose_class(self, change: Any) -> None:
        self.label = change["new"] or None

    def _choose_layer(self, change: Any) -> None:
        if not self._filling:
            self.layer = change["new"]

    def _choose_unit(self, change: Any) -> None:
        if not self._filling and change["new"] is not None:
            self.channel = change["new"]

    def _choose_unit_anew(self, _change: Any) -> None:
        """Another layer: a number of a channel means nothing there."""
        if self.channel == -1:
            self.refresh()
        else:
            self.channel = -1

    def close(self) -> None:
        """End the computation and close the widgets."""
        if not self._ended:
            self._said.close()
        super().close()
