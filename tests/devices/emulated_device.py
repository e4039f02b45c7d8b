"""A second device for machines that have none: its tensors keep their numbers on the CPU, and deny it.

What it emulates
----------------
- A tensor on it is a `DeviceTensor`: it says that it is on `emulated:0`, and every operation on it runs on the CPU tensor
  that it holds. So whole entry points run, with the numbers that they have on the CPU.
- As on CUDA, no operation takes tensors of both devices, but for copies, for a number without axes beside a tensor, and for
  indices on the CPU. A message says which line of the package mixed them.
- As on CUDA, its tensors do not turn into numpy arrays.
- As on CUDA, random numbers on it come from no generator of the CPU.
- With `float64=False`, as on Apple's MPS, no tensor on it is float64.

What it cannot
--------------
- It knows no kernels: operations that a device lacks, computes differently or is slow at are not noticed, nor are memory
  formats, streams, `torch.cuda` and what waits for what.
- Operations that return several views of a tensor fail in inference mode: PyTorch cannot mark such views. The LSTM of a
  recogniser has one.
- A tensor that is resized in place, and `tensor.data = ...` across devices, are not followed. `Module.to` therefore makes
  new parameters, as PyTorch offers for such tensors.

`install` changes PyTorch for good, and needs names that it does not promise to keep: only for a process of its own, which
asks `missing` first. See `run_entry_points.py`.
"""

import functools
import importlib
import threading
import traceback
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

NAME = "emulated"

# Private, or not in every PyTorch that the package runs with.
_NEEDED = (
    ("torch.utils.backend_registration", "_setup_privateuseone_for_python_backend"),
    ("torch.utils._python_dispatch", "TorchDispatchMode"),
    ("torch._C", "_set_only_lift_cpu_tensors"),
    ("torch._C", "_disabled_torch_function_impl"),
    ("torch.autograd.graph", "_engine_run_backward"),
    ("torch.autograd", "_engine_run_backward"),
)

# Operations that take tensors of both devices: copies, and what only reads the shape.
_BETWEEN_DEVICES = {"_to_copy", "to", "copy_", "copy", "is_same_size"}
_INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index"}
# Operations that refuse even a number without axes of the other device.
_STRICT = {
    *["convolution", "mm", "addmm", "bmm", "cat", "stack", "gather", "scatter", "scatter_", "index_select"]
}


def missing() -> str | None:
    """What this PyTorch lacks for the emulation, or None."""
    for module, name in _NEEDED:
        try:
            importlib.import_module(module)
        except ImportError:
            return module
        if not hasattr(importlib.import_module(module), name):
            return f"{module}.{name}"
    return None


class DeviceTensor(torch.Tensor):
    """A tensor of the emulated device; `held` is the CPU tensor with its numbers."""

    held: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "DeviceTensor":
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=torch.device(NAME, 0),
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, operation: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        return _Device.current.run(operation, args, kwargs or {})

    def __repr__(self) -> str:
        return f"DeviceTensor({tuple(self.shape)}, {self.dtype})"

    # What PyTorch reads from the memory of a tensor without an operation.

    def tolist(self) -> Any:
        return self.held.detach().tolist()

    def numpy(self, **_: Any) -> Any:
        raise TypeError(f"can't convert {self.device} device type tensor to numpy{_where()}")

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def untyped_storage(self) -> Any:
        return self.held.untyped_storage()

    def __deepcopy__(self, memo: dict[int, Any]) -> "DeviceTensor":
        if id(self) not in memo:
            copy = DeviceTensor(self.held.detach().clone())
            if isinstance(self, torch.nn.Parameter):
                copy = torch.nn.Parameter(copy, self.requires_grad)
            memo[id(self)] = copy.requires_grad_(self.requires_grad)
        return memo[id(self)]


class _Device:
    """What runs the operations; one for the process."""

    current: "_Device"

    def __init__(self, float64: bool) -> None:
        self.float64 = float64

    def run(self, operation: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """An operation on the CPU tensors that the given ones hold; its result is on the device where that belongs."""
        name = operation._schema.name.split("::")[1]
        given = tree_leaves((args, kwargs))
        on_device = [value for value in given if isinstance(value, DeviceTensor)]
        asked = kwargs.get("device")
        if asked is None:
            asked = next((value for value in args if isinstance(value, torch.device)), None)
        if name in ("copy_", "copy"):
            stays = isinstance(args[0], DeviceTensor)
        else:
            stays = bool(on_device) if asked is None else torch.device(asked).type == NAME
        if on_device:
            self._check_mixed(operation, name, args, given)
        generator = kwargs.get("generator")
        if stays and generator is not None and generator.device.type == "cpu":
            raise RuntimeError(f"Expected a '{NAME}' device type for generator but found 'cpu'{_where()}")
        if stays and asked is not None:
            args, kwargs = tree_map(
                lambda value: _cpu if isinstance(value, torch.device) else value, (args, kwargs)
            )
            kwargs = kwargs | ({"device": _cpu} if "device" in kwargs else {})
        if kwargs.get("pin_memory"):
            kwargs = kwargs | {"pin_memory": False}
        args, kwargs = tree_map(_held, (args, kwargs))
        result = operation(*args, **kwargs)
        if not stays:
            return result
        # An operation in place returns what it was given.
        same = {id(value.held): value for value in on_device}
        return tree_map(lambda value: same[id(value)] if id(value) in same else self._taken(value), result)

    def _taken(self, value: Any) -> Any:
        """A result of the CPU as one of the device."""
        if not _is_elsewhere(value):
            return value
        if not self.float64 and value.dtype in (torch.float64, torch.complex128):
            raise TypeError(f"the {NAME} device has no {value.dtype}{_where()}")
        return DeviceTensor(value)

    def _check_mixed(self, operation: Any, name: str, args: tuple, given: list[Any]) -> None:
        """RuntimeError where an operation on tensors of the device has others that it cannot take."""
        others = [value for value in given if _is_elsewhere(value)]
        if not others or name in _BETWEEN_DEVICES:
            return
        if name in _INDEXING:
            # The indices may be on either; of what is put there, a number.
            refused = _is_elsewhere(args[0]) or any(_is_elsewhere(put) and put.ndim for put in args[2:3])
        elif name in _STRICT:
            refused = True
        else:
            into_cpu = name.endswith("_") and _is_elsewhere(args[0])
            refused = into_cpu or any(value.ndim for value in others)
        if refused:
            shapes = [tuple(value.shape) for value in others]
            raise RuntimeError(
                f"Expected all tensors to be on the same device: {operation} has {shapes} on the CPU{_where()}"
            )


def install(float64: bool = True) -> torch.device:
    """Make the device known to PyTorch and to `device=` of the package, on all threads; return it.

    float64 : whether it has that format. Once a process, and not to be undone.
    """
    from torch.utils._python_dispatch import TorchDispatchMode  # `missing` is asked first

    class Everywhere(TorchDispatchMode):
        """Operations without a tensor of the device among what they are given: those that make one."""

        def __torch_dispatch__(self, operation: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
            return _Device.current.run(operation, args, kwargs or {})

    def begin_thread(start: Any, thread: threading.Thread) -> None:
        run = thread.run

        def with_device() -> None:
            torch._C._set_only_lift_cpu_tensors(True)
            with Everywhere():
                run()

        thread.run = with_device
        start(thread)

    _Device.current = _Device(float64)
    torch.utils.backend_registration._setup_privateuseone_for_python_backend(NAME)
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(values, device=...) makes them on the CPU first
    Everywhere().__enter__()
    start = threading.Thread.start
    threading.Thread.start = lambda thread: begin_thread(start, thread)
    # The threads that autograd has for a device know nothing of this one.
    backward = torch.autograd.graph._engine_run_backward

    @functools.wraps(backward)
    def on_this_thread(*args: Any, **kwargs: Any) -> Any:
        with torch.autograd.set_multithreading_enabled(False):
            return backward(*args, **kwargs)

    torch.autograd.graph._engine_run_backward = torch.autograd._engine_run_backward = on_this_thread
    device = torch.device(NAME, 0)
    _let_package_resolve(device)
    return device


def _let_package_resolve(device: torch.device) -> None:
    """Let the package's `device=` take this device as well."""
    from sketchwidgets import models

    known = models.resolve_device

    def resolve(asked: Any = "auto") -> torch.device:
        return device if str(asked) in (NAME, str(device)) else known(asked)

    models.resolve_device = resolve


_cpu = torch.device("cpu")


def _is_elsewhere(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not isinstance(value, DeviceTensor)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, DeviceTensor) else value


def _where() -> str:
    """The lines of the package that led here, innermost first."""
    lines = [
        line for line in traceback.extract_stack() if "/sketchwidgets/" in line.filename.replace("\\", "/")
    ]
    shown = [f"{line.filename.rsplit('sketchwidgets/', 1)[1]}:{line.lineno}" for line in lines[:-4:-1]]
    return f" at {' < '.join(shown)}" if shown else ""
