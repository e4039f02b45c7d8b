"""The ReLU figure on one's own drawing: one unit on its way down, step by step, under the three rules."""

from html import escape
from typing import Any

import ipywidgets
from traitlets import Bool, Int, TraitError, Unicode, link, validate

from ...visualization import Figure, Trace, trace
from ...visualization.projection.tracing._trace_figure import (
    TraceLook,
    detail_mosaics,
    detail_section,
    head_section,
    step_section,
    step_sentence,
    step_title,
    unit_title,
)
from ...visualization.projection.tracing._trace_pictures import as_maps
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..parts._controls import checkbox, dropdown
from ..parts.tile_grid import TileGrid
from ._number_grids import REACH, most_telling_place, number_grids

_OFFERED = 12  # units offered of a layer
_SHOWN = (("sum of channels", 0), ("1 channel", 1), ("4 channels", 4), ("9 channels", 9))
_MOST_ROWS = 30  # steps shown as rows at once
_DETAIL = 1  # the section of the view that shows the chosen step

Place = tuple[int | None, int, int]


class RuleExplorer(Explorer):
    """Walks one unit down to the pixels under backprop, deconvnet and guided backprop, side by side.

    For the chosen step: what it gave and read on the way up, with the switches of a pool; what arrives (R) and what
    is passed down (R') under each rule; a sentence and the numbers around one place, which a click chooses. Below,
    every step as a row: a click on one goes there. The rules: Zeiler & Fergus 2014; Grün et al. 2016, figure 2.

    `view` is the TileGrid of the step, `rows` that of all steps; `save_picture` writes both.

    Parameters
    ----------
    network : a Network, a Recognizer or any torch.nn.Module in eval mode; None for the bundled recogniser.
    source : a SketchPad or SketchLab, which is followed live; a Sketch; a picture, as `Network.prepare` takes it.
    layer : a name of `network.layers(every=True)`; None: the third of `network.layers()`.
    channel : the feature map; -1 for the strongest of each drawing.
    step : the title of the step to look at, as in `Trace.steps`; "" for the first ReLU below the layer.
    channels : so many of each map are shown, 0 for their sum: 0, 1, 4 or 9.
    whole : whole maps instead of where there is a signal. same_scale : one scale for all rules.

    All of these but `network` and `source` are traits. `result` holds the `Trace`. Raises TypeError for what is no
    network or source, TraitError for other values.

    >>> recognizer = sw.Recognizer.load("sketch-a-net-quickdraw345")
    >>> explorer = sw.RuleExplorer(recognizer, sw.Sketch([[(0, 0), (50, 80), (100, 0)]]), layer="relu2")
    >>> explorer.settle()
    True
    >>> explorer.result
    Trace('relu2', channel ... at (...), 5 steps)
    >>> explorer.close()
    """

    layer = Unicode(None, allow_none=True)
    channel = Int(-1)
    step = Unicode("")
    channels = Int(4)
    whole = Bool(False)
    same_scale = Bool(False)

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        layer: str | None = None,
        channel: int = -1,
        step: str = "",
        channels: int = 4,
        whole: bool = False,
        same_scale: bool = False,
    ) -> None:
        self.layer, self.channel, self.step = layer, channel, step
        self.channels, self.whole, self.same_scale = channels, whole, same_scale
        self._place: Place | None = None  # None: the most telling one
        self._pointer: tuple[int, int, float, float] | None = None
        self._clicked: tuple[int, int] | None = None  # a tile whose place under the pointer has yet to come
        self.rows = TileGrid(selectable=True, toolbar=False)
        self._rows_of: tuple[Trace, TraceLook, int] | None = None
        self._filling = False
        self._make_controls()
        super().__init__(network, source, controls=self._controls)
        # In the order in which a teacher goes on: the step, its pictures, its numbers, all steps.
        self.children = (*self.children[:-1], self._stepper, self.view, self._numbers, self.rows)
        self.view.selectable = True
        self.view.on_hover(self._remember_pointer)
        self.view.on_click(self._click)
        self.rows.on_click(self._click_row)
        self.observe(self._choose_unit_anew, ["layer"])
        self.observe(self.refresh, ["channel"])
        self.observe(self._show_again, ["step", "channels", "whole", "same_scale"])

    @validate("channels")
    def _known_number(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in [count for _, count in _SHOWN]:
            raise TraitError(f"channels must be 0, 1, 4 or 9, not {proposal['value']}")
        return proposal["value"]

    def _forget(self, network: Any) -> None:
        self.layer, self.channel = None, -1

    # Computing

    def _compute(self, job: Job) -> Trace:
        layers = job.network.layers(every=True)
        few = job.network.layers()
        layer = self.layer or few[min(2, len(few) - 1)]
        job.progress(0, 0, f"down from {layer} …")
        channel = None if self.channel < 0 else self.channel
        result = trace(job.network.module, job.image, layer, channel)
        job.check()
        if not result.steps:
            raise ValueError(f"layer {layer!r} gives the image itself: there is no way down from it")
        # As the page has it: what the pictures show of the drawing is the network's own view.
        self._picture = job.network.picture(job.image)[0]
        self._offer(layers, result)
        return result

    # Showing

    def _present(self, result: Trace) -> Figure:
        step = self._chosen(result)
        look = TraceLook(self.channels or None, self.whole, self.same_scale)
        place = self._place_on(result, step, look)
        number = result.steps.index(step) + 1
        self._tell(result, step, place)
        first = self._first_row(len(result.steps), number - 1)
        if self._rows_of != (result, look, first):
            self._rows_of = (result, look, first)
            shown = result.steps[first : first + _MOST_ROWS]
            rows = [
                step_section(result, row, look, index) for index, row in enumerate(shown, start=first + 1)
            ]
            title = "Every step"
            if len(shown) < len(result.steps):
                title = f"Steps {first + 1} to {first + len(shown)} of {len(result.steps)}"
            self.rows.show(Figure(title, rows))
        self.rows.selected = [number - 1 - first, 0]
        detail = detail_section(result, step, look, number, place, REACH)
        return Figure(unit_title(result), [head_section(result, self._picture, self.whole), detail])

    def _first_row(self, count: int, chosen: int) -> int:
        """The first of the steps that are shown as rows: all of them, or of a deep network those around the chosen one."""
        if count <= _MOST_ROWS:
            return 0
        known = self._rows_of[2] if self._rows_of is not None else 0
        if known <= chosen < known + _MOST_ROWS and known + _MOST_ROWS <= count:
            return known  # nothing moves under the pointer
        return min(max(0, chosen - _MOST_ROWS // 2), count - _MOST_ROWS)

    def _show_nothing(self) -> None:
        super()._show_nothing()
        self._rows_of = None
        self.rows.show(Figure())
        self._said.value = self._numbers.value = ""

    @property
    def figure(self) -> Figure | None:
        """What is shown: the unit, the step, and every step; None before there is anything."""
        shown = Explorer.figure.fget(self)
        return shown and Figure(shown.title, [*shown.sections, *self.rows.figure.sections])

    def _chosen(self, result: Trace) -> Any:
        """The step that is looked at."""
        for step in result.steps:
            if self.step == step.title:
                return step
        rectified = [step for step in result.steps if step.kind == "rectify" and step.above]
        return (rectified or result.steps)[0]

    def _place_on(self, result: Trace, step: Any, look: TraceLook) -> Place:
        mosaic = detail_mosaics(result, step, look)[1]
        if self._place is not None:
            channel, row, column = self._place
            maps = as_maps(step.forward_input)
            shown = channel is None if not mosaic.channels else channel in mosaic.channels
            if shown and row < maps.shape[1] and column < maps.shape[2]:
                return self._place
        channel = mosaic.channels[0] if mosaic.channels else None
        return channel, *most_telling_place(result, step, channel)

    def _tell(self, result: Trace, step: Any, place: Place) -> None:
        """The stepper, the sentences and the numbers."""
        titles = [one.title for one in result.steps]
        at = titles.index(step.title)
        self._filling = True
        try:
            options = [(step_title(one, index), one.title) for index, one in enumerate(result.steps, start=1)]
            if tuple(self._steps.options) != tuple(options):
                self._steps.options = options
            self._steps.value = step.title
        finally:
            self._filling = False
        self._up.disabled, self._down.disabled = at == 0, at == len(titles) - 1
        reports = "".join(
            f"<li><b>{escape(rule)}</b>: {escape(step.report(rule))}</li>" for rule in result.rules
        )
        if result.dead:
            said = "Nothing excites this unit: its activation is not above zero, so nothing goes down."
        else:
            said = step_sentence(step)
        self._said.value = (
            f"<div class='skw' style='max-width:60em;line-height:1.45'>{escape(said)}"
            f"<ul style='margin:2px 0 4px;padding-left:1.4em'>{reports}</ul></div>"
        )
        self._numbers.value = number_grids(result, step, *place)

    # What the person does

    def go(self, by: int) -> None:
        """Go so many steps down, or up where it is negative; stays at the ends."""
        result = self.result
        if result is not None:
            at = result.steps.index(self._chosen(result)) + by
            self._go_to(result.steps[min(max(at, 0), len(result.steps) - 1)].title)

    def look_at(self, row: int, column: int, channel: int | None = None) -> None:
        """Show the numbers around a place on the map that the chosen step read; IndexError where there is none."""
        result = self.result
        if result is None:
            raise IndexError("there is nothing to look at yet")
        maps = as_maps(self._chosen(result).forward_input)
        if not (0 <= row < maps.shape[1] and 0 <= column < maps.shape[2]) or (
            channel is not None and not 0 <= channel < len(maps)
        ):
            raise IndexError(f"no row {row}, column {column} of channel {channel} in {tuple(maps.shape)}")
        if channel is None and self.channels:
            mosaic = detail_mosaics(result, self._chosen(result), TraceLook(self.channels, self.whole))[1]
            channel = mosaic.channels[0] if mosaic.channels else None
        self._place = (channel, row, column)
        self._show_again()

    def _go_to(self, title: str) -> None:
        self._place = None
        if title == self.step:
            self._show_again()
        else:
            self.step = title

    def _remember_pointer(self, section: int | None, tile: int, x: float, y: float) -> None:
        self._pointer = None if section is None else (section, tile, x, y)
        if self._clicked is not None and self._clicked == (section, tile):
            self._click(section, tile)

    def _click(self, section: int, tile: int) -> None:
        """Go to the place in a lower picture. A click does not say where it was; the pointer does, now or soon."""
        result, self._clicked = self.result, None
        if result is None or section != _DETAIL or tile <= len(result.rules):
            return
        if self._pointer is None or self._pointer[:2] != (section, tile):
            self._clicked = (section, tile)
            return
        look = TraceLook(self.channels or None, self.whole)
        place = detail_mosaics(result, self._chosen(result), look)[1].place(*self._pointer[2:])
        if place is not None:
            self._place = place
            self._show_again()

    def _click_row(self, section: int, _tile: int) -> None:
        result = self.result
        first = self._rows_of[2] if self._rows_of is not None else 0
        if result is not None and first + section < len(result.steps):
            self._go_to(result.steps[first + section].title)

    # Controls

    def _make_controls(self) -> None:
        self._layers = dropdown("Layer", ["relu3"])
        self._units = dropdown("Unit", [("strongest", -1)])
        self._layers.layout.width, self._units.layout.width = "190px", "230px"
        shown = dropdown("Show", list(_SHOWN))
        whole, same_scale = checkbox("whole maps"), checkbox("same scale")
        for name, control in (("channels", shown), ("whole", whole), ("same_scale", same_scale)):
            link((self, name), (control, "value"))
        self._layers.observe(self._choose_layer, "value")
        self._units.observe(self._choose_unit, "value")
        self._controls = [self._layers, self._units, shown, whole, same_scale]

        self._up = ipywidgets.Button(
            description="Up", icon="arrow-up", tooltip="the step before", layout={"width": "84px"}
        )
        self._down = ipywidgets.Button(
            description="Down",
            icon="arrow-down",
            tooltip="the next step on the way down",
            layout={"width": "84px"},
        )
        self._up.on_click(lambda _button: self.go(-1))
        self._down.on_click(lambda _button: self.go(1))
        self._steps = ipywidgets.Dropdown(
            options=[""],
            description="Step",
            style={"description_width": "initial"},
            layout={"width": "330px"},
        )
        self._steps.observe(self._choose_step, "value")
        self._said = ipywidgets.HTML()
        self._numbers = ipywidgets.HTML(layout={"margin": "8px 0 0", "min_width": "0"})
        buttons = ipywidgets.HBox(
            [self._up, self._down, self._steps], layout={"flex_flow": "row wrap", "align_items": "center"}
        )
        self._stepper = ipywidgets.VBox([buttons, self._said])
        self._own = [
            buttons,
            self._up,
            self._down,
            self._steps,
            self._said,
            self._stepper,
            self._numbers,
            self.rows,
        ]

    def _offer(self, layers: tuple[str, ...], result: Trace) -> None:
        """The layers of the network, and the strongest units of this one on this drawing."""
        peaks = result.steps[0].forward_output.detach().flatten(1).amax(1)
        order = peaks.argsort(descending=True, stable=True)[:_OFFERED].tolist()
        if self.channel >= 0 and self.channel not in order:
            order.append(self.channel)
        units = [(f"strongest ({order[0]})", -1)]
        units += [(f"{unit} · {float(peaks[unit]):.3g}", unit) for unit in order]
        self._filling = True
        try:
            names = layers if result.layer in layers else (*layers, result.layer)
            if tuple(self._layers.options) != tuple((name, name) for name in names):
                self._layers.options = [(name, name) for name in names]
            self._layers.value = result.layer
            self._units.options = units
            self._units.value = self.channel
        finally:
            self._filling = False

    def _choose_layer(self, change: Any) -> None:
        if not self._filling:
            self.layer = change["new"]

    def _choose_unit_anew(self, _change: Any) -> None:
        """Another layer: a number of a channel means nothing there."""
        self._place = None
        if self.channel == -1:
            self.refresh()
        else:
            self.channel = -1

    def _choose_unit(self, change: Any) -> None:
        if not self._filling and change["new"] is not None:
            self._place = None
            self.channel = change["new"]

    def _choose_step(self, change: Any) -> None:
        if not self._filling and change["new"]:
            self._go_to(change["new"])

    def close(self) -> None:
        """End the computation and close the widgets."""
        if not self._ended:
            for widget in self._own:
                widget.close()
        super().close()
