"""Why a network cannot run on what it was given, said by the argument and the module instead of by PyTorch."""

import dis
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from torch import Tensor, nn

_FROM_PYTORCH = (RuntimeError, ValueError, AssertionError, IndexError, TypeError)
_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_LIBRARIES = ("torch", "torchvision")


@contextmanager
def explained(
    model: nn.Module, images: Tensor, error: type[ValueError] = ValueError, argument: str = "images"
) -> Iterator[None]:
    """In this context, what PyTorch raises because `images` do not fit the model becomes `error`.

    It names the argument, what was given, and what is needed: the dtype, the device, the channels, the numbers
    that a linear layer takes, or the module that the images cannot pass. What Python code of the model itself
    raises is not touched: that is for its author to read.
    """
    try:
        yield
    except _FROM_PYTORCH as failure:
        if not _comes_from_pytorch(failure):
            raise
        raise error(_reason(model, images, argument, failure)) from failure


def _comes_from_pytorch(failure: BaseException) -> bool:
    """Whether PyTorch's own code raised this, in C++ or in Python, and no `raise` of anybody else."""
    traces = list(_traces(failure.__traceback__))
    last = traces[-1]
    code = last.tb_frame.f_code
    raised_here = dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"
    in_library = any(name in Path(code.co_filename).parts for name in _LIBRARIES)
    # In C++, only PyTorch raises RuntimeError here; other kinds are as often mistakes in the model's own code.
    return in_library or (isinstance(failure, RuntimeError) and not raised_here)


def _reason(model: nn.Module, images: Tensor, argument: str, failure: BaseException) -> str:
    shape = tuple(images.shape)
    tensors = [t for t in (*model.parameters(), *model.buffers()) if t.is_floating_point()]
    dtypes, devices = {t.dtype for t in tensors}, {t.device for t in tensors}
    be = "are" if argument.split()[0].endswith("s") else "is"
    if dtypes and images.dtype not in dtypes:
        wanted = " and ".join(sorted(map(str, dtypes)))
        return f"{argument} {be} {images.dtype}, and the model is {wanted}: {argument}.to({wanted})"
    if devices and images.device not in devices:
        wanted = " and ".join(sorted(map(str, devices)))
        return f"{argument} {be} on {images.device}, and the model on {wanted}: {argument}.to({wanted!r})"
    name, module, entering = _innermost(model, failure)
    given = () if entering is None else tuple(entering.shape)
    if isinstance(module, _CONVOLUTIONS) and len(given) == 4 and given[1] != module.in_channels:
        takes = f"{module.in_channels} channel{'s' if module.in_channels > 1 else ''}"
        if given[1] == shape[1]:
            return f"{argument} must be (n, {module.in_channels}, H, W), as {name} takes {takes}, not {shape}"
        return f"{argument} {shape} cannot pass {name}: it takes {takes} and gets {given[1]}"
    size = getattr(model, "input_size", None)
    hint = f"; the model says that it takes {size}" if isinstance(size, int | tuple) else ""
    if isinstance(module, nn.Linear) and given and given[-1] != module.in_features:
        return (
            f"{argument} {shape} {'do' if be == 'are' else 'does'} not fit the model: {name} takes {module.in_features} "
            f"numbers and gets {given[-1]}; another height and width is needed{hint}"
        )
    gets = f", which gets {given}" if given and given != shape else ""
    what = str(failure).strip().splitlines()
    return f"{argument} {shape} cannot pass {name}{gets}: {what[0] if what else type(failure).__name__}{hint}"


def _innermost(model: nn.Module, failure: BaseException) -> tuple[str, nn.Module, Tensor | None]:
    """The last module that was entered and not left, how to call it, and the tensor that it was called with."""
    names = {id(module): name for name, module in model.named_modules()}
    found: tuple[str, nn.Module, Tensor | None] = "the model", model, None
    for trace in _traces(failure.__traceback__):
        frame = trace.tb_frame
        module = frame.f_locals.get("self")
        if frame.f_code.co_name != "_call_impl" or id(module) not in names:
            continue
        arguments = frame.f_locals.get("args", ())
        entering = next((each for each in arguments if isinstance(each, Tensor)), None)
        name = names[id(module)]
        called = f"module {name!r} ({type(module).__name__})" if name else "the model"
        found = called, module, entering
    return found


def _traces(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next
