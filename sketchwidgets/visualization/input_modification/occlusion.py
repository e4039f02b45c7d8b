"""Occlusion: cover one part of the image after the other, and watch what the network makes of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer
from sketchwidgets.sketch import Sketch

from .._failures import explained
from .._modules import known
from .._progress import says_stop
from ..network import Network
from ..network._classes import class_index
from ..projection.recording._recorder import Forward
from ._forward import evaluate, run_forward
from ._incremental import Incremental
from ._measure import Measured, measure
from ._occlusion_checks import check_channel, check_count, check_image, check_layer, check_runs
from ._occlusion_result import Occlusion, OcclusionProgress, heat_of
from ._patches import Pair, Patches, filling, grid
from ._replay import Recording, Unreplayable, record

METHODS = ("auto", "incremental", "forward")
_BATCH = 16  # images of a plain forward pass
_WORTHWHILE = (
    0.75  # part of the multiplications that incremental evaluation may take before it is not worth it
)
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}  # of the check against a plain pass, relative

Size = int | Sequence[int]


def occlusion(
    model: nn.Module | Network | Recognizer | None,
    image: Tensor | Any,
    target: int | str | None = None,
    *,
    layer: str | None = None,
    channel: int | None = None,
    size: Size | None = None,
    stride: Size | None = None,
    further: Sequence[tuple[Size, Size]] = (),
    fill: str | float | Sequence[float] | Tensor | None = None,
    seed: int = 0,
    overhang: bool = False,
    top: int = 5,
    method: str = "auto",
    batch_size: int | None = None,
    forward: Forward | None = None,
    progress: bool = True,
    callback: Callable[[OcclusionProgress], bool | None] | None = None,
) -> Occlusion:
    """Move a patch over an image, and map what it does to a feature map, a class and the answer.

    Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, figure 6; the heat map is
    that of FeatureVis (Grün et al., arXiv 1606.07757). The papers give neither the size of the square nor its
    stride nor its grey.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed. A module is a classifier (1, C, H, W) -> (1, classes),
        scores or probabilities; a Recognizer is what `Network.of` makes of it.
    image : (1, C, H, W) or (C, H, W), floating point, as the model takes it. For a Network (1, C, H, W), or a drawing
        or a picture as `Network.prepare` takes it.
    target : class whose probability is mapped, by index or, of a Network, by name; None: the most probable one in the
        unoccluded image.
    layer : module whose output holds the feature map; None: the last that returns a map of more than one position,
        before it is pooled.
    channel : feature map, as an index; None: the one with the largest total activation in the unoccluded image.
    size : side of the patch in pixels, or (height, width); None: about a seventh of the image, 32 of 224.
    stride : step between patches in pixels, or (down, across); None: half of the size.
    further : more (size, stride) runs, which count in `heat` alone: the heat of each is divided by its maximum,
        they are added, and divided by the maximum.
    fill : what a patch holds; None: "paper" in a Sketch, else "mean".
        "mean": the mean of each channel of this image; "grey", halfway between its smallest and largest value;
        "noise", uniform between these; "paper", the background: the median of the image's border; a number; C numbers;
        or a (C, H, W) tensor that shows through, such as a blurred image. A grey square adds edges to a drawing, and
        paper does not.
    seed : of the noise.
    overhang : False: patches start at 0, and the last of a row is cut off by the edge, as in captum. True: the first
        start at stride - size and so hang over the edge, as in FeatureVis. Either way every pixel is covered, unless
        the stride is larger than the size.
    top : how many of the most probable classes are kept for each position.
    method : "incremental": recompute only what a patch changes, exactly; "forward": a whole forward pass for each
        position, in batches; "auto": incremental where all of the model can be recorded and it saves something. The
        results agree to rounding.
    batch_size : images in one pass of method "forward".
    forward : `forward(model, images) -> scores`, if it is not `model(images)`.
    progress : show a progress bar.
    callback : called with an `OcclusionProgress` after each group of positions; returns False to stop.

    Raises ValueError, naming the argument.

    >>> network = sw.models.SketchANet(classes=10).eval()
    >>> drawing = sw.rasterize([sw.Sketch([[(40, 40), (180, 60), (90, 190)]])])
    >>> found = sw.occlusion(network, drawing, size=48, stride=48, fill="paper", progress=False)
    >>> found.activity.shape, found.heat.shape, found.layer
    (torch.Size([5, 5]), torch.Size([225, 225]), 'relu5')
    """
    model = known(model)
    network = Network.of(model) if isinstance(model, Network | Recognizer) else None
    if fill is None:
        fill = "paper" if isinstance(image, Sketch) else "mean"
    if network is not None:
        image, model = network.prepare(image), network.module
        forward = forward or (lambda _module, images: network._score(images))
    image = check_image(model, image)
    runs = check_runs(image, size, stride, further)
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(map(repr, METHODS))}, not {method!r}")
    batch_size = check_count("batch_size", _BATCH if batch_size is None else batch_size)
    top = check_count("top", top)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ValueError(f"seed must be a whole number, not {seed!r}")
    covered = filling(image, fill, seed)
    layer = check_layer(model, layer)
    with explained(model, image, argument="image"):
        evaluator = _Evaluator(model, image, layer, method, batch_size, forward)
    layer, before = evaluator.layer, evaluator.before
    probabilities = _probabilities(evaluator.output, 1)[0]
    classes = None if network is None else network.classes
    target = class_index(target, classes, probabilities.numel(), probabilities.argmax())
    channel = evaluator.channel = check_channel(channel, before, layer)
    unoccluded = measure(before, before, channel)

    grids = [grid(tuple(image.shape[2:]), *run, overhang) for run in runs]
    patches = [Patches(image, covered, boxes.reshape(-1, 4)) for boxes in grids]
    maps = [_Maps(len(one.boxes), probabilities, float(unoccluded.activity), target, top) for one in patches]
    report = _Report(
        sum(len(one.changed()) for one in patches), progress, callback, maps[0], grids[0].shape[:2]
    )
    with torch.inference_mode(False), torch.no_grad(), report:
        for one, made in zip(patches, maps, strict=True):
            made.leave_unchanged(one)
            for positions, measured, scores in evaluator.run(one):
                made.fill(positions, measured, _probabilities(scores, len(positions)))
                if not report.advance(len(positions)):
                    break
            if report.stopped:
                break
    found = _result(image, covered, runs[0], grids, maps, (target, layer, channel), evaluator.used)
    return found if network is None else replace(found, classes=network.classes, picture=network.picture)


class _Evaluator:
    """The unoccluded forward pass, and the choice between the incremental and the plain evaluation.

    output, layer, before: what the model returned, the layer that is watched, and its value.
    """

    channel = 0

    def __init__(
        self,
        model: nn.Module,
        image: Tensor,
        layer: str | None,
        method: str,
        batch_size: int,
        forward: Forward | None,
    ) -> None:
        self._model, self._batch_size, self._forward = model, batch_size, forward
        self._method = method
        self._recording: Recording | None = None
        self.used = "forward"
        if method != "forward":
            try:
                self._recording = recording = record(model, image, layer, forward)
            except Unreplayable as error:
                if method == "incremental":
                    raise ValueError(f'method "incremental" cannot play {error} again') from None
            else:
                self.output, self.layer = recording.values[recording.output], recording.layer_name
                self.before = recording.values[recording.layer]
        if self._recording is None:
            self.output, self.layer, self.before = run_forward(model, image, layer, forward)

    def run(self, patches: Patches) -> Iterator[tuple[np.ndarray, Measured, Tensor]]:
        if self._recording is not None:
            incremental = Incremental(self._recording, self.channel)
            if self._method == "incremental" or incremental.share(patches) <= _WORTHWHILE:
                groups = incremental.run(patches)
                first = next(groups, None)
                if first is None or self._method == "incremental" or self._agrees(first, patches):
                    self.used = "incremental"
                    return chain([first], groups) if first is not None else groups
                self._recording = None
        return evaluate(
            self._model, patches, self.layer, self.channel, self.before, self._batch_size, self._forward
        )

    def _agrees(self, group: tuple[np.ndarray, Measured, Tensor], patches: Patches) -> bool:
        """Whether a plain pass says the same of one position: a model may branch on what it sees, which no tape shows."""
        positions, measured, scores = group
        wanted, _, value = run_forward(self._model, patches.images(positions[:1]), self.layer, self._forward)
        expected = measure(value, self.before, self.channel).activity
        if not isinstance(wanted, Tensor) or wanted.shape != scores[:1].shape:
            return False
        tolerance = _TOLERANCE.get(wanted.dtype, 5e-2)
        return all(
            bool((a - b).abs().max() <= tolerance * b.abs().max().clamp_min(1e-12))
            for a, b in ((scores[:1], wanted), (measured.activity[:1], expected))
        )


class _Maps:
    """The maps of one run, as flat tensors that fill up."""

    def __init__(self, count: int, before: Tensor, activity: float, target: int, top: int) -> None:
        self.before, self.target = before, target
        self.activity_before = activity
        self.top_before = before.topk(min(top, before.numel()))
        kept = len(self.top_before.indices)
        self.activity = torch.full((count,), torch.nan, dtype=torch.float64)
        self.change = torch.full((count,), torch.nan, dtype=torch.float64)
        self.probability = torch.full((count,), torch.nan, dtype=before.dtype)
        self.top_probabilities = torch.full((count, kept), torch.nan, dtype=before.dtype)
        self.top_classes = torch.full((count, kept), -1, dtype=torch.int64)

    def leave_unchanged(self, patches: Patches) -> None:
        """Where a patch changes no pixel, nothing changes."""
        same = np.setdiff1d(np.arange(patches.count), patches.changed())
        activity = torch.full((len(same),), self.activity_before, dtype=torch.float64)
        measured = Measured(activity, torch.zeros(len(same), dtype=torch.float64))
        self.fill(same, measured, self.before.expand(len(same), -1))

    def fill(self, positions: np.ndarray, measured: Measured, probabilities: Tensor) -> None:
        at = torch.from_numpy(positions)
        self.activity[at] = measured.activity.cpu().double()
        self.change[at] = measured.change.cpu().double()
        self.probability[at] = probabilities[:, self.target]
        best = probabilities.topk(self.top_classes.shape[1])
        self.top_probabilities[at], self.top_classes[at] = best.values, best.indices


class _Report:
    """The progress bar, the callback, and whether it said to stop."""

    def __init__(
        self, total: int, shown: bool, callback: Callable | None, maps: _Maps, shape: tuple[int, int]
    ) -> None:
        self._total, self._shown, self._callback = total, shown, callback
        self._maps, self._shape = maps, shape
        self._done = 0
        self.stopped = False

    def __enter__(self) -> "_Report":
        from tqdm.auto import tqdm

        self._bar = tqdm(total=self._total, desc="occlusion", unit="patch", disable=not self._shown)
        return self

    def __exit__(self, *error: Any) -> None:
        self._bar.close()

    def advance(self, count: int) -> bool:
        self._done += count
        self._bar.update(count)
        if self._callback is not None:
            state = OcclusionProgress(
                self._done,
                self._total,
                self._maps.activity.view(self._shape),
                self._maps.probability.view(self._shape),
            )
            self.stopped = says_stop(self._callback(state))
        return not self.stopped


def _result(
    image: Tensor,
    covered: Tensor,
    run: tuple[Pair, Pair],
    grids: list[np.ndarray],
    maps: list[_Maps],
    watched: tuple[int, str, int],
    used: str,
) -> Occlusion:
    image_size = tuple(image.shape[2:])
    boxes = [torch.from_numpy(one) for one in grids]
    heat = sum(heat_of(image_size, places, made.change) for places, made in zip(boxes, maps, strict=True))
    peak = heat.max()
    first, shape = maps[0], grids[0].shape[:2]
    target, layer, channel = watched
    top_classes = first.top_classes.view(*shape, -1)
    return Occlusion(
        activity=first.activity.view(shape),
        probability=first.probability.view(shape),
        label=top_classes[:, :, 0].clone(),
        change=first.change.view(shape),
        heat=heat / peak if peak > 0 else heat,
        top_classes=top_classes,
        top_probabilities=first.top_probabilities.view(*shape, -1),
        boxes=boxes[0],
        activity_before=first.activity_before,
        probabilities_before=first.before,
        target=target,
        layer=layer,
        channel=channel,
        image=image[0].detach().cpu().clone(),
        filling=covered.cpu(),
        size=run[0],
        stride=run[1],
        method=used,
        done=~first.activity.isnan().view(shape),
    )


def _probabilities(output: Any, images: int) -> Tensor:
    """(n, classes) on the CPU, float32 or float64; a softmax of scores, as they are where they are probabilities."""
    if not isinstance(output, Tensor):
        raise ValueError(f"model must return a tensor of class scores, not a {type(output).__name__}")
    scores = output.detach()
    if scores.ndim > 2 and scores.numel() == scores.shape[0] * scores.shape[1]:
        scores = scores.flatten(1)
    if scores.ndim != 2 or scores.shape[0] != images:
        raise ValueError(f"model must return class scores (n, classes), not {tuple(output.shape)}")
    scores = scores.cpu()
    scores = scores if scores.dtype == torch.float64 else scores.float()
    sums = scores.sum(1)
    if bool((scores >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
        return scores
    return scores.softmax(1)
