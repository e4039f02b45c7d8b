"""Which step each ATen operation of a forward pass becomes.

A handler runs the operation and appends its step to the tape; only called when some argument depends on the
images. What no handler knows, or a handler finds in a variant that it does not know, is recorded as
Unknown: harmless unless a projection has to pass through it.
"""

import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from torch import Tensor, nn

from ..steps._step import Unknown
from ._tape import Tape

HANDLERS: dict[Any, Callable] = {}


def handles(*operations: Any) -> Callable:
    """Register a handler: called as handler(tape, operation, *args, **kwargs), it returns what the operation returned."""

    def register(handler: Callable) -> Callable:
        for operation in operations:
            HANDLERS[operation] = handler
        return handler

    return register


def tracked(tape: Tape, args: Sequence[Any], kwargs: dict[str, Any]) -> list[int]:
    """The values among the arguments, lists included."""
    values = []
    for arg in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(arg, Tensor):
            value = tape.value(arg)
            if value is not None:
                values.append(value)
        elif isinstance(arg, list | tuple):
            values += tracked(tape, arg, {})
    return values


def running_module(tape: Tape) -> str:
    """Which module of the model is running, " in the Softsign 'features.1'"; empty where none is on the stack.

    Read off the stack, and so at no cost to an operation that needs no name.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_locals.get("self")
        if isinstance(module, nn.Module) and tape.module_names.get(id(module)):
            return f" in the {type(module).__name__} {tape.module_names[id(module)]!r}"
        frame = frame.f_back
    return ""


def record_unknown(tape: Tape, operation: Any, result: Any, values: list[int]) -> Any:
    """Record an operation that nothing is known about."""
    name = str(getattr(operation, "__name__", operation)).split(".")[0]
    where = running_module(tape)
    for item in result if isinstance(result, list | tuple) else (result,):
        if isinstance(item, Tensor):
            tape.add(Unknown(values, name, where), item)
    return result


def run_unknown(tape: Tape, operation: Any, *args: Any, **kwargs: Any) -> Any:
    values = tracked(tape, args, kwargs)
    return record_unknown(tape, operation, operation(*args, **kwargs), values)
