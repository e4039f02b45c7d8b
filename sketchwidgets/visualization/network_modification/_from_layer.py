"""A network without one channel after the other, computed from the layer on.

The forward pass is recorded once. What lies before a layer is the same whatever the layer is made to say, and so are
the ways around it; only the steps that depend on it are played again, for many channels as one batch.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..input_modification._replay import Recording, Step, Unreplayable, record
from ._off import each_without, maps_of, off_values, replacing
from ._subject import Subject

_CHUNK_BYTES = 8 << 20  # of the largest value that a group of channels makes
_ROWS = 64  # of a group, at most
_TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}  # of the check against plain passes, relative


class FromLayer:
    """What a subject puts out without a layer, and without each of its channels.

    layers : in the order in which they run. maps : of each (c, h, w) or (c,), on the last frame. method : "replay", or
    "forward" for whole passes; `wanted` may be "auto" too.
    """

    def __init__(self, subject: Subject, layers: Sequence[str], to: str, wanted: str) -> None:
        self.subject = subject
        found = maps_of(subject, subject.frames[-1:], layers)
        self.layers = tuple(found)
        self.maps = {layer: value[0] for layer, value in found.items()}
        self._instead = off_values(subject, self.layers, to)
        for layer, value in found.items():
            if value.shape != self._instead[layer].shape:
                raise ValueError(
                    f"layer {layer!r} returns {tuple(value.shape)}, of paper {tuple(self._instead[layer].shape)}: "
                    'it can only be switched off to "zero"'
                )
        self._replay: _Replay | None = None
        if wanted != "forward":
            try:
                replay = _Replay(subject, self.layers)
                if wanted == "replay" or self._agrees(replay):
                    self._replay = replay
            except Unreplayable as error:
                if wanted == "replay":
                    raise ValueError(f'method "replay" cannot play {error} again') from None
        self.method = "forward" if self._replay is None else "replay"

    def rows(self, layer: str) -> int:
        """How many there are: the whole layer, and its channels."""
        return 1 + len(self.maps[layer])

    def outputs(self, layer: str, advance: Callable[[int], bool]) -> tuple[Tensor, Tensor]:
        """The outputs (1 + c, m, f) without the whole layer and without each channel, and (1 + c,) whether they are done.

        m : the frames that `Subject.last` asks about. advance : told how many passes have been saved or made since the
        last call; False ends the work.
        """
        asked, count = self.subject.asked, self.rows(layer)
        made: Tensor | None = None
        done = torch.zeros(count, len(asked), dtype=torch.bool)
        for number, frame in enumerate(asked):
            base = self._base(layer, frame[None])
            if made is None:
                made = base.output.new_zeros(count, len(asked), base.output.shape[1])
            # A channel that says already what it would say has no effect, and costs nothing.
            differs = (base.value != self._instead[layer]).transpose(0, 1).flatten(1).any(1)
            rows = [row for row in range(-1, count - 1) if bool(differs[row] if row >= 0 else differs.any())]
            same = sorted(set(range(-1, count - 1)) - set(rows))
            places = torch.tensor(same, dtype=torch.int64) + 1
            made[places.to(made.device), number] = base.output
            done[places, number] = True
            goes_on = advance(len(same)) if same else True
            size = base.group
            for start in range(0, len(rows), size):
                if not goes_on:
                    return made, done.all(1)
                group = rows[start : start + size]
                places = torch.tensor(group) + 1
                made[places.to(made.device), number] = base.without(group)
                done[places, number] = True
                goes_on = advance(len(group))
        return made, done.all(1)

    def _base(self, layer: str, frame: Tensor) -> "_Base":
        if self._replay is None:
            return _Plain(self.subject, layer, frame, self._instead[layer])
        return _Replayed(self._replay, layer, frame, self._instead[layer])

    def _agrees(self, replay: "_Replay") -> bool:
        """Whether plain passes say the same: a model may branch on what it sees, which no recording shows."""
        frame = self.subject.frames[-1:]
        for layer, instead in self._instead.items():
            rows = [
                -1,
                int((self.maps[layer][None] - instead).abs().transpose(0, 1).flatten(1).sum(1).argmax()),
            ]
            wanted = _Plain(self.subject, layer, frame, instead).without(rows)
            try:
                found = _Replayed(replay, layer, frame, instead).without(rows)
            except RuntimeError:  # a value that cannot be had for many from that for one
                return False
            tolerance = _TOLERANCE.get(wanted.dtype, 5e-2) * wanted.abs().max().clamp_min(1e-12)
            if found.shape != wanted.shape or bool(((found - wanted).abs() > tolerance).any()):
                return False
        return True


class _Base:
    """One frame with everything on: the layer's value (1, c, ...), the output (1, f), how many rows go at once."""

    value: Tensor
    output: Tensor
    group = 16

    def without(self, rows: Sequence[int]) -> Tensor:
        """(k, f), the outputs without these channels, -1 for the whole layer."""
        raise NotImplementedError


class _Plain(_Base):
    """Whole forward passes, in batches."""

    def __init__(self, subject: Subject, layer: str, frame: Tensor, instead: Tensor) -> None:
        self._subject, self._layer, self._frame, self._instead = subject, layer, frame, instead
        self.value = maps_of(subject, frame, [layer])[layer]
        with torch.inference_mode(False), torch.no_grad():
            self.output = subject.checked(subject.forward(subject.module, frame.clone()))

    def without(self, rows: Sequence[int]) -> Tensor:
        subject = self._subject
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            replacing(
                subject.module,
                [self._layer],
                lambda _layer, output: each_without(output, rows, self._instead),
            ),
        ):
            return subject.checked(subject.forward(subject.module, self._frame.repeat(len(rows), 1, 1, 1)))


class _Replay:
    """A recorded pass, and for every layer the steps that depend on it."""

    def __init__(self, subject: Subject, layers: Sequence[str]) -> None:
        self.subject = subject
        self.recorded = subject.frames[-1:]
        self.recording: Recording = record(subject.module, self.recorded, layers, subject.forward)
        self.after = {layer: self._after(value) for layer, value in self.recording.layers.items()}

    def _after(self, value: int) -> list[tuple[Step, list[int]]]:
        """The steps that a value has a part in, each with the values that are read there last."""
        recording, reached = self.recording, {value}
        steps: list[Step] = []
        for step in recording.steps:
            if reached.isdisjoint(step.inputs):
                continue
            around = [other for other in step.inputs if other not in reached]
            if any(recording.values[other].shape[:1] != (1,) for other in around):
                raise Unreplayable("a value that does not have the images of a batch as its first axis")
            reached.update(made for made in step.outputs if made is not None)
            steps.append(step)
        if recording.output not in reached:
            raise Unreplayable("an output that does not depend on every layer")
        last = {read: number for number, step in enumerate(steps) for read in step.inputs if read in reached}
        last[recording.output] = len(steps)
        over: list[list[int]] = [[] for _ in range(len(steps) + 1)]
        for read, number in last.items():
            over[number].append(read)
        return list(zip(steps, over, strict=False))

    def values(self, frame: Tensor) -> list[Tensor]:
        """Every value of one frame (1, C, H, W)."""
        if frame.data_ptr() == self.recorded.data_ptr():
            return self.recording.values
        values = [frame, *self.recording.values[1:]]
        for step in self.recording.steps:
            for number, made in zip(step.outputs, step.play(values.__getitem__, 1), strict=True):
                if number is not None:
                    values[number] = made
        return values


class _Replayed(_Base):
    """The steps behind a layer, for many channels at once."""

    def __init__(self, replay: _Replay, layer: str, frame: Tensor, instead: Tensor) -> None:
        self._replay, self._instead = replay, instead
        self._steps = replay.after[layer]
        self._layer = replay.recording.layers[layer]
        with torch.inference_mode(False), torch.no_grad():
            self._values = replay.values(frame)
        self.value = self._values[self._layer]
        self.output = replay.subject.checked(self._values[replay.recording.output])
        made = [
            self.value,
            *(self._values[n] for step, _ in self._steps for n in step.outputs if n is not None),
        ]
        largest = max(value.numel() * value.element_size() for value in made)
        self.group = max(1, min(_ROWS, _CHUNK_BYTES // largest))

    def without(self, rows: Sequence[int]) -> Tensor:
        count = len(rows)
        with torch.inference_mode(False), torch.no_grad():
            changed = {self._layer: each_without(self.value, rows, self._instead)}

            def read(value: int) -> Tensor:
                if value in changed:
                    return changed[value]
                there = self._values[value]
                return there.expand(count, *there.shape[1:])

            for step, over in self._steps:
                made = step.play(read, count)
                for value in over:
                    del changed[value]
                changed |= {
                    number: one for number, one in zip(step.outputs, made, strict=True) if number is not None
                }
            return self._replay.subject.checked(changed[self._replay.recording.output])
