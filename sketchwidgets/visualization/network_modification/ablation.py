"""Ablation: every layer and every channel off in turn, and what that does to the answer."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import nn

from sketchwidgets.recognition import Recognizer

from .._failures import explained
from .._progress import progress_bar, says_stop
from ..network import Network
from ..network._classes import class_index, class_name
from ._from_layer import FromLayer
from ._off import check_to
from ._results import Ablation, AblationState
from ._subject import Subject, subject_of

METHODS = ("auto", "replay", "forward")


def ablation(
    model: nn.Module | Network | Recognizer | None,
    image: Any,
    layers: str | Sequence[str] | None = None,
    target: int | str | None = None,
    *,
    to: str = "zero",
    method: str = "auto",
    progress: bool = True,
    callback: Callable[[AblationState], bool | None] | None = None,
) -> Ablation:
    """Switch every layer off, and every channel of every layer, one at a time, and see how a class fares.

    What is ablated is a trained network, for one image. In Zeiler & Fergus (ECCV 2014, section 4.3, table 3) layers
    are removed before training and the rest learns to do without them: what a layer is good for there, and what this
    network uses it for here, are two questions. Single channels of trained networks: Morcos et al., "On the importance
    of single directions for generalization", ICLR 2018, over all images of a set; Zhou et al., "Revisiting the
    importance of individual units in CNNs via ablation", arXiv 1806.02891, class by class. A channel that does nothing
    alone may do much together with others that say the same.

    Parameters
    ----------
    model : as in `switch_off`; of a Recognizer, what is said after the last stroke counts.
    image : one image or drawing, as there: (1, C, H, W) or (C, H, W) for a module, a `Sketch` for a Recognizer.
    layers : names of modules that return maps (n, c, h, w) or numbers (n, c); None: `Network.layers()`, of a module
        the same kind of layers.
    target : class whose probability is watched, by index or name; None: the most probable one.
    to : "zero" or "paper", what is said by what is off; see `switch_off`.
    method : "replay": only what depends on the layer is computed again, many channels as one batch; "forward": a whole
        pass for each; "auto": replay where the forward pass can be recorded and plain passes say the same. The results
        agree to rounding.
    progress : show a progress bar.
    callback : called after each group of channels with an `AblationState`; returning False ends the work, and what is
        known by then is returned.

    Raises ValueError or TypeError, naming the argument.

    >>> sketch = sw.Sketch([[(0, 0), (30, 0), (30, 30), (0, 30), (0, 0)], [(10, 40), (20, 40)]])
    >>> found = sw.ablation(None, sketch, layers=["stage4.1.relu2"], progress=False)
    >>> found.channels["stage4.1.relu2"].shape, len(found.strongest(3))
    ((384,), 3)
    """
    to = check_to(to)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}, not {method!r}")
    subject = subject_of(model, image, "image", one=True)
    names = _names(subject, layers)
    before = subject.every(subject.outputs(subject.forward))[-1]
    target = class_index(target, subject.classes, len(before), int(before.argmax()))
    with explained(subject.module, subject.frames, argument="image"):
        evaluation = FromLayer(subject, names, to, method)
    work = _Work(subject, evaluation, before, target, to)
    passes = len(subject.asked) * sum(evaluation.rows(layer) for layer in evaluation.layers)
    done, goes_on = 0, True
    with progress_bar(passes, "ablation", "channel", progress) as bar:

        def advance(count: int) -> bool:
            nonlocal done, goes_on
            done += count
            bar.update(count)
            if callback is not None:
                goes_on = not says_stop(callback(AblationState(done, passes, work.result())))
            return goes_on

        for layer in evaluation.layers:
            outputs, finished = evaluation.outputs(layer, advance)
            work.take(layer, outputs, finished.numpy())
            if not goes_on:
                break
    return work.result()


def _names(subject: Subject, layers: Any) -> list[str]:
    if layers is None:
        return list(subject.default_layers())
    if not isinstance(layers, str | Sequence) or not all(isinstance(name, str) for name in layers):
        raise TypeError(f"layers must be names of modules, not {layers!r}")
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    if not names:
        raise ValueError("layers is empty")
    known = dict(subject.module.named_modules())
    for name in names:
        if name not in known or not name:
            raise ValueError(f"layers: the model has no layer {name!r}; see model.named_modules()")
    return names


class _Work:
    """The effects, as they become known."""

    def __init__(
        self, subject: Subject, evaluation: FromLayer, before: np.ndarray, target: int, to: str
    ) -> None:
        self._subject, self._evaluation = subject, evaluation
        self._before, self._target, self._to = before, target, to
        counts = {layer: evaluation.rows(layer) for layer in evaluation.layers}
        self._effects = {layer: np.full(count, np.nan) for layer, count in counts.items()}
        self._labels = {layer: np.full(count, -1, np.int64) for layer, count in counts.items()}
        self._maps = {layer: values.cpu() for layer, values in evaluation.maps.items()}

    def take(self, layer: str, outputs: Any, finished: np.ndarray) -> None:
        rows = np.flatnonzero(finished)
        if not len(rows):
            return
        said = self._subject.last(outputs[rows.tolist()])
        self._effects[layer][rows] = self._before[self._target] - said[:, self._target]
        self._labels[layer][rows] = said.argmax(1)

    def result(self) -> Ablation:
        subject = self._subject
        return Ablation(
            target=self._target,
            name=class_name(subject.classes, self._target),
            to=self._to,
            probabilities=self._before,
            layers={layer: float(effects[0]) for layer, effects in self._effects.items()},
            layer_labels={layer: int(labels[0]) for layer, labels in self._labels.items()},
            channels={layer: effects[1:].copy() for layer, effects in self._effects.items()},
            channel_labels={layer: labels[1:].copy() for layer, labels in self._labels.items()},
            maps=self._maps,
            image=subject.frames[-1].detach().cpu(),
            picture=subject.picture,
            classes=subject.classes,
            method=self._evaluation.method,
        )
