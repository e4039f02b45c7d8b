"""The same drawing or photo through several networks, side by side."""

from collections.abc import Sequence
from typing import Any

import ipywidgets
from torch import nn
from traitlets import Bool, Enum, Int, List, TraitError, Unicode, link, validate

from ...visualization import Figure, Network
from ..explorer._explorer import Explorer
from ..explorer._given import hint_at_source, network_of
from ..explorer._job import Job
from ..parts._controls import checkbox, combobox, dropdown
from ._alignment import Field, by_network
from ._comparison import METHODS, Comparison, compare_layers, compare_methods
from ._look import CONVOLUTIONS, DISPLAYS, RULES, LookSettings


class Compare(Explorer):
    """Puts the same picture through several networks: a column for each, with its answer and what it looks at.

    By `show`, the rows are "layers" of about the same receptive field, relative to the input, each with the
    projections of its strongest units; or the "methods" that trace a class score back to the picture: backprop,
    deconvnet, guided backprop, relevance propagation and occlusion (the comparisons of Grün et al. 2016,
    arXiv 1606.07757). The first network gives the layers that the others are matched to. Follows a pad live.

    Parameters
    ----------
    networks : two or more of what `Network.of` takes (None is the bundled recogniser); one, to compare methods. None
        in place of them all is the bundled recogniser alone.
    source : a SketchPad or SketchLab, a Sketch, or a picture as `Network.prepare` takes it.
    show : "layers" or "methods".
    top : units of each layer, 1, 4, 9 or 16.
    rule, signal, convolution : of the projections of layers, as in ProjectionPanels; signal without "class".
    methods : which methods, in order.
    class_name : the class that methods explain in the networks that know it; None for the most probable of each.
    display : "projection", "heat" or "overlay". patches : whether what the units see is shown too.

    All but `networks` and `source` are traits. `result` holds the `Comparison`. Raises TypeError for what is no
    network or source, ValueError for no networks, TraitError for other values.

    >>> networks = [sw.models.create("sketch_a_net", classes=count).eval() for count in (10, 250)]
    >>> compare = sw.Compare(networks, sw.Sketch([[(0, 0), (50, 80), (100, 0)]]), top=1)
    >>> compare.settle()
    True
    >>> [cell.field.layer for cell in compare.result.columns[1].cells]
    ['relu1', 'relu2', 'relu3', 'relu4', 'relu5']
    >>> compare.close()
    """

    show = Enum(("layers", "methods"), "layers")
    top = Int(9)
    rule = Enum(RULES, "guided")
    signal = Enum(("activation", "unit", "map"), "activation")
    convolution = Enum(CONVOLUTIONS, "standard")
    methods = List(Enum(tuple(METHODS)), default_value=list(METHODS), minlen=1)
    class_name = Unicode(None, allow_none=True)
    display = Enum(DISPLAYS, "projection")
    patches = Bool(False)

    def __init__(
        self,
        networks: Sequence[Any] | None = None,
        source: Any = None,
        *,
        show: str = "layers",
        top: int = 9,
        rule: str = "guided",
        signal: str = "activation",
        convolution: str = "standard",
        methods: Sequence[str] = tuple(METHODS),
        class_name: str | None = None,
        display: str = "projection",
        patches: bool = False,
    ) -> None:
        self.show, self.top, self.rule, self.signal, self.convolution = show, top, rule, signal, convolution
        self.methods, self.class_name = list(methods), class_name
        self.display, self.patches = display, patches
        self._networks = _checked(networks)
        self._fields: dict[nn.Module, list[Field]] = {}
        super().__init__(self._networks[0], source, controls=self._make_controls())
        self.observe(
            self.refresh,
            ["show", "top", "rule", "signal", "convolution", "methods", "class_name"],
        )
        self.observe(self._show_again, ["display", "patches"])

    @validate("top")
    def _top_is_square(self, proposal: dict[str, Any]) -> int:
        if proposal["value"] not in (1, 4, 9, 16):
            raise TraitError(f"top must be 1, 4, 9 or 16, not {proposal['value']}")
        return proposal["value"]

    def __repr__(self) -> str:
        return f"Compare({', '.join(network.name for network in self._networks)})"

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks. Assigning others computes again."""
        return self._networks

    @networks.setter
    def networks(self, networks: Sequence[Any] | None) -> None:
        self._networks = _checked(networks)
        self.network = self._networks[0]

    # Computing and showing

    def _compute(self, job: Job) -> Comparison | None:
        networks = self._networks
        images = [network.prepare(job.source) for network in networks]

        def go_on(done: int, total: int, what: str) -> None:
            job.check()
            job.progress(done, total, what)

        settings = LookSettings(None, self.top, self.rule, self.signal, self.convolution)
        if self.show == "layers":
            job.progress(0, 0, "receptive fields …")
            fields = by_network(networks, self._fields)
            parts = compare_layers(networks, images, fields, settings, go_on)
        else:
            parts = compare_methods(networks, images, self.methods, settings, self.class_name, go_on)
        newest = None
        for newest in parts:
            if not newest.complete and job.slow:
                job.preview(newest)
        return newest

    def _present(self, result: Comparison) -> Figure:
        return result.figure(self.display, self.patches)

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        rules = [("guided backprop", "guided"), "deconvnet", "backprop"]
        signals = [("unit's activation", "activation"), ("unit, 1", "unit"), ("whole map", "map")]
        made = {
            "show": dropdown("Rows", [("layers by size", "layers"), ("methods, for a class", "methods")]),
            "rule": dropdown("Rule", rules),
            "signal": dropdown("From", signals),
            "convolution": dropdown("Convolution", list(CONVOLUTIONS)),
            "top": dropdown("Units", [("1", 1), ("4", 4), ("9", 9), ("16", 16)]),
            "display": dropdown("Show", list(DISPLAYS)),
            "patches": checkbox("patches"),
        }
        for name, control in made.items():
            link((self, name), (control, "value"))
        classes = list(dict.fromkeys(name for network in self._networks for name in network.classes or ()))
        self._class = combobox("Class", classes, placeholder="most probable")
        self._class.value = self.class_name or ""
        self._class.observe(lambda change: setattr(self, "class_name", change["new"] or None), "value")
        self._of_layers = [made[name] for name in ("rule", "signal", "convolution", "top", "patches")]
        self.observe(self._fit_controls, ["show", "class_name"])
        self._fit_controls()
        controls = list(made.values())
        controls.insert(1, self._class)
        return controls

    def _fit_controls(self, _change: Any = None) -> None:
        """Show the controls that mean something for these rows."""
        by_layer = self.show == "layers"
        for control in self._of_layers:
            control.layout.display = "" if by_layer else "none"
        self._class.layout.display = "none" if by_layer else ""
        self._class.value = self.class_name or ""


def _checked(networks: Sequence[Any] | None) -> tuple[Network, ...]:
    if networks is None:
        networks = [None]  # which Network.of takes for the bundled one
    if isinstance(networks, nn.Module | Network | str) or not isinstance(networks, Sequence):
        raise TypeError(
            f"networks must be a sequence of networks, not {type(networks).__name__}"
            f"{hint_at_source(networks, Compare)}"
        )
    if not networks:
        raise ValueError("networks is empty: there is nothing to compare")
    return tuple(network_of(network, Compare) for network in networks)
