"""Look into any network: every layer projected back to a drawing or a photo, and what speaks for a class."""

from collections.abc import Sequence
from typing import Any

import ipywidgets
from traitlets import Bool, Enum, Int, List, TraitError, Unicode, link, validate

from ...visualization import Figure, Network
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..explorer._layer_tags import LayerTags
from ..parts._controls import checkbox, combobox, dropdown, number
from ._look import CONVOLUTIONS, DISPLAYS, RULES, SIGNALS, Look, LookSettings, look
from ._look_figure import head_tile


class ProjectionPanels(Explorer):
    """Looks into a network at the drawing on a pad or at a photo: what it says, and its layers projected back.

    For each layer, the strongest units are projected back to the pixels (Zeiler & Fergus 2014; Grün et al. 2016),
    each above the part of the picture that it sees. Pointing at one shows where that is; clicking shows it large.

    Parameters
    ----------
    network : a Network, a Recognizer or any torch.nn.Module in eval mode; None for the bundled recogniser.
    source : a SketchPad or SketchLab, which is followed live; a Sketch; a picture, as `Network.prepare` takes it.
    layers : names as in `sw.project`; None for the last activation of each resolution. `network.layers(every=True)`
        lists all.
    top : units of each layer, 1 to 16.
    rule : "guided", "deconvnet" or "backprop".
    signal : what starts at the top: the unit's "activation", 1 ("unit"), the whole "map", or the score of a "class".
    class_name : with the signal "class", whose score; None for the most probable class.
    convolution : "standard", or "relevance" (relevance propagation, as in FeatureVis).
    display : "projection" (signed, grey is zero), "heat" (its norm over the colours) or "overlay" on the picture.
    patches : whether the parts of the picture are shown below the projections.
    crop : "signal" (default), of what a unit sees as much as holds what excites it, the units of a layer at one scale; or
        "field", all that it sees. full : whether projections are shown on the whole picture instead.

    All of these but `network` and `source` are traits: change them in the page or in code, and observe them.
    `result` holds the `Look`. Raises TypeError for what is no network or source, TraitError for other values.

    >>> panels = sw.ProjectionPanels(source=sw.Sketch([[(0, 0), (50, 80), (100, 0)]]), top=4)
    >>> panels.settle()
    True
    >>> tuple(panels.result.projections) == panels.network.layers()
    True
    >>> panels.close()
    """

    layers = List(Unicode(), default_value=None, allow_none=True)
    top = Int(9)
    rule = Enum(RULES, "guided")
    signal = Enum(SIGNALS, "activation")
    class_name = Unicode(None, allow_none=True)
    convolution = Enum(CONVOLUTIONS, "standard")
    display = Enum(DISPLAYS, "projection")
    patches = Bool(True)
    crop = Enum(("signal", "field"), "signal")
    full = Bool(False)

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        layers: Sequence[str] | None = None,
        top: int = 9,
        rule: str = "guided",
        signal: str = "activation",
        class_name: str | None = None,
        convolution: str = "standard",
        display: str = "projection",
        patches: bool = True,
        crop: str = "signal",
        full: bool = False,
    ) -> None:
        self.layers = None if layers is None else list(layers)
        self.top, self.rule, self.signal, self.class_name = top, rule, signal, class_name
        self.convolution, self.display, self.patches = convolution, display, patches
        self.crop, self.full = crop, full
        self._tags = LayerTags(self._choose_layers)
        self._classes = combobox("Class", placeholder="most probable")
        # (section, tile) that the pointer is over, or was clicked last: its box is on the picture.
        self._pointed: tuple[int, int] | None = None
        self._clicked: tuple[int, int] | None = None
        self._shown: Look | None = None  # also one that is not complete
        super().__init__(network, source, controls=self._make_controls())
        self.observe(self.refresh, ["layers", "top", "rule", "signal", "class_name", "convolution"])
        self.observe(self._show_again, ["display", "patches", "crop", "full"])
        self.view.on_hover(lambda section, tile, _x, _y: self._hover(section, tile))
        self.view.on_click(self._click)

    @validate("top")
    def _top_in_range(self, proposal: dict[str, Any]) -> int:
        if not 1 <= proposal["value"] <= 16:
            raise TraitError(f"top must be between 1 and 16, not {proposal['value']}")
        return proposal["value"]

    def _forget(self, network: Any) -> None:
        self.layers, self.class_name = None, None

    # Computing and showing

    def _compute(self, job: Job) -> Look | None:
        settings = self._settings(job.network)
        layers = settings.layers or job.network.layers()
        self._tags.show(job.network.layers(every=True), layers)
        names = job.network.classes or ()
        if self._classes.options != names:
            self._classes.options = names
        count = 1 if settings.signal == "class" else len(layers)
        newest, done = None, 0

        def go_on(what: str) -> None:
            job.check()
            job.progress(done, count, what)

        for newest in look(job.network, job.image, settings, go_on):
            done = len(newest.projections)
            if not newest.complete and job.slow:
                job.preview(newest)
        return newest

    def _settings(self, network: Network) -> LookSettings:
        index = None
        if self.class_name is not None:
            names = network.classes or ()
            if self.class_name not in names:
                raise ValueError(f"class_name: {network.name} knows no class {self.class_name!r}")
            index = names.index(self.class_name)
        layers = None if self.layers is None else tuple(self.layers)
        return LookSettings(layers, self.top, self.rule, self.signal, self.convolution, index)

    def _present(self, result: Look) -> Figure:
        self._shown, self._pointed, self._clicked = result, None, None
        return result.figure(self.display, self.patches, self.full, self.crop)

    def _hover(self, section: int | None, tile: int) -> None:
        self._point(self._clicked if section is None else (section, tile))

    def _click(self, section: int, tile: int) -> None:
        self._clicked = (section, tile)
        self._point(self._clicked)

    def _point(self, place: tuple[int, int] | None) -> None:
        """Outline on the picture what the unit of a tile (section, tile) sees."""
        look = self._shown
        if look is None or look.class_projection is not None or place == self._pointed:
            return
        self._pointed = place
        if self.view.figure.sections:  # else the drawing has gone meanwhile
            self.view.update_tiles(0, {0: head_tile(look, _box_of(look, place))})

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        made = {
            "rule": dropdown("Rule", [("guided backprop", "guided"), "deconvnet", "backprop"]),
            "signal": dropdown(
                "From",
                [
                    ("unit's activation", "activation"),
                    ("unit, 1", "unit"),
                    ("whole map", "map"),
                    ("class score", "class"),
                ],
            ),
            "convolution": dropdown("Convolution", ["standard", "relevance"]),
            "display": dropdown("Show", ["projection", "heat", "overlay"]),
            "top": number("Units", 1, 16),
            "patches": checkbox("patches"),
            "crop": dropdown("Crop", ["signal", "field"]),
            "full": checkbox("whole picture"),
        }
        for name, control in made.items():
            link((self, name), (control, "value"))
        self._classes.value = self.class_name or ""
        self._classes.observe(self._choose_class, "value")
        self.observe(self._fit_controls, ["signal", "class_name"])
        order = ["rule", "signal", "convolution", "display", "top", "crop", "patches", "full"]
        self._of_units = [made[name] for name in ("display", "top", "crop", "patches", "full")] + [self._tags]
        controls = [made[name] for name in order]
        controls.insert(2, self._classes)
        controls.append(self._tags)
        self._fit_controls()
        return controls

    def _fit_controls(self, _change: Any = None) -> None:
        """Show the controls that mean something for what is started from."""
        is_class = self.signal == "class"
        self._classes.layout.display = "" if is_class else "none"
        for control in self._of_units:
            control.layout.display = "none" if is_class else ""
        self._classes.value = self.class_name or ""

    def _choose_class(self, change: Any) -> None:
        self.class_name = change["new"] or None

    def _choose_layers(self, layers: tuple[str, ...]) -> None:
        default = self.network.layers()
        self.layers = None if layers in ((), default) else list(layers)


def _box_of(look: Look, place: tuple[int, int] | None) -> tuple[int, int, int, int] | None:
    """What the unit of a tile sees; None for one that sees nothing, or everything."""
    if place is None or not 1 <= place[0] <= len(look.projections):
        return None
    layer = list(look.projections.values())[place[0] - 1]
    rank = place[1] % layer.channels.shape[1]
    return None if layer.signal == "map" or layer.dead[0, rank] else tuple(layer.boxes[0, rank].tolist())
