"""Weights in safetensors files: float32, float16, or int8 with one scale per output channel.

A file holds, beside its tensors, one metadata entry "sketchwidgets": a JSON object
{"format": 1, "int8": [names of the tensors stored as int8], "metadata": {what the caller gave}}.
The scales of an int8 tensor `w` (output channels first) are the tensor `w::scale`, float32, one per channel,
and w = int8 * scale. Nothing in a file is ever executed or unpickled.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .._files import no_file, written_whole

_KEY = "sketchwidgets"
_SCALE = "::scale"
_FORMAT = 1
_MAX_METADATA = 4_000_000  # characters of JSON
_MAX_TENSORS = 10_000
_STORED = {"float32": torch.float32, "float16": torch.float16}


class WeightsError(ValueError):
    """A weights file is damaged, hostile, or made for another network."""


def save_weights(
    path: str | os.PathLike,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, Any] | None = None,
    dtype: str = "float16",
    int8_above: int | None = None,
) -> None:
    """Write tensors and JSON metadata to a safetensors file, whole or not at all.

    Parameters
    ----------
    path : the file to write; its folder must exist.
    tensors : name -> tensor. Floating tensors are stored as `dtype`, others as they are.
    metadata : anything JSON can hold, finite numbers only.
    dtype : "float16" or "float32".
    int8_above : floating tensors of two or more dimensions with more elements than this become int8 with
        one scale per output channel (dimension 0); the error is at most max|w| / 254. None: no tensor is.

    Raises ValueError where a tensor is not finite, or does not fit float16.

    >>> save_weights("net.safetensors", {"w": torch.ones(2, 3)}, {"license": "CC BY 4.0"}, dtype="float32")
    >>> load_weights("net.safetensors")[1]
    {'license': 'CC BY 4.0'}
    """
    if dtype not in _STORED:
        raise ValueError(f"dtype must be one of {', '.join(_STORED)}, not {dtype!r}")
    if int8_above is not None and int8_above < 0:
        raise ValueError(f"int8_above must be None or at least 0, got {int8_above}")
    stored: dict[str, Tensor] = {}
    quantised = []
    for name, tensor in tensors.items():
        if _SCALE in name:
            raise ValueError(f"the name {name!r} contains {_SCALE!r}, which is kept for int8 tensors")
        tensor = tensor.detach().cpu()
        if not tensor.is_floating_point():
            stored[name] = tensor.contiguous()
            continue
        if not torch.isfinite(tensor).all():
            raise ValueError(f"tensor {name!r} has values that are not finite")
        if int8_above is not None and tensor.ndim >= 2 and tensor.numel() > int8_above:
            stored[name], stored[name + _SCALE] = _quantise(tensor.float())
            quantised.append(name)
            continue
        small = tensor.to(_STORED[dtype])
        if not torch.isfinite(small).all():
            raise ValueError(f"tensor {name!r} has values beyond {dtype}; store it as float32")
        stored[name] = small.contiguous().clone()  # safetensors refuses tensors that share memory
    header = {"format": _FORMAT, "int8": quantised, "metadata": dict(metadata or {})}
    text = json.dumps(header, allow_nan=False)
    if len(text) > _MAX_METADATA:
        raise ValueError(f"{len(text)} characters of JSON metadata; at most {_MAX_METADATA} are allowed")
    path = Path(path)
    with written_whole(path) as temporary:
        temporary.write_bytes(save(stored, {_KEY: text}))


def load_weights(path: str | os.PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of `save_weights`: its tensors (floating ones as float32, on the CPU) and its metadata.

    Raises FileNotFoundError, or `WeightsError` naming the file and what is wrong in it: not safetensors, cut
    short, of another program or a newer format, a missing or bad scale, a value that is not finite.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path, f"there is no weights file at {path}")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = list(file.keys())
            if len(names) > _MAX_TENSORS:
                raise WeightsError(f"{path}: {len(names)} tensors; at most {_MAX_TENSORS} are allowed")
            quantised, metadata = _read_header(path, file.metadata() or {}, names)
            raw = {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file, or cut short ({error})") from None
    tensors: dict[str, Tensor] = {}
    for name, tensor in raw.items():
        if name.endswith(_SCALE) and name.removesuffix(_SCALE) in quantised:
            continue
        if name in quantised:
            tensor = _dequantise(path, name, tensor, raw.get(name + _SCALE))
        else:
            # A copy: what safetensors gives may be a view into the mapped file, which could change under us.
            tensor = tensor.to(torch.float32 if tensor.is_floating_point() else tensor.dtype, copy=True)
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise WeightsError(f"{path}: tensor {name!r} has values that are not finite")
        tensors[name] = tensor
    return tensors, metadata


def assign_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: str = "the weights") -> None:
    """Give `network` the tensors as its parameters and buffers (no copy), all of them or none.

    Raises `WeightsError` that names every tensor that is missing, not expected, or of another shape or dtype;
    `source` is how the message calls the tensors.
    """
    expected = network.state_dict()
    problems = [f"missing {name} {_shape(expected[name])}" for name in expected if name not in tensors]
    problems += [f"not expected {name} {_shape(tensors[name])}" for name in tensors if name not in expected]
    problems += [
        f"{name} is {_shape(tensors[name])} and should be {_shape(expected[name])}"
        for name in expected
        if name in tensors and tensors[name].shape != expected[name].shape
    ]
    problems += [
        f"{name} is {tensors[name].dtype} and should be {expected[name].dtype}"
        for name in expected
        if name in tensors and tensors[name].dtype != expected[name].dtype
    ]
    if problems:
        shown = "; ".join(problems[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise WeightsError(f"{source} does not fit {type(network).__name__}: {shown}")
    network.load_state_dict(dict(tensors), assign=True)


def _quantise(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """int8 values in -127..127 and float32 scales (channels,) of a float32 tensor (channels, ...)."""
    scale = tensor.flatten(1).abs().amax(1) / 127
    # A channel of zeros has no scale of its own; any will do.
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    steps = tensor / scale.view(-1, *[1] * (tensor.ndim - 1))
    return steps.round().clamp(-127, 127).to(torch.int8).contiguous(), scale


def _dequantise(path: Path, name: str, values: Tensor, scale: Tensor | None) -> Tensor:
    if values.dtype != torch.int8 or values.ndim < 2:
        raise WeightsError(
            f"{path}: {name!r} should be int8 of two or more dimensions, is {values.dtype} {_shape(values)}"
        )
    if scale is None:
        raise WeightsError(f"{path}: the scales of {name!r} are missing")
    if not scale.is_floating_point() or scale.shape != values.shape[:1]:
        raise WeightsError(
            f"{path}: the scales of {name!r} are {scale.dtype} {_shape(scale)}, "
            f"not one float for each of its {values.shape[0]} channels"
        )
    return values.float() * scale.float().view(-1, *[1] * (values.ndim - 1))


def _read_header(path: Path, entries: Mapping[str, str], names: list[str]) -> tuple[set[str], dict[str, Any]]:
    if _KEY not in entries:
        raise WeightsError(f"{path}: a safetensors file, but not one of sketchwidgets (no {_KEY!r} metadata)")
    text = entries[_KEY]
    if len(text) > _MAX_METADATA:
        raise WeightsError(f"{path}: {len(text)} characters of metadata; at most {_MAX_METADATA} are allowed")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: the metadata is not JSON ({error})") from None
    if not isinstance(header, dict) or header.get("format") != _FORMAT:
        found = header.get("format") if isinstance(header, dict) else type(header).__name__
        raise WeightsError(f"{path}: format {found!r}; this version of sketchwidgets reads format {_FORMAT}")
    quantised, metadata = header.get("int8"), header.get("metadata")
    if not isinstance(quantised, list) or not all(isinstance(name, str) for name in quantised):
        raise WeightsError(f'{path}: "int8" in the metadata is not a list of names')
    if not isinstance(metadata, dict):
        raise WeightsError(f'{path}: "metadata" is not an object')
    absent = sorted(set(quantised) - set(names))
    if absent:
        raise WeightsError(f"{path}: int8 tensor {absent[0]!r} is announced but not there")
    return set(quantised), metadata


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"
