"""Write down one forward pass, so that it can be played again on a batch of other images, or on parts of them.

The operations are recorded below autograd, where functional, in-place and reused modules look alike. Values are
numbered: 0 is the image, every result that depends on it gets the next number. A step holds its operation and
arguments, with `Ref` in place of a value.

The pass is recorded for one image and again for two: what differs between the two recordings is the batch
dimension, wherever it hides (in `view(n, -1)`, in a state of zeros made for n images), and the replay puts its
own in place. The second time only arguments count, so the expensive operations are left out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .._products import addmm
from ..projection.recording._recorder import Forward, watch
from ._layers import LastMap

aten = torch.ops.aten

# What would need more than its arguments to be played again, or changes more than its results.
_UNREPLAYABLE = (aten.as_strided.default, aten._local_scalar_dense.default, aten.set_.source_Storage)
# Whose results for two images have twice the images, and are not computed to know that.
_PREDICTABLE = {
    aten.convolution.default,
    aten.addmm.default,
    aten.max_pool2d_with_indices.default,
    aten.avg_pool2d.default,
    aten._adaptive_avg_pool2d.default,
    aten.native_batch_norm.default,
    aten._native_batch_norm_legit_no_training.default,
    aten.relu.default,
}
# A view of a value is only possible in one memory layout; the replay has its own. A product of many rows has a quicker way.
_REPLACED = {
    aten.view.default: aten.reshape.default,
    aten._unsafe_view.default: aten.reshape.default,
    aten.addmm.default: addmm,
}


class Unreplayable(Exception):
    """The forward pass does something that a recording of operations cannot express."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A value among the arguments of a step."""

    value: int


@dataclass(frozen=True, slots=True)
class PerImage:
    """A number among the arguments that grows with the batch: `once` for one image, and `each` for every further."""

    once: int
    each: int


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """A tensor among the arguments that was made for the batch, one row an image."""

    row: Tensor


@dataclass(eq=False)
class Step:
    """One operation. inputs: the values it reads; outputs: those it makes, None for a result that nobody can read."""

    operation: Callable
    args: tuple
    kwargs: dict
    inputs: list[int]
    outputs: list[int | None]
    single: bool  # returns a tensor and not several
    prepared: dict = field(default_factory=dict)  # what a replay wants to compute once

    def play(self, read: Callable[[int], Tensor], images: int) -> list[Tensor]:
        """The results for a batch, given every value of that batch."""

        def fill(item: Any) -> Any:
            if isinstance(item, Ref):
                return read(item.value)
            if isinstance(item, PerImage):
                return item.once + item.each * (images - 1)
            if isinstance(item, Repeated):
                return item.row.expand(images, *item.row.shape[1:])
            if isinstance(item, list | tuple):
                return type(item)(fill(part) for part in item)
            return item

        made = self.operation(*fill(self.args), **{name: fill(item) for name, item in self.kwargs.items()})
        return [made] if self.single else list(made)


@dataclass(eq=False)
class Recording:
    """The steps of a forward pass for one image, every value in it, and which values are its output and the layers'."""

    steps: list[Step]
    values: list[Tensor]
    output: int
    layers: dict[str, int]  # in the order in which they ran

    @property
    def layer(self) -> int:
        """The value of the only layer, or the first."""
        return next(iter(self.layers.values()))

    @property
    def layer_name(self) -> str:
        """The name of the only layer, or the first."""
        return next(iter(self.layers))


def record(
    model: nn.Module,
    image: Tensor,
    layers: str | Sequence[str] | None = None,
    forward: Forward | None = None,
) -> Recording:
    """Record the forward pass of a model on an image (1, C, H, W); raises Unreplayable.

    layers : the modules whose outputs, the first of each, are wanted as values too; None for the last that returns a
        map.
    """
    once = _run(model, image, [layers] if isinstance(layers, str) else layers, forward)
    twice = _run(model, image.expand(2, -1, -1, -1).clone(), list(once.layers), forward, once)
    if len(once.steps) != len(twice.steps) or (once.output, once.layers) != (twice.output, twice.layers):
        raise Unreplayable("a forward pass that depends on the number of images")
    for one, two in zip(once.steps, twice.steps, strict=True):
        if one.operation is not two.operation or one.outputs != two.outputs:
            raise Unreplayable("a forward pass that depends on the number of images")
        one.args = _compare(one.args, two.args)
        one.kwargs = {name: _compare(item, two.kwargs[name]) for name, item in one.kwargs.items()}
    wanted = _drop_the_unread(once)
    for value in wanted:
        shape = tuple(once.values[value].shape)
        if shape == tuple(twice.values[value].shape):
            raise Unreplayable(f"a value {shape} that mixes the images of a batch")
    return once


def _run(
    model: nn.Module,
    images: Tensor,
    layers: Sequence[str] | None,
    forward: Forward | None,
    reference: Recording | None = None,
) -> Recording:
    with torch.inference_mode(False), torch.no_grad():
        images = images.detach().clone()
        operations = _Operations(images, reference)
        last = LastMap(model)
        named: dict[str, int | None] = {}

        def collect(name: str, output: Any) -> bool:
            if layers is None and last.offer(name, output):
                named.clear()
            if (layers is not None or name == last.name) and name not in named:
                named[name] = operations.number(output) if isinstance(output, Tensor) else None
            return False

        with (
            watch(model, None if layers is None else list(layers), collect),
            _Functions(operations),
            operations,
        ):
            output = model(images) if forward is None else forward(model, images)
    value = operations.number(output) if isinstance(output, Tensor) else None
    missing = layers is not None and len(named) != len(set(layers))
    if value is None or not named or missing or None in named.values():
        raise Unreplayable("an output that does not depend on the image by recorded operations")
    return Recording(operations.steps, operations.values, value, named)


class _Operations(TorchDispatchMode):
    """Writes every ATen operation on values into `steps`.

    reference : the recording for one image, when this is the one for two.
    """

    def __init__(self, images: Tensor, reference: Recording | None = None) -> None:
        super().__init__()
        self._reference = reference
        self.steps: list[Step] = []
        self.values: list[Tensor] = []
        self.paused = False
        self._numbers: dict[int, int] = {}
        self._alive: list[Tensor] = []  # an id must not be used again
        self._sharing: dict[int, set[int]] = {}  # storage -> ids of the tensors that were seen in it
        self._enter(images)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else the first recording imports the whole of torch._dynamo, which takes seconds.
        return False

    def number(self, tensor: Tensor) -> int | None:
        return self._numbers.get(id(tensor))

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return operation(*args, **kwargs)
        inputs = [self.number(tensor) for tensor in _tensors((args, kwargs))]
        inputs = [value for value in inputs if value is not None]
        if not inputs or _moves_nothing(operation, args):
            return operation(*args, **kwargs)
        if operation in _UNREPLAYABLE or "out" in kwargs:
            raise Unreplayable(f"the operation {operation}")
        played = operation
        if any(
            argument.alias_info and argument.alias_info.is_write for argument in operation._schema.arguments
        ):
            played = self._before_write(operation, args)
        templates = self._template(args), self._template(kwargs)
        result = self._predicted(operation) if self._reference else None
        result = operation(*args, **kwargs) if result is None else result
        return self.write(_REPLACED.get(played, played), *templates, inputs, result)

    def write(self, operation: Callable, args: tuple, kwargs: dict, inputs: list[int], result: Any) -> Any:
        """Append a step; returns the result."""
        made = [result] if isinstance(result, Tensor) else result
        if not isinstance(made, list | tuple) or not all(isinstance(tensor, Tensor) for tensor in made):
            raise Unreplayable(f"the operation {operation}, whose result is no tensor")
        outputs = [self._enter(tensor) for tensor in made]
        self.steps.append(Step(operation, args, kwargs, inputs, outputs, isinstance(result, Tensor)))
        return result

    def _predicted(self, operation: Any) -> Any:
        """Zeros of the shape that the reference says; None where it says nothing."""
        number = len(self.steps)
        if operation not in _PREDICTABLE or number >= len(self._reference.steps):
            return None
        step = self._reference.steps[number]
        if step.operation is not operation:
            return None
        values = [self._reference.values[value] for value in step.outputs]
        if any(value.numel() and value.shape[0] != 1 for value in values):
            return None  # whose first axis is more than the batch
        made = [value.new_zeros((2, *value.shape[1:])) if value.numel() else value for value in values]
        return made[0] if step.single else tuple(made)

    def _enter(self, tensor: Tensor) -> int:
        value = len(self.values)
        self._numbers[id(tensor)] = value
        self._alive.append(tensor)
        self._sharing.setdefault(tensor.untyped_storage().data_ptr(), set()).add(id(tensor))
        self.values.append(tensor)
        return value

    def _before_write(self, operation: Any, args: tuple) -> Callable:
        """Keep what is about to be overwritten; returns the operation that does the same without writing."""
        written = args[0] if args else None
        value = self.number(written) if isinstance(written, Tensor) else None
        name = operation._schema.name.split("::")[-1]
        pure = getattr(aten, name[:-1], None) if name.endswith("_") else None
        pure = getattr(pure, operation._overloadname, None)
        if value is None or pure is None:
            raise Unreplayable(f"the operation {operation}, which writes into a tensor")
        if len(self._sharing[written.untyped_storage().data_ptr()]) > 1:
            raise Unreplayable("an operation that writes into a tensor of which there are views")
        self.values[value] = written.clone()
        return pure

    def _template(self, item: Any) -> Any:
        if isinstance(item, Tensor):
            value = self.number(item)
            return item if value is None else Ref(value)
        if isinstance(item, list | tuple):
            return type(item)(self._template(part) for part in item)
        if isinstance(item, dict):
            return {name: self._template(part) for name, part in item.items()}
        return item


class _Functions(TorchFunctionMode):
    """Catches local response normalization, which is one operation to us and several to ATen."""

    def __init__(self, operations: _Operations) -> None:
        super().__init__()
        self.operations = operations

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        operations = self.operations
        value = operations.number(args[0]) if args and isinstance(args[0], Tensor) else None
        if function is not F.local_response_norm or operations.paused or value is None:
            return function(*args, **kwargs)
        operations.paused = True
        try:
            result = function(*args, **kwargs)
        finally:
            operations.paused = False
        return operations.write(function, (Ref(value), *args[1:]), kwargs, [value], result)


def _moves_nothing(operation: Any, args: tuple) -> bool:
    """Whether an operation writes other strides where axes have one element: a global pool does, of channels-last maps."""
    if operation is not aten.as_strided_.default or len(args) != 3 or list(args[0].shape) != list(args[1]):
        return False
    axes = zip(args[0].shape, args[0].stride(), args[2], strict=True)
    return all(length <= 1 or now == then for length, now, then in axes)


def _tensors(item: Any) -> Iterator[Tensor]:
    if isinstance(item, Tensor):
        yield item
    elif isinstance(item, list | tuple):
        for part in item:
            yield from _tensors(part)
    elif isinstance(item, dict):
        yield from _tensors(list(item.values()))


def _compare(one: Any, two: Any) -> Any:
    """The arguments of the pass with one image, what differs in that with two replaced by what grows."""
    if isinstance(one, list | tuple):
        if len(one) != len(two):
            raise Unreplayable("a forward pass that depends on the number of images")
        return type(one)(_compare(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, Tensor):
        if one.shape == two.shape:
            return one
        if one.shape[:1] == (1,) and (2, *one.shape[1:]) == tuple(two.shape):
            return Repeated(one)
        raise Unreplayable("a tensor whose shape depends on the number of images")
    if one == two or one is two:
        return one
    if type(one) is int and type(two) is int:
        return PerImage(one, two - one)
    raise Unreplayable("a forward pass that depends on the number of images")


def _drop_the_unread(recording: Recording) -> set[int]:
    """Forget the steps that neither the output nor a layer needs; returns the values that remain."""
    wanted = {recording.output, *recording.layers.values()}
    kept = []
    for step in reversed(recording.steps):
        if wanted.isdisjoint(step.outputs):
            continue
        step.outputs = [value if value in wanted else None for value in step.outputs]
        wanted.update(step.inputs)
        kept.append(step)
    recording.steps = kept[::-1]
    recording.values = [
        value if i in wanted else value.new_empty(0) for i, value in enumerate(recording.values)
    ]
    return wanted
