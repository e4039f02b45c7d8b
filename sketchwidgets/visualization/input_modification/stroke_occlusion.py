"""Occlusion by stroke: what the network says where a stroke was never drawn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer
from sketchwidgets.sketch import Sketch

from .._progress import says_stop
from ..figures import Figure
from ..network import Network
from ..network._classes import class_index, class_name
from ..projection.recording._recorder import watch
from ._stroke_frame import StrokeFrame, checked_sketch, some_strokes

_FRAMES = ("fixed", "refit")


@dataclass(frozen=True, eq=False, repr=False)
class MapEffects:
    """What leaving strokes out does to the strongest maps of one layer; S strokes, k maps.

    channels : (k,) int64, strongest first. peaks : (k,), each map's maximum on the whole drawing.
    without : (S, k), the maximum where a stroke is left out. only : (S, k), where nothing else is drawn.
    """

    channels: Tensor
    peaks: Tensor
    without: Tensor
    only: Tensor


@dataclass(frozen=True, eq=False, repr=False)
class StrokeOcclusion:
    """What a network says of a drawing without each of its strokes; made by `stroke_occlusion`. S strokes.

    sketch : the drawing. label, name : the class that is watched, its index and its name.
    probability : of that class for the whole drawing.
    without : (S,) float64, its probability where a stroke is left out; NaN where nothing is left to look at.
    only : (S,), where only that stroke is drawn.
    top_without, top_only : for each stroke the three most probable classes as (name, probability).
    layers : for each layer asked for, the change of its strongest maps.
    steps : (S,) the probability after each stroke, of a Recognizer; else None.
    steps_without : (S, S), row i: the same without stroke i (NaN at and before the first stroke there is); else None.
    frame : "fixed" or "refit".
    known : whether a Recognizer knows the whole drawing (see `Calibration`); True of anything else.
    known_without, known_only : (S,) bool, the same where a stroke is left out, and where only it is drawn.
    """

    sketch: Sketch
    label: int
    name: str
    probability: float
    top: list[tuple[str, float]]
    without: np.ndarray
    only: np.ndarray
    top_without: list[list[tuple[str, float]]]
    top_only: list[list[tuple[str, float]]]
    layers: Mapping[str, MapEffects] = field(default_factory=dict)
    steps: np.ndarray | None = None
    steps_without: np.ndarray | None = None
    frame: str = "fixed"
    known: bool = True
    known_without: np.ndarray | None = None
    known_only: np.ndarray | None = None

    @property
    def effect(self) -> np.ndarray:
        """(S,), by how much each stroke raises the probability: with it, less without it."""
        return self.probability - self.without

    def figure(self, side: int = 288) -> Figure:
        """The drawing with its strokes coloured by their effect, and a tile for each stroke."""
        from ._stroke_figures import occlusion_figure

        return occlusion_figure(self, side)

    def __repr__(self) -> str:
        return f"StrokeOcclusion({self.name!r} {self.probability:.0%}, {len(self.sketch)} strokes)"

    def _repr_html_(self) -> str:
        return self.figure().to_html()


@dataclass(frozen=True)
class StrokeOcclusionState:
    """How far the work has come: `done` of `total` strokes. result : what is known so far, the rest of it NaN."""

    done: int
    total: int
    result: StrokeOcclusion


def stroke_occlusion(
    model: Network | Recognizer | nn.Module | None,
    sketch: Sketch,
    target: int | str | None = None,
    *,
    layers: str | Sequence[str] | None = (),
    top: int = 9,
    channels: Sequence[int] | None = None,
    frame: str | None = None,
    batch_size: int = 32,
    progress: bool = True,
    callback: Callable[[StrokeOcclusionState], bool | None] | None = None,
) -> StrokeOcclusion:
    """Leave out every stroke in turn, and keep only it, and ask the network again.

    Occlusion (Zeiler & Fergus 2014, section 4.2) with strokes for patches: nothing has to be painted over the
    drawing, because a stroke that is left out leaves paper.

    Parameters
    ----------
    model : a `Recognizer` (None: the bundled one), which is asked as in live use, stroke by stroke, with and without
        the stroke; or a `Network` or torch.nn.Module, which sees the drawing once.
    sketch : the drawing, of at least one stroke.
    target : index or name of the class whose probability is watched; None: the most probable of the whole drawing.
    layers : names of layers of the CNN whose strongest maps are watched too; None: `Network.layers()`.
    top : maps a layer, the strongest on the whole drawing.
    channels : the maps to watch instead, the same of every layer.
    frame : "fixed" leaves the other strokes where they are; "refit" centres and scales what is left by its own
        box, as a new drawing. None: "refit" for a Recognizer, which always does so, else "fixed".
    batch_size : images that go through the network at once.
    progress : show a progress bar.
    callback : called after each stroke with a `StrokeOcclusionState`; returning False ends the work, and what is
        known by then is returned, the rest of it NaN.

    Raises ValueError or TypeError, naming the argument.

    >>> sketch = sw.Sketch([[(0, 0), (30, 0), (30, 30), (0, 30), (0, 0)], [(10, 40), (20, 40)]])
    >>> result = sw.stroke_occlusion(None, sketch, progress=False)
    >>> result.without.shape, result.effect.argmax() in (0, 1)
    ((2,), True)
    """
    sketch = checked_sketch(sketch)
    asked = Recognizer.load() if model is None else model
    recognizer = asked if isinstance(asked, Recognizer) else None
    frame = frame or ("fixed" if recognizer is None else "refit")
    if frame not in _FRAMES:
        raise ValueError(f"frame must be one of {', '.join(map(repr, _FRAMES))}, not {frame!r}")
    if recognizer is not None and frame == "fixed":
        raise ValueError(
            "frame='fixed' with a Recognizer, which fits every drawing; give Network.of(recognizer)"
        )
    if top < 1 or batch_size < 1:
        raise ValueError(f"top and batch_size must be at least 1, not {top} and {batch_size}")
    network = Network.of(asked)
    if layers is None:
        layers = network.layers()
    layers = [layers] if isinstance(layers, str) else list(layers)
    missing = set(layers) - set(dict(network.module.named_modules()))
    if missing:
        raise ValueError(f"layers: the network has no layer {sorted(missing)[0]!r}")
    if recognizer is not None:
        watcher: _Watcher = _Recognizing(recognizer, network, sketch, layers, batch_size)
    else:
        watcher = _Seeing(network, sketch, layers, frame, batch_size)
    return _run(watcher, sketch, target, frame, top if channels is None else channels, progress, callback)


class _Watcher:
    """Asks a network about choices of strokes."""

    classes: tuple[str, ...] | None
    steps: np.ndarray | None = None  # (S, classes) of the whole drawing, of a recogniser

    def knows(self, rows: np.ndarray) -> bool:
        """Whether the last of these probabilities are those of a drawing that it knows."""
        return True

    def ask(self, choices: Sequence[Sequence[int]]) -> Iterator[tuple[np.ndarray | None, dict[str, Tensor]]]:
        """For each choice of strokes the probabilities (steps, classes), the last row the final one, and each
        layer's maxima (c,); None where there is nothing to see."""
        raise NotImplementedError


class _Seeing(_Watcher):
    """A network that sees the drawing once."""

    def __init__(
        self, network: Network, sketch: Sketch, layers: list[str], frame: str, batch_size: int
    ) -> None:
        self.network, self.sketch, self.layers, self.batch_size = network, sketch, layers, batch_size
        self.classes = network.classes
        self.frame = StrokeFrame(network, sketch) if frame == "fixed" else None

    def ask(self, choices: Sequence[Sequence[int]]) -> Iterator[tuple[np.ndarray | None, dict[str, Tensor]]]:
        for start in range(0, len(choices), self.batch_size):
            batch = choices[start : start + self.batch_size]
            if self.frame is not None:
                images = self.frame.images(batch)
            else:
                images = torch.cat([self.network.prepare(some_strokes(self.sketch, kept)) for kept in batch])
            peaks: dict[str, Tensor] = {}
            with _peaks_of(self.network.module, self.layers, peaks):
                scores = self.network.scores(images)
            for i, row in enumerate(scores.double().numpy()):
                yield row[None], {name: peak[i] for name, peak in peaks.items()}


class _Recognizing(_Watcher):
    """A recogniser, which sees the drawing grow; its layers are those of its CNN after the last stroke."""

    def __init__(
        self, recognizer: Recognizer, network: Network, sketch: Sketch, layers: list[str], batch_size: int
    ) -> None:
        self.recognizer, self.network, self.sketch = recognizer, network, sketch
        self.layers, self.batch_size = layers, batch_size
        self.classes = recognizer.classes

    def knows(self, rows: np.ndarray) -> bool:
        calibration = self.recognizer.calibration
        return calibration is None or bool(calibration.knows(rows[-1].max(), len(rows)))

    def ask(self, choices: Sequence[Sequence[int]]) -> Iterator[tuple[np.ndarray | None, dict[str, Tensor]]]:
        for kept in choices:
            some = some_strokes(self.sketch, kept)
            rows = [prediction.probabilities for prediction in self.recognizer.recognize(some)]
            peaks: dict[str, Tensor] = {}
            if self.layers:
                with _peaks_of(self.network.module, self.layers, peaks), torch.no_grad():
                    self.network.module(self.network.prepare(some))
            yield (
                np.stack(rows).astype(np.float64) if rows else None,
                {name: peak[0] for name, peak in peaks.items()},
            )


def _peaks_of(module: nn.Module, layers: list[str], peaks: dict[str, Tensor]) -> Any:
    """While it is open, every layer's maxima (n, c) are put into `peaks` when it first runs."""

    def collect(name: str, output: Any) -> bool:
        if name not in peaks:
            if not isinstance(output, Tensor) or output.ndim not in (2, 4):
                raise ValueError(f"layers: {name!r} does not return maps (n, c, h, w) or (n, c)")
            maxima = output.flatten(2).amax(2) if output.ndim == 4 else output
            peaks[name] = maxima.detach().clone().float().cpu()
        return False

    return watch(module, layers, collect)


def _run(
    watcher: _Watcher,
    sketch: Sketch,
    target: int | str | None,
    frame: str,
    maps: int | Sequence[int],
    progress: bool,
    callback: Callable[[StrokeOcclusionState], bool | None] | None,
) -> StrokeOcclusion:
    from tqdm.auto import tqdm

    count = len(sketch)
    everything = list(range(count))
    ((rows, peaks),) = watcher.ask([everything])
    index = class_index(target, watcher.classes, rows.shape[1], int(rows[-1].argmax()))
    watched = {name: _choose_maps(name, peak, maps) for name, peak in peaks.items()}
    layers = {
        name: MapEffects(
            chosen,
            peaks[name][chosen],
            *(torch.full((count, len(chosen)), torch.nan) for _ in range(2)),
        )
        for name, chosen in watched.items()
    }
    grows = isinstance(watcher, _Recognizing)
    result = StrokeOcclusion(
        sketch=sketch,
        label=index,
        name=class_name(watcher.classes, index),
        probability=float(rows[-1, index]),
        top=_top(rows, watcher.classes),
        without=np.full(count, np.nan),
        only=np.full(count, np.nan),
        top_without=[[] for _ in everything],
        top_only=[[] for _ in everything],
        layers=layers,
        steps=rows[:, index].copy() if grows else None,
        steps_without=np.full((count, count), np.nan) if grows else None,
        frame=frame,
        known=watcher.knows(rows),
        known_without=np.ones(count, bool),
        known_only=np.ones(count, bool),
    )
    # Stroke after stroke: without it, then only it, so that what is known after a stop is known in full.
    choices = [kept for i in everything for kept in (everything[:i] + everything[i + 1 :], [i])]
    answers = watcher.ask(choices)
    done = 0
    with tqdm(total=count, desc="leaving strokes out", unit="stroke", disable=not progress) as bar:
        for i in everything:
            _take(watcher, result, i, next(answers), "without")
            _take(watcher, result, i, next(answers), "only")
            bar.update()
            done += 1
            if callback is not None and says_stop(callback(StrokeOcclusionState(done, count, result))):
                break
    return result


def _choose_maps(layer: str, peaks: Tensor, maps: int | Sequence[int]) -> Tensor:
    """The strongest so many maps of a layer, or those asked for."""
    if isinstance(maps, int):
        return peaks.topk(min(maps, len(peaks))).indices
    for channel in maps:
        if isinstance(channel, bool) or not 0 <= channel < len(peaks):
            raise ValueError(f"channels: {channel!r} is not one of the {len(peaks)} maps of {layer!r}")
    return torch.tensor(list(maps), dtype=torch.int64)


def _take(
    watcher: _Watcher,
    result: StrokeOcclusion,
    stroke: int,
    answer: tuple[np.ndarray | None, dict[str, Tensor]],
    which: str,
) -> None:
    rows, peaks = answer
    if rows is not None:
        getattr(result, which)[stroke] = rows[-1, result.label]
        getattr(result, f"top_{which}")[stroke] = _top(rows, watcher.classes)
        getattr(result, f"known_{which}")[stroke] = watcher.knows(rows)
        if which == "without" and result.steps_without is not None:
            # After stroke j of the drawing, without stroke i: nothing new at j = i.
            known = rows[:, result.label]
            row = np.insert(known, stroke, known[stroke - 1] if stroke else np.nan)
            result.steps_without[stroke] = row
    for name, peak in peaks.items():
        effects = result.layers[name]
        getattr(effects, which)[stroke] = peak[effects.channels]


def _top(rows: np.ndarray, classes: tuple[str, ...] | None, k: int = 3) -> list[tuple[str, float]]:
    order = np.argsort(-rows[-1], kind="stable")[:k]
    return [(class_name(classes, int(i)), float(rows[-1, i])) for i in order]
