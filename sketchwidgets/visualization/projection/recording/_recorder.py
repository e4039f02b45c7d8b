"""Run a model once and write the tape."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .._errors import ProjectionError
from ._record_maps import linear
from ._record_pointwise import local_response_norm
from ._registry import HANDLERS, record_unknown, tracked
from ._tape import Saved, Tape

Forward = Callable[[nn.Module, Tensor], Any]


class StopForward(BaseException):
    """Ends a forward pass once all wanted layers have run. Not an Exception: a model's own handlers must not catch it."""


class _Operations(TorchDispatchMode):
    """Shows the tape every ATen operation, below autograd."""

    def __init__(self, tape: Tape) -> None:
        super().__init__()
        self.tape = tape
        self.paused = False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Else the first recording imports the whole of torch._dynamo, which takes seconds.
        return False

    def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return operation(*args, **kwargs)
        self.tape.settle()
        values = tracked(self.tape, args, kwargs)
        handler, writes, is_view = _describe(operation)
        if writes and (values or self.tape.value(args[0]) is not None):
            self.tape.before_write(args[0])
        if not values:
            return operation(*args, **kwargs)
        if handler is None or "out" in kwargs:
            return record_unknown(self.tape, operation, operation(*args, **kwargs), values)
        result = handler(self.tape, operation, *args, **kwargs)
        if is_view:
            self.tape.after_view(args[0])
        return result


@cache
def _describe(operation: Any) -> tuple[Callable | None, bool, bool]:
    return HANDLERS.get(operation), operation._schema.is_mutable, operation.is_view


class _Functions(TorchFunctionMode):
    """Catches the functions that are one operation to us and several to ATen."""

    def __init__(self, tape: Tape, operations: _Operations) -> None:
        super().__init__()
        self.tape = tape
        self.operations = operations

    def __torch_function__(self, function: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is F.local_response_norm and self._flows(args):
            return local_response_norm(
                self.tape, lambda: self._unrecorded(function, args, kwargs), *args, **kwargs
            )
        if function is F.instance_norm and self._flows(args) and kwargs.get("use_input_stats", True):
            return group_norm_of_instances(*args, **kwargs)
        if stops_gradient(function) and self._flows(args):
            return args[0].detach()  # of `.data`, the operations below would show nothing
        if function is F.linear and self._flows(args) and args[0].ndim > 2:
            return linear(self.tape, lambda: self._unrecorded(function, args, kwargs), *args, **kwargs)
        return function(*args, **kwargs)

    def _flows(self, args: tuple) -> bool:
        return not self.operations.paused and bool(args) and self.tape.value(args[0]) is not None

    def _unrecorded(self, function: Any, args: tuple, kwargs: dict) -> Any:
        self.operations.paused = True
        try:
            return function(*args, **kwargs)
        finally:
            self.operations.paused = False


def stops_gradient(function: Any) -> bool:
    """Whether a function returns its tensor without its gradient: `detach`, or the getter of `.data`."""
    return function in (Tensor.detach, torch.detach) or function == Tensor.data.__get__


def group_norm_of_instances(
    x: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """`torch.nn.functional.instance_norm` on the statistics of its input, which are those of groups of one channel."""
    return F.group_norm(x, x.shape[1], weight, bias, eps)


def run_recorded(
    model: nn.Module,
    images: Tensor,
    layers: list[str] | None,
    forward: Forward | None,
    stop_early: bool,
    make_tape: Callable[[Tensor], Tape] = Tape,
) -> tuple[Tape, dict[str, tuple[int, Saved]], Any]:
    """The tape of one forward pass, value and map of every layer by name, and what the forward returned.

    With `stop_early` the pass ends after the last of `layers`, and returns None. `make_tape(images)` starts
    the tape.
    """
    with torch.inference_mode(False), torch.no_grad():
        images = images.detach().clone()  # the model may write into its input
        tape = make_tape(images)
        tape.module_names = {id(module): name for name, module in model.named_modules()}
        outputs: dict[str, tuple[int, Saved]] = {}
        named: set[int] = set()
        returning_maps: list[str] = []

        def collect(name: str, output: Any) -> bool:
            if name in outputs:  # a module that runs again: its first output keeps the name
                return False
            value = tape.value(output) if isinstance(output, Tensor) else None
            if layers is None:
                if value is not None and tape.map_size(value) not in (None, (1, 1)):
                    returning_maps.append(name)
                # The innermost module that returns a value runs out first, and gives the name.
                if value is None or value in named or not _is_default(tape, value):
                    return False
                named.add(value)
            elif value is None:
                raise ProjectionError(_no_output(name, output))
            outputs[name] = (value, tape.save(output))
            return stop_early and layers is not None and len(outputs) == len(layers)

        output = None
        with watch(model, layers, collect):
            operations = _Operations(tape)
            with _Functions(tape, operations), operations, suppress(StopForward):
                output = model(images) if forward is None else forward(model, images)
    check_all_ran(layers, outputs)
    if not outputs:
        maps = ", ".join(map(repr, returning_maps[:5])) or "none"
        raise ProjectionError(
            "no module of this model returns what an activation makes of a convolution: name the layers; "
            f"modules that return maps (n, c, h, w): {maps}"
        )
    tape.finish([value for value, _ in outputs.values()])
    return tape, outputs, output


def _is_default(tape: Tape, value: int) -> bool:
    """Whether a value is projected by default: an activation after a convolution, with more than one position."""
    size = tape.map_size(value)
    if size is None or size == (1, 1) or not tape.after_convolution[value]:
        return False
    return value in tape.makers and tape.makers[value].is_activation


def _no_output(name: str, output: Any) -> str:
    if not isinstance(output, Tensor):
        return f"layer {name!r} returns a {type(output).__name__}, not a tensor: it cannot be projected"
    return f"the output of layer {name!r} does not depend on the images"


def check_all_ran(layers: list[str] | None, outputs: dict) -> None:
    missing = [name for name in layers or () if name not in outputs]
    if missing:
        raise ProjectionError(f"the forward pass did not run layer {missing[0]!r}")


@contextmanager
def watch(model: nn.Module, layers: list[str] | None, collect: Callable[[str, Any], bool]) -> Iterator[None]:
    """Call `collect(name, output)` whenever a layer (None: any module) has run, on this thread; True ends
    the forward.

    The hooks are gone when the context ends, however it ends.
    """
    thread = threading.get_ident()

    def hook_for(name: str) -> Callable:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            if threading.get_ident() == thread and collect(name, output):
                raise StopForward

        return hook

    modules = dict(model.named_modules())
    names = [name for name in modules if name] if layers is None else layers
    handles = []
    try:
        for name in names:
            handles.append(modules[name].register_forward_hook(hook_for(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()
