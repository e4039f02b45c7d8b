"""Exact incremental evaluation: what the network says to many slightly changed images, at the cost of the change.

The image goes through the network once. Every patch position then recomputes, layer by layer, only the window that
the patch can reach; everything outside of it is what it was. Positions whose windows are of similar size travel
together. From where maps end (flattening, global pools) all positions of many chunks go on as one batch, so that the
large weights of fully connected layers are read once for all of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.models import widest_float

from ._measure import Measured, measure
from ._patches import Patches
from ._replay import Recording, Step
from ._window_steps import Chunk, Padding, Windowed
from ._windowed import windowed
from ._windows import Base, Windows

_CHUNK_BYTES = (
    8 << 20
)  # of the largest map a chunk makes: smaller ones stay in the caches, larger ones need fewer steps
_TAIL_BYTES = 128 << 20  # of the values that wait for the tail
_CLASSES = 6  # of window heights, and as many of widths
_PENALTY = 0.02  # what one class more must save, as a part of the work


@dataclass(frozen=True)
class _Plan:
    """steps: of the head, windowed or (Step) whole; tail: the rest, on whole values. last: where each value is read last."""

    head: list[Windowed | Step]
    tail: list[Step]
    last: dict[int, int]
    crossing: list[int]  # values that the head makes and the tail, or the output, needs
    owned: set[int]  # values whose windows nobody else holds, which may be overwritten


class Incremental:
    """The incremental evaluation of one recorded image."""

    def __init__(self, recording: Recording, channel: int) -> None:
        self._recording = recording
        self._channel = channel
        self._bases: dict[int, Base] = {}
        self._plan = _make_plan(recording)

    def run(self, patches: Patches) -> Iterator[tuple[np.ndarray, Measured, Tensor]]:
        """Positions (k,), what was measured there, and the outputs (k, classes), a group of positions at a time.

        Positions at which the patch changes no pixel are left out.
        """
        waiting: list[tuple[np.ndarray, Measured | None, dict[int, Tensor]]] = []
        held = 0
        for positions in self._chunks(patches):
            chunk, measured = self._head(patches, positions)
            crossing = {value: chunk.whole(value) for value in self._plan.crossing}
            waiting.append((positions, measured, crossing))
            held += sum(tensor.numel() * tensor.element_size() for tensor in crossing.values())
            if held > _TAIL_BYTES:
                yield self._tail(waiting)
                waiting, held = [], 0
        if waiting:
            yield self._tail(waiting)

    def share(self, patches: Patches) -> float:
        """The estimated multiplications of `run` as a part of those of full forward passes."""
        changed = patches.changed()
        if not len(changed):
            return 0.0
        whole = sum(_whole_work(self._recording, step) for step in self._plan.tail)
        windows = whole
        extents = self._extents(patches)
        for step in self._plan.head:
            if isinstance(step, Step):
                work = _whole_work(self._recording, step)
                whole, windows = whole + work, windows + work
                continue
            rows, columns = (extent[1] - extent[0] for extent in extents[step.step.outputs[0]])
            area = step.effort(0, rows[changed]) * step.effort(1, columns[changed])
            whole += step.plain_work()
            windows += step.work() * float(area.mean())
        return windows / whole * len(changed) / patches.count

    def _head(self, patches: Patches, positions: np.ndarray) -> tuple[Chunk, Measured | None]:
        plan, layer = self._plan, self._recording.layer
        extents = [
            None if e is None else tuple((a[positions], b[positions]) for a, b in e)
            for e in self._extents(patches)
        ]
        chunk = Chunk(
            self._recording, self._bases, extents, len(positions), len(positions) / len(patches.changed())
        )
        top, left, h, w = chunk.place(0)
        chunk.put(0, patches.windows(positions, top, left, h, w, chunk.base(0)), top, left)
        measured = self._measure(chunk) if layer == 0 else None
        for number, step in enumerate(plan.head):
            inputs = step.inputs if isinstance(step, Step) else step.step.inputs
            over = [value for value in set(inputs) if plan.last[value] == number]
            if isinstance(step, Step):
                chunk.play_whole(step)
                outputs = step.outputs
            else:
                step.play(chunk, last=len(over) == 1 and over[0] in plan.owned)
                outputs = step.step.outputs
            for value in over:
                chunk.states.pop(value, None)
            if layer in outputs:
                measured = self._measure(chunk)
        return chunk, measured

    def _measure(self, chunk: Chunk) -> Measured:
        layer, channel = self._recording.layer, self._channel
        state, before = chunk.states[layer], self._recording.values[layer]
        if not isinstance(state, Windows):
            return measure(state, before, channel)
        key = -1 - layer  # of the one channel, beside those of whole values
        base = self._bases.setdefault(key, Base(before[:, channel : channel + 1]))
        part = base.gather(state.top, state.left, *state.size)[..., 0]
        return measure(
            state.data[:, channel : channel + 1],
            part[:, None],
            0,
            before[0, channel].sum(dtype=widest_float(before.device)),
        )

    def _tail(self, waiting: list) -> tuple[np.ndarray, Measured, Tensor]:
        recording = self._recording
        positions = np.concatenate([part[0] for part in waiting])
        values = {value: torch.cat([part[2].pop(value) for part in waiting]) for value in self._plan.crossing}
        chunk = Chunk(recording, self._bases, [], len(positions))
        chunk.states.update(values)
        measured = [part[1] for part in waiting if part[1] is not None]
        made = Measured.cat(measured) if measured else None
        first = len(self._plan.head)
        for number, step in enumerate(self._plan.tail, first):
            chunk.play_whole(step)
            if recording.layer in step.outputs:
                made = measure(
                    chunk.states[recording.layer], recording.values[recording.layer], self._channel
                )
            for value in set(step.inputs):
                if self._plan.last[value] == number:
                    del chunk.states[value]
        return positions, made, chunk.whole(recording.output)

    def _extents(self, patches: Patches) -> list:
        """For every value that is a map with windows: what of its rows and columns changes, for all positions."""
        if getattr(self, "_extents_of", None) is not patches:
            known: list = [None] * len(self._recording.values)
            known[0] = patches.extents
            for step in self._plan.head:
                if isinstance(step, Windowed):
                    axes = [
                        step.extent(axis, {value: known[value][axis] for value in step.step.inputs})
                        for axis in (0, 1)
                    ]
                    for value in step.step.outputs:
                        if value is not None:
                            known[value] = tuple(axes)
            self._extents_of, self._known = patches, known
        return self._known

    def _chunks(self, patches: Patches) -> Iterator[np.ndarray]:
        """Positions that change something, in groups of similar windows, small enough for the memory."""
        positions = patches.changed()
        if not len(positions):
            return
        extents = self._extents(patches)
        groups = [positions]
        weighted = [
            (step, extents[step.step.outputs[0]]) for step in self._plan.head if isinstance(step, Windowed)
        ]
        if weighted:
            rows, columns = (self._classes(weighted, axis, positions) for axis in (0, 1))
            together = rows * _CLASSES + columns
            groups = [positions[together == number] for number in np.unique(together)]
        for group in groups:
            at_once = max(1, int(_CHUNK_BYTES / self._bytes_each(extents, group)))
            parts = -(-len(group) // at_once)
            yield from np.array_split(group, parts)

    def _classes(self, weighted: list, axis: int, positions: np.ndarray) -> np.ndarray:
        """For each position the class of its extent along an axis."""
        lengths = np.stack([(extent[axis][1] - extent[axis][0])[positions] for _, extent in weighted])
        other = np.array(
            [(extent[1 - axis][1] - extent[1 - axis][0])[positions].mean() for _, extent in weighted]
        )
        weights = np.array([step.work() for step, _ in weighted]) * other
        distinct, which = np.unique(lengths, axis=1, return_inverse=True)
        counts = np.bincount(which.reshape(-1))
        order = np.argsort(weights @ distinct, kind="stable")
        cuts = _partition(distinct[:, order], counts[order], weights)
        numbers = np.empty(len(order), dtype=np.int64)
        numbers[order] = np.searchsorted(cuts, np.arange(len(order)), side="right")
        return numbers[which.reshape(-1)]

    def _bytes_each(self, extents: list, group: np.ndarray) -> int:
        largest, values = 1, self._recording.values
        for step in self._plan.head:
            for value in step.outputs if isinstance(step, Step) else step.step.outputs:
                if value is None:
                    continue
                size = values[value].numel()
                if extents[value] is not None:
                    rows, columns = extents[value]
                    area = (rows[1] - rows[0])[group].max() * (columns[1] - columns[0])[group].max()
                    size = values[value].shape[1] * int(area)
                largest = max(largest, size)
        return largest * values[0].element_size()


def _make_plan(recording: Recording) -> _Plan:
    values, has_windows = recording.values, {0}
    made: list[Windowed | Step] = []
    views = {0}
    for step in recording.steps:
        on_windows = windowed(step, recording) if has_windows.issuperset(step.inputs) else None
        made.append(step if on_windows is None else on_windows)
        if on_windows is not None:
            has_windows.update(value for value in step.outputs if value is not None)
            if isinstance(on_windows, Padding) or getattr(step.operation, "is_view", True):
                views.update((*step.outputs, *step.inputs))
    head = 1 + max(
        (
            number
            for number, step in enumerate(recording.steps)
            if any(value is not None and _is_map(values[value]) for value in step.outputs)
        ),
        default=-1,
    )
    last = {value: number for number, step in enumerate(recording.steps) for value in step.inputs}
    for value in (recording.output,):
        last[value] = len(recording.steps)
    before = {0, *(value for step in recording.steps[:head] for value in step.outputs if value is not None)}
    crossing = sorted(value for value in before if last.get(value, -1) >= head)
    owned = {value for value in has_windows if value not in views}
    return _Plan(made[:head], recording.steps[head:], last, crossing, owned)


def _is_map(value: Tensor) -> bool:
    return value.ndim >= 4 and value[0, 0].numel() > 1


def _whole_work(recording: Recording, step: Step) -> float:
    """About how many multiplications a step takes on whole values."""
    weights = [item.numel() for item in step.args if isinstance(item, Tensor) and item.ndim > 1]
    made = next(recording.values[value] for value in step.outputs if value is not None)
    if not weights:
        return float(made.numel())
    return float(max(weights)) * (made[0, 0].numel() if made.ndim >= 3 else 1)


def _partition(lengths: np.ndarray, counts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Where to cut a row of extents into at most _CLASSES runs, so that the work is least.

    lengths (steps, n) of the extents, counts (n,) how often each occurs. All extents of a run are enlarged to the
    largest of them, step by step; every run costs a little by itself. Returns the starts of the runs but the first.
    """
    n = lengths.shape[1]
    alone = float(counts @ (weights @ lengths))
    cost = np.full((n, n), np.inf)
    for first in range(n):
        largest = np.maximum.accumulate(lengths[:, first:], axis=1)
        cost[first, first:] = (weights @ largest) * np.cumsum(counts[first:])
    best = cost[0].copy()
    starts = [np.zeros(n, dtype=np.int64)]
    totals = [best[-1]]
    for _ in range(1, min(_CLASSES, n)):
        candidates = np.full((n, n), np.inf)
        candidates[1:] = best[:-1, None] + cost[1:]
        starts.append(candidates.argmin(axis=0))
        best = candidates.min(axis=0)
        totals.append(best[-1])
    runs = int(np.argmin(np.array(totals) + _PENALTY * alone * np.arange(len(totals))))
    cuts, end = [], n - 1
    for row in reversed(starts[1 : runs + 1]):
        cuts.append(int(row[end]))
        end = cuts[-1] - 1
    return np.array(sorted(cuts), dtype=np.int64)
