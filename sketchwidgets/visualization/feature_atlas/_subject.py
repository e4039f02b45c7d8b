"""The network that is looked into: its module, layers and geometry, found out by one recorded forward pass."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import _modules
from .._failures import explained
from ..projection import ProjectionError
from ..projection._options import check_model
from ..projection._project import Recording, _record
from ..projection.receptive_field import field_of
from ..projection.recording._recorder import StopForward, watch
from ._errors import AtlasError


@dataclass(frozen=True)
class Field:
    """Where the units of a layer look: unit (i, j) sees a window of `size` whose corner is jump * (i, j) + offset.

    size, jump, offset : (rows, columns), in pixels of the input. A window may stick out. Where the extent is not
    known, or is the whole image, jump and offset are 0 and the size is that of the image.
    """

    size: tuple[int, int]
    jump: tuple[int, int]
    offset: tuple[int, int]

    def corners(self, positions: np.ndarray) -> np.ndarray:
        """Top and left of the windows of units (..., 2)."""
        return positions * np.array(self.jump) + np.array(self.offset)


@dataclass(frozen=True)
class LayerFacts:
    """What is known of a layer before the data is read. channels_last : its maps are (n, h, w, c)."""

    channels: int
    channels_last: bool
    field: Field


@dataclass(frozen=True)
class Subject:
    """A network in eval mode with the layers that are looked into, in the order of the forward pass.

    picture : images (n, C, H, W) -> (n, H, W) or (n, H, W, 3) uint8, as a person sees them.
    """

    module: nn.Module
    layers: dict[str, LayerFacts]
    device: torch.device
    dtype: torch.dtype | None
    image_shape: tuple[int, int, int]
    picture: Callable[[Tensor], np.ndarray]
    classes: tuple[str, ...] | None

    def place(self, images: Tensor, where: str) -> Tensor:
        """Images on the device and in the dtype of the network."""
        if tuple(images.shape[1:]) != self.image_shape:
            raise AtlasError(
                f"{where}: images of {tuple(images.shape[1:])}, after some of {self.image_shape}; they must be alike"
            )
        return images.to(self.device, self.dtype, non_blocking=True)

    @torch.inference_mode()
    def look(self, images: Tensor, take: Callable[[str, Tensor], None]) -> None:
        """Run up to the deepest layer and call `take(layer, output)` for each; no hook is left behind."""
        waiting = set(self.layers)

        def collect(name: str, output: Any) -> bool:
            if name in waiting:  # of a module that runs several times the first output counts
                waiting.discard(name)
                take(name, output)
            return not waiting

        with (
            explained(self.module, images, AtlasError, "images"),
            watch(self.module, list(self.layers), collect),
            contextlib.suppress(StopForward),
        ):
            self.module(images)

    def record(self, image: Tensor, layers: Sequence[str]) -> Recording:
        """The recorded forward pass of images (n, C, H, W), up to the last of some layers."""
        return _record(self.module, image, list(layers), None, stop_early=True)


def find_subject(
    model: Any,
    image: Tensor,
    layers: str | Sequence[str] | None,
    picture: Callable[[Tensor], np.ndarray] | None,
    classes: Sequence[str] | None,
) -> Subject:
    """Everything about a network that one image (1, C, H, W) tells."""
    module = module_of(model)
    names = check_model(module, layers)
    first = next((p for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()), None)
    device = torch.device("cpu") if first is None else first.device
    dtype = None if first is None else first.dtype
    image = image.to(device, dtype)
    # Values do not matter here, and those that are not numbers are reported with the layer that they spoil.
    recording = _record(
        module, image.nan_to_num(), names, None, stop_early=names is not None, argument="images of loader"
    )
    facts = {}
    for name in recording.layers:
        maps = recording.maps(name)
        if maps.ndim not in (2, 4):
            raise AtlasError(f"layer {name!r} returns {tuple(maps.shape)}, not (n, c, h, w) or (n, c)")
        value, _ = recording._output(name)
        last = maps.ndim == 4 and recording._tape.channels_last[value]
        facts[name] = LayerFacts(maps.shape[-1 if last else 1], last, _field(recording, name))
    if classes is None:
        classes = getattr(model, "classes", None)
    if classes is not None and (isinstance(classes, str) or not all(isinstance(c, str) for c in classes)):
        raise AtlasError("classes must be a sequence of names")
    picture = picture or getattr(model, "picture", None) or _stretched
    shape = tuple(image.shape[1:])
    return Subject(module, facts, device, dtype, shape, picture, None if classes is None else tuple(classes))


def module_of(model: Any) -> nn.Module:
    """`_modules.module_of`, checked."""
    module = _modules.module_of(model)
    if not isinstance(module, nn.Module):
        raise AtlasError(
            f"model must be a torch.nn.Module, a sw.Network or a sw.Recognizer, not {type(model).__name__}"
        )
    return module


def _field(recording: Recording, layer: str) -> Field:
    """What the units of a layer see; gates count as constants, else nothing behind one would have a field."""
    whole = tuple(recording._images.shape[2:])
    if recording.maps(layer).ndim == 2:
        return Field(whole, (0, 0), (0, 0))
    try:
        found = field_of(recording, layer, fixed_gates=True)
    except ProjectionError:  # an operation of unknown geometry
        return Field(whole, (0, 0), (0, 0))
    if found.jump is None:
        return Field(whole, (0, 0), (0, 0))
    axes = [
        (size, jump, start) if size < side else (side, 0, 0)
        for size, jump, start, side in zip(found.size, found.jump, found.start, whole, strict=True)
    ]
    return Field(*zip(*axes, strict=True))


def _stretched(images: Tensor) -> np.ndarray:
    """Images as pictures where nothing is known about them.

    Values within 0..1 are taken as they are; an image with others is stretched from its least to its largest value.
    """
    values = images.detach().float().cpu()
    low, high = values.amin((1, 2, 3), keepdim=True), values.amax((1, 2, 3), keepdim=True)
    fits = (low >= 0) & (high <= 1)
    values = torch.where(fits, values, (values - low) / (high - low).clamp_min(1e-12))
    if values.shape[1] not in (1, 3):
        values = values.mean(1, keepdim=True)
    pixels = (values.nan_to_num(0).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels
