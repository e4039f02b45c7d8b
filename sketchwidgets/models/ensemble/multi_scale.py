"""Sketch-a-Nets that see a sketch at several scales (Yu et al., BMVC 2015)."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets.models._registry import create, name_of
from sketchwidgets.models._weights import WeightsError, assign_weights, load_weights, save_weights
from sketchwidgets.models.ensemble._views import CROP, VIEWS, InkPreparation, at_scale, view

SCALES = (256, 224, 192, 128, 64)
"""Sides in pixels that the five networks of the paper see, enlarged to 256 again."""

_VERSION = 1


class MultiScale(nn.Module):
    """Networks that each see the sketch blurred to a scale of its own; ten views of each.

    Parameters
    ----------
    networks : one for each scale, with `features(images (n, 1, 225, 225)) -> (n, d)` and a last layer that turns
        features into scores, as `SketchANet`. All of the same number of classes.
    scales : sides in pixels that the sketch is reduced to before it is enlarged to `preparation.size` again.
    preparation : how grey images become ink; the default fits TU-Berlin's.
    class_names : names of the classes, or None.

    The module takes ink (n, 1, 256, 256) and gives probabilities (n, classes): score-level fusion.

    >>> nets = [sw.models.SketchANet(3) for _ in range(2)]
    >>> ensemble = sw.models.ensemble.MultiScale(nets, scales=(256, 64)).eval()
    >>> ink = ensemble.prepare(np.full((2, 150, 150), 255, np.uint8))
    >>> features, scores = ensemble.outputs(ink, views=1)
    >>> features.shape, scores.shape
    (torch.Size([2, 2, 512]), torch.Size([2, 2, 3]))
    """

    def __init__(
        self,
        networks: Iterable[nn.Module],
        scales: Sequence[int] = SCALES,
        preparation: InkPreparation | None = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        networks = list(networks)
        self.scales = tuple(scales)
        self.preparation = preparation or InkPreparation()
        self.class_names = None if class_names is None else tuple(class_names)
        if not networks or len(networks) != len(self.scales):
            raise ValueError(f"{len(networks)} networks for {len(self.scales)} scales")
        for scale in self.scales:
            if not isinstance(scale, int) or not 1 <= scale <= self.preparation.size:
                raise ValueError(f"scales must be from 1 to {self.preparation.size}, not {scale!r}")
        for index, network in enumerate(networks):
            if not hasattr(network, "features") or getattr(network, "input_size", CROP) != CROP:
                raise ValueError(f"networks[{index}] ({type(network).__name__}) has no features of {CROP} px")
        counts = {_head(network).weight.shape[0] for network in networks}
        if len(counts) > 1:
            raise ValueError(f"networks have {sorted(counts)} classes; they must have the same")
        self.classes = counts.pop()
        if self.class_names is not None and len(self.class_names) != self.classes:
            raise ValueError(f"{len(self.class_names)} class_names for networks of {self.classes} classes")
        self.networks = nn.ModuleList(networks)

    def prepare(self, images: np.ndarray | Tensor) -> Tensor:
        """Ink (n, 1, 256, 256) float32 of grey images (n, h, w) uint8, black on white, where the networks are."""
        return self.preparation(images).to(next(self.parameters()).device)

    def outputs(self, ink: Tensor, views: int = VIEWS) -> tuple[Tensor, Tensor]:
        """fc7 features (n, networks, d) and scores (n, networks, classes) of ink (n, 1, 256, 256).

        Both are means over the first `views` of the ten views; scores are those before the softmax, as in
        the released code. Differentiable; put the module in eval mode for recognition.
        """
        if not 1 <= views <= VIEWS:
            raise ValueError(f"views must be 1 to {VIEWS}, not {views}")
        pairs = []
        for network, scale in zip(self.networks, self.scales, strict=True):
            images = at_scale(ink, scale)
            seen = [features_and_scores(network, view(images, index)) for index in range(views)]
            pairs.append([torch.stack(parts).mean(0) for parts in zip(*seen, strict=True)])
        features, scores = zip(*pairs, strict=True)
        return torch.stack(features, 1), torch.stack(scores, 1)

    def forward(self, ink: Tensor) -> Tensor:
        """Probabilities (n, classes) of ink (n, 1, 256, 256): the mean over the networks of each one's."""
        return self.outputs(ink)[1].softmax(-1).mean(1)

    def save(self, path: str | os.PathLike, dtype: str = "float16") -> None:
        """Write networks, scales, preparation and class names to one safetensors file."""
        metadata = {
            "kind": "multi_scale",
            "version": _VERSION,
            "scales": list(self.scales),
            "preparation": self.preparation.to_dict(),
            "class_names": None if self.class_names is None else list(self.class_names),
            "networks": [{"name": name_of(net), "arguments": net.arguments} for net in self.networks],
        }
        save_weights(path, self.state_dict(), metadata, dtype)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "MultiScale":
        """The ensemble of a file of `save`, in eval mode; `WeightsError` where the file does not fit."""
        tensors, metadata = load_weights(path)
        ensemble = _built(cls, Path(path), metadata)
        assign_weights(ensemble, tensors, str(path))
        return ensemble.eval()


def features_and_scores(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """fc7 features (n, d) and scores (n, classes) of images (n, 1, 225, 225), in one pass, both float32.

    For networks in eval mode: the dropout between the two is left out.
    """
    features = network.features(images)
    head = _head(network)
    seen = features[:, :, None, None] if isinstance(head, nn.Conv2d) else features
    return features.float(), head(seen).flatten(1).float()


def _head(network: nn.Module) -> nn.Module:
    """The last layer, which turns features into scores."""
    *_, head = network.children()
    if not isinstance(head, nn.Conv2d | nn.Linear):
        raise ValueError(f"the last layer of {type(network).__name__} is {type(head).__name__}, not linear")
    return head


def _built(cls: type[MultiScale], path: Path, metadata: dict[str, Any]) -> MultiScale:
    """What the metadata describes, without storage: sizes that a hostile file makes up cost nothing."""
    if metadata.get("kind") != "multi_scale" or metadata.get("version") != _VERSION:
        raise WeightsError(
            f"{path}: holds no multi-scale ensemble of version {_VERSION} (kind {metadata.get('kind')!r}, "
            f"version {metadata.get('version')!r})"
        )
    described = metadata.get("networks")
    if not isinstance(described, list) or not 1 <= len(described) <= 64:
        raise WeightsError(f'{path}: "networks" in the metadata is not a list of 1 to 64 networks')
    try:
        with torch.device("meta"):
            networks = [create(one["name"], **one["arguments"]) for one in described]
            return cls(
                networks,
                metadata["scales"],
                InkPreparation(**metadata["preparation"]),
                metadata["class_names"],
            )
    except (ValueError, TypeError, KeyError, RuntimeError, OverflowError) as error:
        raise WeightsError(f"{path}: the ensemble of the metadata cannot be built: {error}") from None
