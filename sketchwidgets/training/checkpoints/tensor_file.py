"""Checkpoints of a training as safetensors: what Lightning would pickle, written so that reading it runs nothing.

A checkpoint is a tree of dictionaries, lists and tuples with tensors and plain values at its ends. The tensors go into
the safetensors file by number; the tree, as JSON, into its metadata. A file is written whole or not at all.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from sketchwidgets._files import written_whole

_KEY = "sketchwidgets-checkpoint"
_FORMAT = 1
_MAX_TREE = 16_000_000  # characters of JSON
_MAX_DEPTH = 64


class CheckpointError(ValueError):
    """A checkpoint is damaged, is none of ours, or belongs to another training."""


def write_checkpoint(path: str | os.PathLike, checkpoint: dict[str, Any]) -> None:
    """Write a tree of tensors and plain values. TypeError names what is neither."""
    path = Path(path)
    tensors: dict[str, Tensor] = {}
    tree = json.dumps({"format": _FORMAT, "tree": _encode(checkpoint, tensors, "checkpoint")})
    if len(tree) > _MAX_TREE:
        raise ValueError(
            f"{path}: {len(tree)} characters beside the tensors; at most {_MAX_TREE} are allowed"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as temporary:
        save_file(tensors, temporary, {_KEY: tree})


def read_checkpoint(path: str | os.PathLike, tensors: bool = True) -> dict[str, Any]:
    """Read what `write_checkpoint` wrote; without `tensors`, None in the place of each.

    Raises FileNotFoundError, or CheckpointError saying what is wrong with the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    try:
        with safe_open(path, "pt") as file:
            text = (file.metadata() or {}).get(_KEY)
            if text is None:
                raise CheckpointError(f"{path}: a safetensors file, but not a checkpoint of sketchwidgets")
            if len(text) > _MAX_TREE:
                raise CheckpointError(
                    f"{path}: {len(text)} characters beside the tensors; at most {_MAX_TREE}"
                )
            header = json.loads(text)
            if not isinstance(header, dict) or header.get("format") != _FORMAT:
                raise CheckpointError(f"{path}: another format of checkpoints than this version reads")
            names = set(file.keys())

            def tensor(name: str) -> Tensor | None:
                if name not in names:
                    raise CheckpointError(f"{path}: tensor {name!r} is announced but not there")
                # A copy: what safetensors gives may be a view into the mapped file, which is replaced later on.
                return file.get_tensor(name).clone() if tensors else None

            found = _decode(header.get("tree"), tensor, path, 0)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a checkpoint, or cut short ({error})") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path}: what stands beside the tensors is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: not a checkpoint but a {type(found).__name__}")
    return found


class TensorFiles(CheckpointIO):
    """A Lightning plugin that writes and reads checkpoints with `write_checkpoint` and `read_checkpoint`.

    >>> import lightning
    >>> from sketchwidgets.training.checkpoints import TensorFiles
    >>> trainer = lightning.Trainer(plugins=[TensorFiles()], accelerator="cpu", logger=False)
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        write_checkpoint(path, checkpoint)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        return read_checkpoint(path)

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def _encode(value: Any, tensors: dict[str, Tensor], where: str) -> Any:
    """JSON of a value: plain ones as they are, all others as {kind: content}."""
    if value is None or isinstance(value, bool | str) or type(value) in (int, float):
        return value
    if isinstance(value, Tensor):
        name = str(len(tensors))
        # Memory that several names share is stored once a name; safetensors refuses it otherwise.
        tensors[name] = value.detach().cpu().contiguous().clone()
        # The order in memory is kept: fused optimisers take the state of a parameter to lie as the parameter does.
        last = value.ndim == 4 and not value.is_contiguous()
        last = last and value.is_contiguous(memory_format=torch.channels_last)
        return {"channels_last" if last else "tensor": name}
    if isinstance(value, dict):
        pairs = []
        for key, item in value.items():
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise TypeError(f"{where} has a key {key!r}; only texts and whole numbers are stored")
            pairs.append([key, _encode(item, tensors, f"{where}[{key!r}]")])
        return {"dict": pairs}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode(item, tensors, f"{where}[{i}]") for i, item in enumerate(value)]}
    raise TypeError(f"{where} is a {type(value).__name__}; only tensors and plain values are stored")


def _decode(value: Any, tensor: Any, path: Path, depth: int) -> Any:
    if value is None or isinstance(value, bool | str | int | float):
        return value
    if depth > _MAX_DEPTH:
        raise CheckpointError(f"{path}: nested more than {_MAX_DEPTH} deep")
    if isinstance(value, dict) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind in ("tensor", "channels_last") and isinstance(content, str):
            found = tensor(content)
            if kind == "tensor" or found is None:
                return found
            if found.ndim != 4:
                raise CheckpointError(
                    f"{path}: tensor {content!r} has {found.ndim} dimensions and should have 4"
                )
            return found.contiguous(memory_format=torch.channels_last)
        if kind in ("list", "tuple") and isinstance(content, list):
            items = [_decode(item, tensor, path, depth + 1) for item in content]
            return items if kind == "list" else tuple(items)
        if kind == "dict" and isinstance(content, list):
            made = {}
            for pair in content:
                if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) not in (str, int):
                    raise CheckpointError(f"{path}: a dictionary in it is damaged")
                made[pair[0]] = _decode(pair[1], tensor, path, depth + 1)
            return made
    raise CheckpointError(f"{path}: what stands beside the tensors is damaged")
