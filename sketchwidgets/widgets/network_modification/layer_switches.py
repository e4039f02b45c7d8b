"""Switch layers and channels off, and watch what the network then says of the drawing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import ipywidgets
from traitlets import Dict, Enum, Int, List, TraitError, Unicode, link, validate

from ...recognition import Recognizer
from ...visualization import Ablation, AblationState, Figure, Network, ablation
from ...visualization.network_modification._off import TO, checked_off
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..parts._controls import combobox, dropdown
from ._switch_runs import GrowingRun, SeeingRun, SwitchLook, toggled_channel, toggled_layer
from ._switches_figure import MORE, ORDERS, Place, bars_section, rows_figure, said_html


class LayerSwitches(Explorer):
    """Every layer and every channel as a switch, and the prediction with everything on beside that with what is off.

    Each row shows a layer's maps of the drawing. A click on one switches it off, another one on again; the first tile
    of a row is the whole layer, and where that is off, a channel goes on alone. It follows a board while it is drawn
    on. "Which matter?" measures what each is worth to the class; see `sw.ablation` for what that means, and
    `sw.switch_off` for the same without a page.

    Parameters
    ----------
    network : a Recognizer (None: the bundled one), which sees the drawing grow and whose CNN has parts off at every
        stroke; or a Network or torch.nn.Module, which sees it once.
    source : a SketchPad or SketchLab, which is followed live, a Sketch, or a picture for a Network.
    off : for each layer the channels that are off, None for all of them.
    to : what is said by what is off, "zero", or "paper": what it says of blank paper.
    order : of the channels in a row, "excited", "worth" (once measured) or "number". shown : how many of them at first.
    label : the class whose probability is measured; None for the most probable one.
    layers : names of the layers; None for those of `Network.layers()`.

    All of these but `network` and `source` are traits. `result` holds what is said (a `SwitchedOff`), the maps, and the
    `Ablation` of each layer that was measured. Raises TypeError for what is no network or source, TraitError for other
    values.

    >>> switches = sw.LayerSwitches(source=sw.Sketch([[(0, 0), (50, 80), (100, 0)], [(30, 90), (60, 90)]]))
    >>> switches.off = {"relu1": [3], "stage4.1.relu2": None}
    >>> switches.settle()
    True
    >>> switches.result.said.off
    {'relu1': (3,), 'stage4.1.relu2': None}
    >>> switches.close()
    """

    off = Dict()
    to = Enum(TO, "zero")
    order = Enum(ORDERS, "excited")
    shown = Int(10)
    label = Unicode(None, allow_none=True)
    layers = List(Unicode(), default_value=None, allow_none=True)

    _invitation = "Draw a stroke to see which layers and channels it takes."

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        off: dict[str, Sequence[int] | None] | None = None,
        to: str = "zero",
        order: str = "excited",
        shown: int = 10,
        label: str | None = None,
        layers: Sequence[str] | None = None,
    ) -> None:
        self._recognizer = network if isinstance(network, Recognizer) else None
        self._run: GrowingRun | SeeingRun | None = None
        self._expanded: set[str] = set()
        self._places: list[list[Place]] = []
        self._asked = False  # whether what each is worth is to be measured for the drawing as it is
        self._halted = False
        self._worth: dict[str, Ablation] = {}
        self._worth_of: Any = None
        self.off, self.to, self.order, self.shown = off or {}, to, order, shown
        self.label, self.layers = label, None if layers is None else list(layers)
        super().__init__(network, source, controls=self._make_controls())
        self._beside.children = (self._said, self.view)
        self.children = (*self.children[:-1], self._beside)
        self.view.on_click(self._click)
        self.observe(self._switched, ["off"])
        self.observe(self.refresh, ["to", "label"])
        self.observe(self._other_layers, ["layers"])
        self.observe(self._show_again, ["order", "shown"])

    @validate("off")
    def _an_off(self, proposal: dict[str, Any]) -> dict[str, tuple[int, ...] | None]:
        try:
            # Whether there are such layers and channels is known with the network: then the widget says it.
            return checked_off(None, proposal["value"])
        except (TypeError, ValueError) as error:
            raise TraitError(str(error)) from None

    @validate("shown")
    def _some(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] < 1:
            raise TraitError(f"shown must be at least 1, not {proposal['value']}")
        return proposal["value"]

    @Explorer.network.getter
    def network(self) -> Network:
        """The network. Assigning another one switches everything on."""
        with self._loading:
            if self._network is None:
                self._recognizer = Recognizer.load()
                self._network = Network.of(self._recognizer)
            return self._network

    def _forget(self, network: Any) -> None:
        self._recognizer = network if isinstance(network, Recognizer) else None
        self._run, self._worth_of = None, None
        self._expanded = set()
        self.off, self.layers, self.label = {}, None, None

    @property
    def figure(self) -> Figure | None:
        """What is shown, with the prediction as a chart; None before the first result."""
        if self._result is None:
            return None
        return Figure(
            "With parts of the network off", [bars_section(self._result.said), *self.view.figure.sections]
        )

    def all_on(self) -> None:
        """Switch everything on."""
        self.off = {}

    def which_matter(self) -> None:
        """Measure what every layer and every channel is worth to the class, for the drawing as it is; any thread."""
        self._asked, self._halted = True, False
        self.refresh()

    # Computing

    def _compute(self, job: Job) -> SwitchLook:
        self._offer_classes(job.network)
        look = self._look(job)
        key = (_fingerprint(job), self.to, self.label, tuple(look.maps))
        if key != self._worth_of:
            # Of another drawing: it has to be asked for again, since it takes longer than a stroke.
            self._asked = self._asked and self._worth_of is None
            self._worth, self._worth_of = {}, key
        look = replace(look, worth=dict(self._worth))
        if self._asked and not job.unfinished:
            look = self._measure(job, look)
        return look

    def _look(self, job: Job) -> SwitchLook:
        layers = job.network.layers() if self.layers is None else tuple(self.layers)
        missing = [name for name in layers if name not in dict(job.network.module.named_modules())]
        if missing:
            raise ValueError(f"layers: the network has no layer {missing[0]!r}")
        grows = self._recognizer is not None and job.sketch is not None
        kind = GrowingRun if grows else SeeingRun
        if not isinstance(self._run, kind):
            self._run = kind(self._recognizer if grows else job.network, layers)
        if grows:
            return self._run.look(job.sketch, job.unfinished, self.off, self.to)
        return self._run.look(job.image, self.off, self.to)

    def _measure(self, job: Job, look: SwitchLook) -> SwitchLook:
        """What is not known yet, layer by layer; a click meanwhile begins again at the layer under way."""
        job.preview(look)
        source = job.sketch if isinstance(self._run, GrowingRun) else job.image
        asked = self._recognizer if isinstance(self._run, GrowingRun) else job.network
        counts = {layer: 1 + len(maps) for layer, maps in look.maps.items()}
        for layer in look.maps:
            if layer in self._worth:
                continue
            before, here = sum(counts[name] for name in self._worth), counts[layer]

            def go_on(state: AblationState, before: int = before, here: int = here) -> bool:
                done = before + round(here * state.done / state.total)
                return job.progress(done, sum(counts.values()), "switching off one after the other")

            found = ablation(asked, source, [layer], self.label, to=self.to, progress=False, callback=go_on)
            if job.cancelled:
                self._asked, self._halted = job.superseded, not job.superseded
                break
            self._worth[layer] = found
            look = replace(look, worth=dict(self._worth))
            job.preview(look)
        else:
            self._asked = False
        if job.superseded:
            raise job.Cancelled
        return look

    def _press(self) -> None:
        with self._state:
            busy = self._job is not None
        if not busy and self._halted:
            self.which_matter()
        else:
            super()._press()

    # Showing

    def _present(self, result: SwitchLook) -> Figure:
        if self._worth and not result.worth:
            result = replace(result, worth=dict(self._worth))
        figure, self._places = rows_figure(result, self.off, self.order, self.shown, self._expanded)
        self._said.value = said_html(result.said, self.to)
        self._all_on.disabled = not self.off
        self._ask.disabled = self._asked
        return figure

    def _show_nothing(self) -> None:
        self._said.value = ""
        self._places = []
        super()._show_nothing()

    def _switched(self, _change: Any) -> None:
        self._show_again()  # the crosses at once, what it says then in a moment
        self.refresh()

    def _other_layers(self, _change: Any) -> None:
        self._run = None
        self.refresh()

    def _click(self, section: int, tile: int) -> None:
        if self._result is None or section >= len(self._places) or tile >= len(self._places[section]):
            return
        layer, channel = self._places[section][tile]
        if channel == MORE:
            self._expanded ^= {layer}
            self._show_again()
        elif channel is None:
            self.off = toggled_layer(self.off, layer)
        else:
            self.off = toggled_channel(self.off, layer, channel, len(self._result.maps[layer]))

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        instead = dropdown("Off means", [("zero", "zero"), ("as on blank paper", "paper")])
        order = dropdown(
            "Order", [("most excited", "excited"), ("what matters most", "worth"), ("by number", "number")]
        )
        link((self, "to"), (instead, "value"))
        link((self, "order"), (order, "value"))
        self._classes = combobox("Class", placeholder="most probable")
        self._classes.value = self.label or ""
        self._classes.observe(self._choose_class, "value")
        self._all_on = ipywidgets.Button(description="All on", disabled=True)
        self._all_on.on_click(lambda _button: self.all_on())
        self._ask = ipywidgets.Button(
            description="Which matter?", tooltip="Measure what every layer and channel is worth to the class"
        )
        self._ask.on_click(lambda _button: self._ask_and_sort())
        for button, width in ((self._all_on, "80px"), (self._ask, "120px")):
            button.layout.width = width
        self._said = ipywidgets.HTML()
        self._said.add_class("skw-switches-prediction")
        self._beside = ipywidgets.HBox([self._said])
        self._beside.add_class("skw-switches")
        return [self._all_on, self._ask, order, instead, self._classes]

    def _ask_and_sort(self) -> None:
        self.order = "worth"
        self.which_matter()

    def _offer_classes(self, network: Network) -> None:
        names = network.classes or ()
        if tuple(self._classes.options) != tuple(names):
            self._classes.options = names

    def _choose_class(self, change: Any) -> None:
        self.label = change["new"] or None

    def close(self) -> None:
        """End the computation and close the widgets."""
        if not self._ended:
            self._said.close()
            self._beside.close()
        super().close()


def _fingerprint(job: Job) -> Any:
    """What tells one drawing or picture from another."""
    if job.sketch is not None:
        return job.sketch.points.tobytes(), job.sketch.lengths.tobytes()
    return job.image.cpu().float().numpy().tobytes()
