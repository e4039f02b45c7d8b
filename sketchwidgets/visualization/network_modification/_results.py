"""What is returned by switching parts of a network off."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ..figures._numbers import percent
from ..network._classes import class_name

if TYPE_CHECKING:
    from ..figures import Figure


@dataclass(frozen=True, eq=False, repr=False)
class SwitchedOff:
    """What a network says with everything on, and with parts of it off; made by `switch_off`.

    off : for each layer the channels that were off, None for all of them. to : "zero" or "paper".
    before, after : (n, classes) float64, the class probabilities with everything on, and with that off; a row for each
        image, or of a Recognizer for each stroke, the last row after the last.
    classes : names of the classes, where they have any. steps : whether the rows are strokes of one drawing.
    """

    off: Mapping[str, tuple[int, ...] | None]
    to: str
    before: np.ndarray
    after: np.ndarray
    classes: tuple[str, ...] | None = None
    steps: bool = False

    def top(self, k: int = 5, row: int = -1) -> list[tuple[str, float, float]]:
        """(class, before, after) of those among the k most probable before or after, by the larger of both.

        row : the image, or the stroke; the last by default.
        """
        if k < 1:
            raise ValueError(f"k must be at least 1, not {k}")
        before, after = self.before[row], self.after[row]
        best = {int(i) for values in (before, after) for i in np.argsort(-values, kind="stable")[:k]}
        order = sorted(best, key=lambda i: (-max(before[i], after[i]), i))
        return [(class_name(self.classes, i), float(before[i]), float(after[i])) for i in order]

    def label(self, row: int = -1) -> tuple[str, str]:
        """The most probable class before and after."""
        return tuple(class_name(self.classes, int(rows[row].argmax())) for rows in (self.before, self.after))

    def figure(self) -> "Figure":
        """The probabilities before and after as bars; of a Recognizer also over the strokes."""
        from ._figures import switched_figure

        return switched_figure(self)

    def __repr__(self) -> str:
        before, after = self.label()
        shares = percent(self.before[-1].max()), percent(self.after[-1].max())
        return f"SwitchedOff({said_off(self.off)}: {before} {shares[0]} -> {after} {shares[1]})"

    def _repr_html_(self) -> str:
        return self.figure().to_html()


@dataclass(frozen=True, eq=False, repr=False)
class Ablation:
    """What every layer and every channel is worth to a class; made by `ablation`.

    An effect is by how much the probability of the class falls when a part is off: above 0 the part works for the
    class, below 0 against it. NaN where a callback stopped before.

    target, name : the class, by index and name. to : "zero" or "paper".
    probabilities : (classes,) float64, with everything on.
    layers : the effect of each layer, in the order in which they run.
    layer_labels : for each layer, the most probable class without it; -1 where not done.
    channels : for each layer (C,) float64, the effects of its channels.
    channel_labels : for each layer (C,) int64, the most probable class without each channel; -1 where not done.
    maps : for each layer (C, h, w) or (C,) on the CPU, what it says with everything on.
    image : (C, H, W), the image, or the whole drawing; picture : makes (n, h, w[, 3]) uint8 of images, of a Network or
    a Recognizer, else None. classes : names, or None. method : "replay" or "forward", the way it was computed.
    """

    target: int
    name: str
    to: str
    probabilities: np.ndarray
    layers: Mapping[str, float]
    layer_labels: Mapping[str, int]
    channels: Mapping[str, np.ndarray]
    channel_labels: Mapping[str, np.ndarray]
    maps: Mapping[str, Tensor]
    image: Tensor
    picture: Callable[[Tensor], np.ndarray] | None = None
    classes: tuple[str, ...] | None = None
    method: str = "replay"

    @property
    def probability(self) -> float:
        """Of the class, with everything on."""
        return float(self.probabilities[self.target])

    @property
    def complete(self) -> bool:
        """Whether every layer and channel is done."""
        alone = np.isnan(list(self.layers.values())).any()
        return not alone and not any(np.isnan(one).any() for one in self.channels.values())

    def strongest(self, k: int = 10, layer: str | None = None) -> list[tuple[str, int, float, str]]:
        """(layer, channel, effect, class without it) of the k channels with the largest effects, for or against.

        layer : of this one alone. Raises ValueError for one that was not looked at.
        """
        if layer is not None and layer not in self.channels:
            raise ValueError(f"layer {layer!r} is not among {', '.join(self.channels)}")
        found = [
            (name, channel, float(effect), class_name(self.classes, int(self.channel_labels[name][channel])))
            for name, effects in self.channels.items()
            if layer in (None, name)
            for channel, effect in enumerate(effects)
            if not np.isnan(effect)
        ]
        return sorted(found, key=lambda one: -abs(one[2]))[:k]

    def order(self, layer: str) -> list[int]:
        """The channels of a layer, the one that works most for the class first; those not done last."""
        return np.argsort(-self.channels[layer], kind="stable").tolist()

    def figure(self, top: int = 12) -> "Figure":
        """The layers as bars, and of each the maps of the `top` channels with the largest effects."""
        from ._figures import ablation_figure

        return ablation_figure(self, top)

    def __repr__(self) -> str:
        count = sum(len(one) for one in self.channels.values())
        stopped = "" if self.complete else ", stopped early"
        return f"Ablation({self.name!r} {percent(self.probability)}, {len(self.layers)} layers, {count} channels{stopped})"

    def _repr_html_(self) -> str:
        return self.figure().to_html()


@dataclass(frozen=True)
class AblationState:
    """How far the work has come: `done` of `total` passes. result : what is known so far, the rest of it NaN."""

    done: int
    total: int
    result: Ablation = field(repr=False)


def said_off(off: Mapping[str, tuple[int, ...] | None]) -> str:
    """What is off, in a few words: "relu2, relu1/3, 17"."""
    if not off:
        return "nothing off"
    parts = []
    for layer, channels in off.items():
        if channels is None:
            parts.append(layer)
        elif len(channels) <= 4:
            parts.append(f"{layer}/{', '.join(map(str, channels))}")
        else:
            parts.append(f"{len(channels)} channels of {layer}")
    return "; ".join(parts) + " off"
