"""Reconstructions in the making: maximise a class or a channel, or invert what is drawn."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from traitlets import Enum, Int, List, TraitError, Unicode, link, validate

from ...visualization import (
    INVERT_METHODS,
    MAXIMIZE_METHODS,
    Figure,
    Inversions,
    MaximizeSettings,
    Network,
    Reconstruction,
    ReconstructionState,
    Tile,
    invert,
    maximize,
)
from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..explorer._layer_tags import LayerTags
from ..parts._controls import combobox, dropdown, number
from ._reconstruction_figure import Making

MODES = ("class", "channel", "invert")
POSITIONS = ("centre", "all")

_EVERY = 0.4  # seconds between two previews
# On blank paper gradients are hundreds of times smaller than on photos, for which the rates were published, and of one
# network they are several times those of another. So a constant rate is chosen by what its first step does to blank
# paper: so many grey levels, the mean over the pixels. With fewer, set b leaves the paper blank; with more, it is noise.
_INK_LEVELS = 1.3
_TRIED = 1e6

_MAXIMIZE = [
    ("drawings", "sketch"),
    ("photos", "photo"),
    ("Simonyan 2013", "simonyan"),
    *((f"Yosinski 2015 {letter}", f"yosinski-{letter}") for letter in "abcd"),
]
_INVERT = [
    ("drawings", "sketch"),
    ("photos", "photo"),
    ("Mahendran 2015", "mahendran"),
    ("FeatureVis", "featurevis"),
]


class ReconstructionView(Explorer):
    """Watch an image being made that excites a class or a channel, or that has the features of what is drawn.

    The picture and its objective are shown every few steps; Cancel keeps what there is. A change of a setting, and in mode
    "invert" a new stroke, starts anew.

    Parameters
    ----------
    network : a Network, a Recognizer or any torch.nn.Module in eval mode; None for the bundled recogniser.
    source : for mode "invert": a SketchPad or SketchLab, which is followed; a Sketch; a picture, as
        `Network.prepare` takes it.
    mode : "class", maximise a class score; "channel", maximise a unit or a channel of a layer; "invert", what each of
        some layers knows of the source. None: "invert" with a source, else "class".
    class_name : of mode "class"; None: a cat, or the first class there is. Of a network without class names, the
        output of number `channel`.
    layer, channel, position : of mode "channel"; layer None is the last of `network.layers()`, position "centre" or "all".
    layers : of mode "invert"; None for every other one of `network.layers()` and the class scores.
    method : a preset of `sw.maximize` or `sw.invert`; None for the one for drawings or for photos. On a network of
        drawings the rates of "yosinski-a" to "-c" are multiplied by 100,000, since on blank paper gradients are small.
    steps : 5 to 2000. images : 1 to 6, from different seeds, not of mode "invert".

    All of these but `network` and `source` are traits: change them in the page or in code, and observe them.
    `result` holds the newest `Reconstruction` or `Inversions`. Raises TypeError for what is no network or source,
    TraitError for other values.

    >>> view = sw.ReconstructionView(class_name="house", steps=5)
    >>> view.settle()
    True
    >>> view.result
    Reconstruction(maximize the output, 'sketch', 1 images, 5 steps)
    >>> view.close()
    """

    mode = Enum(MODES, "class")
    class_name = Unicode(None, allow_none=True)
    layer = Unicode(None, allow_none=True)
    channel = Int(0)
    position = Enum(POSITIONS, "centre")
    layers = List(Unicode(), default_value=None, allow_none=True)
    method = Unicode(None, allow_none=True)
    steps = Int(100)
    images = Int(1)

    _follows_pen = False
    _invitation = "Draw a stroke, or give a picture as the source, to invert it."

    def __init__(
        self,
        network: Any = None,
        source: Any = None,
        *,
        mode: str | None = None,
        class_name: str | None = None,
        layer: str | None = None,
        channel: int = 0,
        position: str = "centre",
        layers: Sequence[str] | None = None,
        method: str | None = None,
        steps: int = 100,
        images: int = 1,
    ) -> None:
        self.mode = ("class" if source is None else "invert") if mode is None else mode
        self.class_name, self.layer, self.channel, self.position = class_name, layer, channel, position
        self.layers = None if layers is None else list(layers)
        self.method, self.steps, self.images = method, steps, images
        super().__init__(network, source, controls=self._make_controls())
        names = ["class_name", "layer", "channel", "position", "layers", "method", "steps", "images"]
        self.observe(self.refresh, names)
        self.observe(self._change_mode, "mode")

    @property
    def _needs_source(self) -> bool:  # type: ignore[override]
        return self.mode == "invert"

    @validate("steps")
    def _steps_in_range(self, proposal: dict[str, Any]) -> int:
        return _in_range("steps", proposal["value"], 5, 2000)

    @validate("images")
    def _images_in_range(self, proposal: dict[str, Any]) -> int:
        return _in_range("images", proposal["value"], 1, 6)

    @validate("channel")
    def _channel_in_range(self, proposal: dict[str, Any]) -> int:
        return _in_range("channel", proposal["value"], 0, 1_000_000)

    @validate("method")
    def _method_of_mode(self, proposal: dict[str, Any]) -> str | None:
        known = INVERT_METHODS if self.mode == "invert" else MAXIMIZE_METHODS
        if proposal["value"] is not None and proposal["value"] not in known:
            raise TraitError(f"method must be None or one of {', '.join(known)}, not {proposal['value']!r}")
        return proposal["value"]

    def _forget(self, network: Any) -> None:
        self.class_name, self.layer, self.layers = None, None, None

    def _on_drawing(self) -> None:
        if self.mode == "invert":
            super()._on_drawing()

    # Computing and showing

    def _compute(self, job: Job) -> Reconstruction | Inversions:
        self._offer(job.network)
        self._show_running(True)
        try:
            return self._invert(job) if self.mode == "invert" else self._maximize(job)
        finally:
            self._show_running(False)

    def _maximize(self, job: Job) -> Reconstruction:
        network = job.network
        if self.mode == "channel":
            layer, channel = self.layer or network.layers()[-1], self.channel
            name = f"channel {channel}"
            target = f"{name} of {layer}"
        else:
            layer, channel = None, self._class(network)
            name = target = channel if isinstance(channel, str) else f"output {channel}"
        count = self.images
        position = "all" if self.mode == "channel" and self.position == "all" else None
        making = Making(
            f"{network.name}: maximise {target}",
            [name] if count == 1 else [f"{name}, seed {seed}" for seed in range(count)],
            "activation − penalties",
            side=_side(count),
        )
        return maximize(
            network,
            layer,
            channel,
            position,
            seed=range(count),
            method=self.method,
            steps=self.steps,
            progress=False,
            callback=self._follow(job, making, self.steps),
            **self._rate(network, layer, channel, position),
        )

    def _invert(self, job: Job) -> Inversions:
        layers = list(self.layers or _default_layers(job.network))
        making = Making(
            f"{job.network.name}: the input, from its features",
            layers,
            "energy",
            heading="What each layer knows of it",
            before=(Tile(job.network.picture(job.image)[0], "the input", smooth=True),),
            side=_side(len(layers) + 1),
            log=True,
            shows_way=False,
        )
        return invert(
            job.network,
            job.image,
            layers,
            method=self.method,
            steps=self.steps,
            repeats=1,
            progress=False,
            callback=self._follow(job, making, self.steps * len(layers)),
        )

    def _follow(self, job: Job, making: Making, total: int) -> Callable[[ReconstructionState], bool]:
        """A callback that shows what there is every now and then, until it is no longer wanted."""
        shown = done = 0.0

        def follow(state: ReconstructionState) -> bool:
            nonlocal shown, done
            done += 1
            names = making.names if len(making.names) == len(state.objective) else [state.layer or ""]
            for name, picture, objective in zip(names, state.pictures, state.objective.tolist(), strict=True):
                making.add(name, picture, objective, state.step, state.steps)
            if time.monotonic() - shown > _EVERY:
                shown = time.monotonic()
                job.preview(making)
            return job.progress(done, total, names[0] if len(names) == 1 else "")

        return follow

    def _present(self, result: Making | Reconstruction | Inversions) -> Figure:
        if isinstance(result, Making):
            return result.figure()
        if isinstance(result, Inversions):
            return result.figure(side=_side(len(result) + 1))
        return result.figure(side=_side(len(result)))

    def _class(self, network: Network) -> str | int:
        names = network.classes
        if names is None:
            return self.channel
        if self.class_name is None:
            return "cat" if "cat" in names else names[0]
        if self.class_name not in names:
            raise ValueError(f"class_name: {network.name} knows no class {self.class_name!r}")
        return self.class_name

    def _rate(
        self, network: Network, layer: str | None, channel: int | str, position: str | None
    ) -> dict[str, float]:
        """The rate of a published set that has one, for a network of drawings."""
        if network.ink != "positive" or self.method not in ("yosinski-a", "yosinski-b", "yosinski-c"):
            return {}
        step = MaximizeSettings(steps=1, start="zero", clip=False)
        # From the same start, which is noise where nothing moves on blank paper.
        stay, move = (
            maximize(network, layer, channel, position, method=step, rate=rate, progress=False).images
            for rate in (1e-9, _TRIED)
        )
        levels = 255 * float((move - stay).abs().mean())
        return {"rate": _TRIED * _INK_LEVELS / max(levels, 1e-9)}

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        modes = [
            ("maximise a class", "class"),
            ("maximise a channel", "channel"),
            ("invert the input", "invert"),
        ]
        self._fitting = False
        self._start = ipywidgets.Button(layout=ipywidgets.Layout(width="90px", margin="0 14px 0 0"))
        self._start.on_click(lambda _button: self._press())
        self._show_running(False)
        self._classes, self._layer_names = combobox("Class"), combobox("Layer")
        self._method = dropdown("Method", _MAXIMIZE)
        self._tags = LayerTags(self._choose_layers)
        controls = {
            "mode": dropdown("Task", modes),
            "class_name": self._classes,
            "layer": self._layer_names,
            "channel": number("Channel", 0, 1_000_000),
            "position": dropdown("at", [("the centre", "centre"), ("everywhere", "all")]),
            "images": number("Images", 1, 6),
            "steps": number("Steps", 5, 2000),
        }
        for name in ("mode", "channel", "position", "images", "steps"):
            link((self, name), (controls[name], "value"))
        for name in ("class_name", "layer"):
            controls[name].value = getattr(self, name) or ""
            controls[name].observe(
                lambda change, name=name: setattr(self, name, change["new"] or None), "value"
            )
            self.observe(
                lambda change: setattr(controls[change["name"]], "value", change["new"] or ""), names=name
            )
        self._named = controls
        self._fit_methods()
        self._method.observe(self._choose_method, "value")
        self.observe(lambda _change: self._fit_methods(), "method")
        self._fit_controls(has_classes=True)
        order = ["mode", "class_name", "layer", "channel", "position", "images"]
        return [
            *(controls[name] for name in order),
            self._method,
            controls["steps"],
            self._start,
            self._tags,
        ]

    def _offer(self, network: Network) -> None:
        """Name the classes and layers of the network in the controls."""
        names, layers = network.classes or (), network.layers(every=True)
        if self._classes.options != names:
            self._classes.options = names
        self._classes.placeholder = str(self._class(network)) if self.class_name is None else ""
        if self._layer_names.options != layers:
            self._layer_names.options = layers
        self._layer_names.placeholder = network.layers()[-1]
        self._tags.show(_to_invert(network), self.layers or _default_layers(network))
        self._fit_controls(has_classes=bool(names))

    def _fit_controls(self, has_classes: bool) -> None:
        """Show the controls that mean something in this mode."""
        by_class = self.mode == "class"
        wanted = {
            "class_name": by_class and has_classes,
            "layer": self.mode == "channel",
            "channel": self.mode == "channel" or (by_class and not has_classes),
            "position": self.mode == "channel",
            "images": self.mode != "invert",
        }
        for name, shown in wanted.items():
            self._named[name].layout.display = "" if shown else "none"
        self._tags.layout.display = "" if self.mode == "invert" else "none"

    def _fit_methods(self) -> None:
        """Offer the methods of the mode, and show which is chosen."""
        wanted = self.method or ""
        options = [("default", ""), *(_INVERT if self.mode == "invert" else _MAXIMIZE)]
        self._fitting = True  # new options choose the first of them
        try:
            if list(self._method.options) != options:
                self._method.options = options
            self._method.value = wanted
        finally:
            self._fitting = False

    def _choose_method(self, change: Any) -> None:
        if not self._fitting:
            self.method = change["new"] or None

    def _change_mode(self, _change: Any) -> None:
        with self.hold_trait_notifications():
            self.method = None
        self._fit_methods()
        self._fit_controls(has_classes=True)
        self.refresh()

    def _choose_layers(self, layers: tuple[str, ...]) -> None:
        self.layers = None if layers in ((), _default_layers(self.network)) else list(layers)

    def _show_running(self, running: bool) -> None:
        self._start.description = "Cancel" if running else "Start"
        self._start.icon = "stop" if running else "play"


def _to_invert(network: Network) -> tuple[str, ...]:
    """All layers, and that of the class scores if it has a name."""
    layers, scores = network.layers(every=True), network.class_layer()
    return layers if scores is None or scores in layers else (*layers, scores)


def _default_layers(network: Network) -> tuple[str, ...]:
    scores = network.class_layer()
    layers = network.layers()[::2]
    return layers if scores is None or scores in layers else (*layers, scores)


def _side(count: int) -> int:
    return 256 if count == 1 else 192 if count <= 3 else 160


def _in_range(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise TraitError(f"{name} must be between {low} and {high}, not {value}")
    return value
