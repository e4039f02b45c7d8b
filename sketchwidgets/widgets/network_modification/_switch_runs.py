"""What a network says of a growing drawing with everything on and with parts off, kept up stroke by stroke."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...recognition import Recognizer, Session
from ...sketch import Sketch
from ...visualization import Ablation, Network, SwitchedOff
from ...visualization.network_modification._off import (
    Channels,
    Switched,
    check_channels,
    checked_off,
    maps_of,
    off_values,
)
from ...visualization.network_modification._subject import Subject, subject_of

Off = dict[str, Channels]


@dataclass(frozen=True, eq=False)
class SwitchLook:
    """What a `LayerSwitches` shows.

    said : the probabilities with everything on, and with what is off, of the drawing as it is. maps : for each layer
    (c, h, w) or (c,), with everything on. worth : for each layer that was measured, its ablation.
    """

    said: SwitchedOff
    maps: dict[str, Tensor]
    worth: dict[str, Ablation] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The most probable class with everything on, or the one that was measured."""
        return next((found.name for found in self.worth.values()), self.said.label()[0])


class Follower:
    """A session that is brought up to a drawing: takes back what is gone, adds what is new."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._strokes: list[np.ndarray] = []

    def follow(self, sketch: Sketch, unfinished: bool) -> np.ndarray:
        """(classes,), what is said of a drawing of at least one stroke, the last of them maybe still being drawn."""
        strokes = list(sketch)
        finished = strokes[:-1] if unfinished else strokes
        common = 0
        for new, old in zip(finished, self._strokes, strict=False):
            if not np.array_equal(new, old):
                break
            common += 1
        while len(self._strokes) > common:
            self._session.undo()
            self._strokes.pop()
        for stroke in finished[common:]:
            self._session.add(stroke)
            self._strokes.append(stroke)
        last = self._session.preview(strokes[-1]) if unfinished else self._session.predictions[-1]
        return last.probabilities.astype(np.float64)


class GrowingRun:
    """A recogniser that sees the drawing grow."""

    def __init__(self, recognizer: Recognizer, layers: tuple[str, ...]) -> None:
        self._recognizer, self._layers = recognizer, layers
        size = recognizer.preprocessing.size
        self._paper = torch.zeros(1, 1, size, size, device=recognizer.device)
        self._subject = _Features(recognizer, self._paper)
        self._on = Follower(recognizer.session())
        self._without: Follower | None = None
        self._of: tuple[Any, ...] | None = None
        self._maps: dict[str, Tensor] = {}
        self._drawn: bytes | None = None  # what `_maps` are of

    def look(self, sketch: Sketch, unfinished: bool, off: Off, to: str) -> SwitchLook:
        recognizer, subject = self._recognizer, self._subject
        off = checked_off(recognizer.cnn, off)
        if self._of != (off, to):
            values = off_values(subject, list(off), to) if off else {}
            check_channels(off, values)
            forward = Switched(subject.forward, off, values)
            self._without = Follower(recognizer.session(forward)) if off else None
            self._of = off, to
        before = self._on.follow(sketch, unfinished)
        after = before if self._without is None else self._without.follow(sketch, unfinished)
        drawn = sketch.points.tobytes() + sketch.lengths.tobytes()
        if drawn != self._drawn:
            canvas = recognizer.preprocessing.canvas(recognizer.device)
            canvas.set_strokes([stroke[:, :2] for stroke in sketch])
            self._maps, self._drawn = _first(maps_of(subject, canvas.image, self._layers)), drawn
        said = SwitchedOff(off, to, before[None], after[None], recognizer.classes, steps=True)
        return SwitchLook(said, self._maps)


class _Features(Subject):
    """The CNN of a recogniser, as it runs in a session."""

    def __init__(self, recognizer: Recognizer, paper: Tensor) -> None:
        self.module, self.frames, self.paper = recognizer.cnn, paper, paper

    def forward(self, module: nn.Module, images: Tensor) -> Tensor:
        return module.features(images)


class SeeingRun:
    """A network that sees the drawing, or a picture, once."""

    def __init__(self, network: Network, layers: tuple[str, ...]) -> None:
        self._network, self._layers = network, layers

    def look(self, image: Tensor, off: Off, to: str) -> SwitchLook:
        subject = subject_of(self._network, image, "source", one=True)
        off = checked_off(subject.module, off)
        values = off_values(subject, list(off), to) if off else {}
        check_channels(off, values)
        maps = _first(maps_of(subject, image, self._layers))
        before = subject.every(subject.outputs(subject.forward))
        after = before
        if off:
            after = subject.every(subject.outputs(Switched(subject.forward, off, values)))
        return SwitchLook(SwitchedOff(off, to, before, after, subject.classes), maps)


def _first(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[0].float().cpu() for name, value in values.items()}


def toggled_layer(off: Off, layer: str) -> Off:
    """A layer off, or if it is, on again."""
    rest = {name: channels for name, channels in off.items() if name != layer}
    return rest if layer in off and off[layer] is None else {**rest, layer: None}


def toggled_channel(off: Off, layer: str, channel: int, count: int) -> Off:
    """A channel off, or if it is, on again; of a layer that is off, that channel alone goes on."""
    known = off.get(layer, ())
    now = set(range(count)) if known is None else set(known)
    now ^= {channel}
    rest = {name: channels for name, channels in off.items() if name != layer}
    if not now:
        return rest
    return {**rest, layer: None if len(now) == count else tuple(sorted(now))}


def is_off(off: Off, layer: str, channel: int) -> bool:
    """Whether a channel is off, alone or with its layer."""
    return layer in off and (off[layer] is None or channel in off[layer])
