"""The networks of several epochs: files, state dicts, modules, or what makes one."""

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from sketchwidgets.models import WeightsError, load_weights

from ..feature_atlas import AtlasError
from ..feature_atlas._subject import module_of

Epoch = int | float


def list_checkpoints(checkpoints: Any) -> list[tuple[Epoch, Any]]:
    """(epoch, what stands for its network), ascending, of all that `sw.evolution` takes."""
    if isinstance(checkpoints, str | Path):
        pairs = _of_folder(Path(checkpoints))
    elif isinstance(checkpoints, Mapping):
        pairs = list(checkpoints.items())
    elif isinstance(checkpoints, Sequence):
        numbered = [isinstance(item, tuple | list) and len(item) == 2 for item in checkpoints]
        pairs = [tuple(item) for item in checkpoints] if all(numbered) else list(enumerate(checkpoints, 1))
    else:
        raise AtlasError(
            "checkpoints must be a folder, a mapping epoch -> checkpoint or a sequence of them, not "
            f"{type(checkpoints).__name__}"
        )
    if not pairs:
        raise AtlasError("checkpoints is empty")
    for epoch, _ in pairs:
        if isinstance(epoch, bool) or not isinstance(epoch, int | float) or not 0 <= epoch < 1e9:
            raise AtlasError(f"checkpoints: the epoch {epoch!r} is not a number from 0 on")
    epochs = [epoch for epoch, _ in pairs]
    if len(set(epochs)) < len(epochs):
        raise AtlasError("checkpoints: an epoch is there twice")
    return sorted(pairs, key=lambda pair: pair[0])


def network_of(epoch: Epoch, checkpoint: Any, model: nn.Module) -> nn.Module:
    """The network of an epoch in eval mode. `model` is copied, never changed."""
    where = f"checkpoints[{epoch}]"
    if callable(checkpoint) and not isinstance(checkpoint, nn.Module):
        checkpoint = checkpoint()
    if isinstance(checkpoint, str | Path):
        where = str(checkpoint)
        checkpoint = read_state(Path(checkpoint))
    if not isinstance(checkpoint, Mapping):
        try:
            return module_of(checkpoint)
        except AtlasError:
            raise AtlasError(
                f"{where} must be a safetensors file, a state dict, a network or a function that gives one, not "
                f"{type(checkpoint).__name__}"
            ) from None
    network = copy.deepcopy(model).eval()
    try:
        network.load_state_dict(dict(checkpoint))
    except (RuntimeError, TypeError, AttributeError) as error:
        hint = _wrapped(checkpoint, network)
        raise AtlasError(f"{where} does not fit {type(model).__name__}{hint}: {error}") from None
    return network


def _wrapped(checkpoint: Mapping[str, Any], network: nn.Module) -> str:
    """What to do where the names are those of the network behind a common prefix, as in a LightningModule."""
    for name in network.state_dict():
        for stored in checkpoint:
            if stored.endswith(f".{name}"):
                prefix = stored.removesuffix(f".{name}")
                return f", it is of a module that holds it as {prefix!r}: record with RecordEvolution(network={prefix!r})"
    return ""


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Pickled files can run code, and are not read."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        with safe_open(path, framework="pt") as file:
            if "sketchwidgets" not in (file.metadata() or {}):
                return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return load_weights(path)[0]
    except SafetensorError as error:
        raise AtlasError(
            f"{path}: not a safetensors file, or cut short ({error}); other files are not read, for they may run code"
        ) from None
    except WeightsError as error:
        raise AtlasError(str(error)) from None


def _of_folder(folder: Path) -> list[tuple[Epoch, Callable | Path]]:
    """The files that `RecordEvolution` left in a folder."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of checkpoints {folder}")
    pairs = []
    for path in sorted(folder.glob("epoch-*.safetensors")):
        number = path.stem.removeprefix("epoch-")
        if number.isascii() and number.isdigit():
            pairs.append((int(number), path))
    if not pairs:
        raise AtlasError(f"{folder} holds no epoch-*.safetensors")
    return pairs
