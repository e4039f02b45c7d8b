"""Cover one part of a picture or a drawing after the other, and see what the network says."""

from collections.abc import Sequence
from typing import Any

import ipywidgets
import torch
from torch import Tensor
from traitlets import Any as AnyTrait
from traitlets import Int, TraitError, Unicode, validate

from ...visualization import Figure, Network, Occlusion, occlusion, record
from ...visualization.input_modification._patches import FILLS
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..parts._controls import combobox, dropdown, number
from ._occlusion_view import OcclusionView

_OFFERED = 12  # maps offered of a layer
_AUTOMATIC = "automatic"
_OWN = "own"
_LAST = ""  # the layer that is taken when none is named; a value of None would be no choice at all


class OcclusionExplorer(Explorer):
    """Moves a patch over a picture or a drawing, and shows what that does to a feature map and to the answer.

    The heat map lies over the picture; beside it are the three maps of Zeiler & Fergus (ECCV 2014, figure 6): the
    activity of a feature map, the probability of a class, and the most probable class, each for every position of
    the patch. Point at a place to see the picture occluded there, and what the network then says; a click keeps the
    place, and so do the arrow keys. See `sw.occlusion` for what is computed.

    Parameters
    ----------
    network : a Network, a Recognizer or a torch.nn.Module; None for the bundled recogniser.
    source : a SketchPad or SketchLab, which is followed live, a Sketch, or a picture.
    size, stride : of the patch, in pixels of the network's input; None for about a seventh of it, and half of that.
    fill : what a patch holds, as `sw.occlusion` takes it; None for "paper" in drawings and "mean" in pictures.
    target : the class whose probability is mapped, by name or index; None for the most probable one.
    layer, channel : of the feature map; None for the last map, and -1 for its most active channel.
    seed : of the fill "noise". top : how many classes are listed.

    All of these but `network` and `source` are traits; so is `cell`, [row, column] of the patch that is kept. `result`
    is the `Occlusion`. Raises TypeError for what is no network or source, TraitError for other values.

    >>> explorer = sw.OcclusionExplorer(source=sw.Sketch([[(0, 0), (50, 80), (100, 0)]]), stride=32)
    >>> explorer.settle(), explorer.result.stride
    (True, (32, 32))
    >>> explorer.close()
    """

    size = Int(None, allow_none=True)
    stride = Int(None, allow_none=True)
    fill = AnyTrait(None, allow_none=True)
    target = AnyTrait(None, allow_none=True)
    layer = Unicode(None, allow_none=True)
    channel = Int(-1)
    seed = Int(0)
    top = Int(5)

    _follows_pen = False
    _invitation = "Draw a stroke, or give a picture as the source, to cover parts of it."

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        size: int | None = None,
        stride: int | None = None,
        fill: str | float | Sequence[float] | Tensor | None = None,
        target: int | str | None = None,
        layer: str | None = None,
        channel: int = -1,
        seed: int = 0,
        top: int = 5,
    ) -> None:
        self.size, self.stride, self.fill, self.target = size, stride, fill, target
        self.layer, self.channel, self.seed, self.top = layer, channel, seed, top
        self._filling = False
        super().__init__(network, source, controls=self._make_controls(), view=OcclusionView())
        self.observe(
            self._settings_changed, ["size", "stride", "fill", "target", "layer", "channel", "seed", "top"]
        )

    @validate("size", "stride", "top")
    def _at_least_one(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] is not None and proposal["value"] < 1:
            raise TraitError(f"{proposal['trait'].name} must be at least 1, not {proposal['value']}")
        return proposal["value"]

    @validate("fill")
    def _a_fill(self, proposal: dict[str, Any]) -> Any:
        value = proposal["value"]
        if isinstance(value, str) and value not in FILLS:
            raise TraitError(
                f"fill must be one of {', '.join(map(repr, FILLS))}, a colour, or None, not {value!r}"
            )
        return value

    @property
    def cell(self) -> list[int] | None:
        """[row, column] of the patch that is kept, None for none."""
        return self.view.cell

    @cell.setter
    def cell(self, cell: Sequence[int] | None) -> None:
        self.view.cell = None if cell is None else list(cell)

    @property
    def figure(self) -> Figure | None:
        """What is shown, as a figure; None before the first result."""
        return None if self.view.occlusion is None else self.view.figure

    # Computing

    def _compute(self, job: Job) -> Occlusion:
        network = job.network
        self._offer(network)
        found = occlusion(
            network,
            job.image if job.sketch is None else job.sketch,
            self.target,
            layer=self.layer,
            channel=None if self.channel < 0 else self.channel,
            size=self._patch(network),
            stride=self._step(network),
            fill=self.fill,
            seed=self.seed,
            top=self.top,
            progress=False,
            callback=lambda state: job.progress(state.done, state.total, "moving the patch"),
        )
        if job.superseded:
            raise job.Cancelled
        self._offer_units(job, found)
        return found

    def _patch(self, network: Network) -> int:
        side = min(network.size)
        # A patch as large as the input says nothing; sizes that were chosen for another network are made to fit.
        return 2 * max(1, side // 14) if self.size is None else min(self.size, side)

    def _step(self, network: Network) -> int:
        return max(1, self._patch(network) // 2) if self.stride is None else self.stride

    # Showing

    def _present(self, result: Occlusion) -> None:
        self.view.show(result)

    def _show_nothing(self) -> None:
        self._result = None
        self.view.show(None)

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        self._size = number("Patch", 4, 512)
        self._stride = number("Stride", 1, 512)
        self._fill = dropdown("Filled with", [_AUTOMATIC, *FILLS])
        self._target_text = combobox("Class", placeholder="most probable")
        self._layers = dropdown("Layer", [("the last with maps", _LAST)])
        self._layers.layout.width = "220px"
        self._units = dropdown("Map", [("most active", -1)])
        self._units.layout.width = "210px"
        self._reflect()
        controls = {
            self._size: lambda value: setattr(self, "size", value),
            self._stride: lambda value: setattr(self, "stride", value),
            self._fill: self._choose_fill,
            self._target_text: self._choose_target,
            self._layers: self._choose_layer,
            self._units: lambda value: setattr(self, "channel", value),
        }
        for control, choose in controls.items():
            control.observe(lambda change, choose=choose: self._chosen(choose, change["new"]), "value")
        return list(controls)

    def _chosen(self, choose: Any, value: Any) -> None:
        if not self._filling:
            choose(value)

    def _choose_fill(self, value: str) -> None:
        if value != _OWN:
            self.fill = None if value == _AUTOMATIC else value

    def _choose_target(self, text: str) -> None:
        text = text.strip()
        self.target = int(text) if text.isdigit() else text or None

    def _choose_layer(self, value: str) -> None:
        with self.hold_trait_notifications():
            self.layer, self.channel = value or None, -1

    def _settings_changed(self, _change: Any) -> None:
        self._reflect()
        self.refresh()

    def _reflect(self) -> None:
        """The controls say what the traits are."""
        self._filling = True
        try:
            if self.size is not None:
                self._size.value = self.size
            if self.stride is not None:
                self._stride.value = self.stride
            if self.channel not in [value for _, value in self._units.options]:
                self._units.options = [*self._units.options, (str(self.channel), self.channel)]
            self._units.value = self.channel
            named = self.fill is None or isinstance(self.fill, str)
            options = [(_AUTOMATIC, _AUTOMATIC), *((name, name) for name in FILLS)]
            options += [] if named else [("a colour", _OWN)]
            if tuple(self._fill.options) != tuple(options):
                self._fill.options = options
            self._fill.value = (self.fill or _AUTOMATIC) if named else _OWN
            self._target_text.value = "" if self.target is None else str(self.target)
            layer = self.layer or _LAST
            if layer not in [value for _, value in self._layers.options]:
                self._layers.options = [*self._layers.options, (layer, layer)]
            self._layers.value = layer
        finally:
            self._filling = False

    def _offer_units(self, job: Job, found: Occlusion) -> None:
        """The most active maps of the layer on what is looked at."""
        maps = record(job.network.module, job.image, found.layer).maps(found.layer)[0].detach()
        activity = maps.reshape(len(maps), -1).cpu().sum(1, dtype=torch.float64)
        order = activity.argsort(descending=True, stable=True)[:_OFFERED].tolist()
        if self.channel >= 0 and self.channel not in order:
            order.append(self.channel)
        options = [(f"most active ({order[0]})", -1)]
        options += [(f"{unit} · {float(activity[unit]):.3g}", unit) for unit in order]
        self._filling = True
        try:
            self._units.options = options
            self._units.value = self.channel
        finally:
            self._filling = False

    def _offer(self, network: Network) -> None:
        """The classes and the layers of this network."""
        options = [("the last with maps", _LAST), *((name, name) for name in network.layers(every=True))]
        layer = self.layer or _LAST
        if layer not in [value for _, value in options]:
            options.append((layer, layer))
        self._filling = True
        try:
            if tuple(self._layers.options) != tuple(options):
                self._layers.options = options
                self._layers.value = layer
            self._size.value, self._stride.value = self._patch(network), self._step(network)
            names = tuple(network.classes or ())
            if self._target_text.options != names:
                self._target_text.options = names
        finally:
            self._filling = False
