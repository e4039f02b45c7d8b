"""The tape: what one forward pass did, as a list of steps from the images to the layers, recorded below
autograd.

Values are numbered; a step says which values it read, which one it made, and knows how to pass a signal
down (`_step`). Functional, in-place and reused modules look alike here, because what is recorded are the
operations and not the modules.
"""

from collections import Counter
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .._errors import UnsupportedOperation
from .._precision import converted

if TYPE_CHECKING:
    from ..steps._step import Step


class Saved:
    """A tensor of the forward pass that the way down needs, guarded against being overwritten later.

    Maps (n, c, h, w) are kept channels-last from their first use on: there, a window is a set of contiguous
    rows.
    """

    __slots__ = ("_converted", "_tensor", "_version")

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor
        self._version = tensor._version
        self._converted: Saved | None = None

    @property
    def tensor(self) -> Tensor:
        if self._tensor._version != self._version:
            raise UnsupportedOperation("a tensor that was modified in place after it was used")
        return self._tensor

    def of_type(self, dtype: torch.dtype | None) -> "Saved":
        """The same in another number format, converted once; None: as it is."""
        tensor = self.tensor
        if dtype is None or tensor.dtype == dtype:
            return self
        if self._converted is None or self._converted._tensor.dtype != dtype:
            self._converted = Saved(tensor.to(dtype))
        return self._converted

    def as_weight(self, dtype: torch.dtype | None) -> Tensor:
        """The tensor in another number format (None: as it is), which outlasts this forward pass."""
        tensor = self.tensor
        return tensor if dtype is None or tensor.dtype == dtype else converted(tensor, dtype)

    def detach_from_writes(self) -> None:
        """Keep a copy, because the tensor is about to be overwritten."""
        self._tensor = self.tensor.clone()
        self._version = self._tensor._version

    def settle(self) -> None:
        """Take the tensor as it is now for what was saved."""
        self._version = self._tensor._version

    def in_rows(self) -> Tensor:
        """The map (n, c, h, w) with the channels of a position side by side in memory."""
        maps = self.tensor
        if not maps.is_contiguous(memory_format=torch.channels_last):
            maps = self._tensor = maps.contiguous(memory_format=torch.channels_last)
            self._version = maps._version
        return maps

    def rows(self) -> Tensor:
        """The map as (n * h * w, c), contiguous."""
        return self.in_rows().permute(0, 2, 3, 1).reshape(-1, self._tensor.shape[1])


class Tape:
    """The steps of one forward pass and the shapes of its values; value 0 is the images."""

    def __init__(self, images: Tensor) -> None:
        self.steps: list[Step] = []
        self.shapes: list[tuple[int, ...]] = []
        self.after_convolution: list[bool] = []
        self.channels_last: list[bool] = []  # maps whose axes are (n, h, w, c)
        self.broken: str | None = None
        self.module_names: dict[int, str] = {}  # while recording: by the id of the module
        self.made_by: dict[int, Step] = {}  # the convolutions below these
        self.scales_convolution: set[int] = (
            set()
        )  # outputs of scales whose input a convolution makes for them alone
        self.makers: dict[int, Step] = {}  # while recording: the step that made a value
        self._ids: dict[int, int] = {}
        self._alive: list[Tensor] = []  # while recording: an id must not be reused
        self._held: dict[int, Saved] = {}
        self._fresh: list[Saved] = []
        self._shared_storages: set[int] = set()
        self.number(images)

    def number(self, tensor: Tensor, after_convolution: bool = False, channels_last: bool = False) -> int:
        """Give the tensor, as it is now, the next number."""
        value = len(self.shapes)
        self.shapes.append(tuple(tensor.shape))
        self.after_convolution.append(after_convolution)
        self.channels_last.append(channels_last)
        self._ids[id(tensor)] = value
        self._alive.append(tensor)
        return value

    def value(self, tensor: object) -> int | None:
        """The number of a tensor that depends on the images; None for any other."""
        return self._ids.get(id(tensor))

    def size(self, value: int) -> tuple[int, int] | None:
        """Height and width of a value that is a map; None for any other."""
        shape = self.shapes[value]
        return shape[2:] if len(shape) == 4 else None

    def map_size(self, value: int) -> tuple[int, int] | None:
        """As `size`, with the axes of a channels-last map told apart."""
        shape = self.shapes[value]
        return shape[1:3] if self.channels_last[value] else self.size(value)

    def save(self, tensor: Tensor) -> Saved:
        """Keep a tensor as it is now; asked twice, it is kept once."""
        saved = self._held.get(id(tensor))
        if saved is None:
            saved = self._held[id(tensor)] = Saved(tensor)
            self._alive.append(tensor)
            self._fresh.append(saved)
        return saved

    def settle(self) -> None:
        """Called between operations: PyTorch counts a write into a tensor only after the operation has returned."""
        for saved in self._fresh:
            saved.settle()
        self._fresh.clear()

    def before_write(self, tensor: Tensor) -> None:
        """Called before an operation writes into a tensor: what was saved of it is copied first."""
        saved = self._held.pop(id(tensor), None)
        if saved is not None:
            saved.detach_from_writes()
        storage = tensor.untyped_storage()
        partial = tensor.numel() * tensor.element_size() != storage.nbytes()
        if partial or storage.data_ptr() in self._shared_storages:
            # Other names of the same memory change with it, which numbered values cannot express.
            self.broken = "an operation that writes into a view"

    def after_view(self, tensor: Tensor) -> None:
        """Called after an operation returned a view: writing into either is then visible in the other."""
        self._shared_storages.add(tensor.untyped_storage().data_ptr())

    def add(self, step: "Step", result: Tensor) -> None:
        """Append a step that made `result` from the values `step.inputs`."""
        flowing = step.is_convolution or any(self.after_convolution[value] for value in step.inputs)
        channels_last = result.ndim == 4 and step.is_channels_last(self)
        step.output = self.number(result, flowing, channels_last)
        self.steps.append(step)
        self.makers[step.output] = step

    def _find_scaled_convolutions(self, outputs: set[int]) -> None:
        convolutions = {step.output for step in self.steps if step.is_convolution} - outputs
        readers = Counter(value for step in self.steps for value in step.inputs)
        self.scales_convolution = {
            step.output
            for step in self.steps
            if step.is_scale and step.inputs[0] in convolutions and readers[step.inputs[0]] == 1
        }
        self.made_by = {step.output: step for step in self.steps if step.is_convolution}

    def finish(self, values: list[int]) -> None:
        """End the recording: forget all that a way down from these values does not need."""
        self.settle()
        wanted = set(values)
        kept = []
        for step in reversed(self.steps):
            if step.output in wanted:
                kept.append(step)
                wanted.update(step.inputs)
        self.steps = kept[::-1]
        self._find_scaled_convolutions(set(values))
        self._ids, self._alive, self._held, self._shared_storages, self.makers = {}, [], {}, set(), {}
        self.module_names = {}
