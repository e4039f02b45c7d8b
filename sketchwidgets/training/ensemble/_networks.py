"""Networks of each fold and scale, and what they say of every image, kept on disk as they are made."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sketchwidgets._files import written_whole
from sketchwidgets.models import SketchANet, assign_weights, load_weights, save_weights
from sketchwidgets.models.ensemble import InkPreparation, at_scale, features_and_scores, view
from sketchwidgets.models.ensemble._first_convolution import SpaceToDepthConv2d
from sketchwidgets.training.ensemble._fine_tune import FineTuning, fine_tune, mixed, start_network

Report = Callable[[dict], bool | None]

_BATCH = 50


class Stopped(Exception):
    """A callback asked to stop; what is on disk is whole."""


@dataclass(frozen=True)
class Source:
    """The network that every other begins as, and the classes that it knows."""

    network: SketchANet
    classes: tuple[str, ...]


class NetworksOnDisk:
    """Trains what is not in `folder` yet, and reads what is.

    images (n, h, w) uint8, labels (n,), classes and folds (n,) are those of the data; the same folder with other data
    or another recipe is refused, so that no table mixes two.
    """

    def __init__(
        self,
        folder: Path,
        images: np.ndarray,
        labels: np.ndarray,
        classes: Sequence[str],
        folds: np.ndarray,
        source: Source,
        recipe: FineTuning,
        preparation: InkPreparation,
        seed: int,
        device: torch.device,
    ) -> None:
        self.folder, self.images, self.folds = folder, images, folds
        self.labels, self.classes = torch.as_tensor(labels), tuple(classes)
        self.source, self.recipe, self.preparation, self.seed = source, recipe, preparation, seed
        self.device = device
        self._ink: tuple[int, Tensor] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self._refuse_other_settings()

    def part(self, fold: int, train: bool) -> np.ndarray:
        """Indices of the images that train (or test) in a fold."""
        return np.flatnonzero((self.folds != fold) == train)

    def network(self, fold: int, scale: int, report: Report) -> SketchANet:
        """The trained network of a fold and a scale, in eval mode."""
        path = self._path(fold, scale, "network")
        seed = (self.seed * 3 + fold) * 1000 + scale
        recipe = self.recipe
        network, _ = start_network(
            self.source.network, self.source.classes, self.classes, recipe.dropout, seed
        )
        if not path.is_file():
            chosen = torch.from_numpy(self.part(fold, train=True))
            checkpoint = path.with_suffix(".checkpoint")
            ink, labels = self._at_scale(scale)[chosen], self.labels[chosen]
            seconds = fine_tune(network.to(self.device), ink, labels, recipe, seed, checkpoint, report)
            if seconds is None:
                raise Stopped
            save_weights(path, network.state_dict(), {"cpu_seconds": seconds}, dtype="float32")
            checkpoint.unlink(missing_ok=True)
        assign_weights(network, load_weights(path)[0], str(path))
        # Assigned weights are as the file has them, row after row.
        network = network.to(self.device, memory_format=torch.channels_last)
        network.conv1 = SpaceToDepthConv2d.of(network.conv1)
        return network.eval()

    def views(
        self, fold: int, scale: int, train: bool, count: int, report: Report
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features (count, n, 512) and scores (count, n, classes) of the first views of the images of a part."""
        path = self._path(fold, scale, "train" if train else "test")
        kept = load_weights(path)[0] if path.is_file() else {}
        missing = [index for index in range(count) if f"features.{index}" not in kept]
        if missing:
            network = self.network(fold, scale, report)
            ink = self._at_scale(scale)[torch.from_numpy(self.part(fold, train))]
            for index in missing:
                kept[f"features.{index}"], kept[f"scores.{index}"] = self._view(network, ink, index)
                save_weights(path, kept, {}, dtype="float32")
                state = {"part": path.stem, "view": index + 1, "views": count}
                if report(state) is False:
                    raise Stopped
        stacks = (torch.stack([kept[f"{name}.{i}"] for i in range(count)]) for name in ("features", "scores"))
        features, scores = (stack.numpy() for stack in stacks)
        return features, scores

    def cpu_seconds(self, fold: int, scale: int) -> float:
        """Processor time of the training of one network, from its file."""
        return float(load_weights(self._path(fold, scale, "network"))[1]["cpu_seconds"])

    @torch.no_grad()
    def _view(self, network: SketchANet, images: Tensor, index: int) -> tuple[Tensor, Tensor]:
        rows = []
        for batch in images.split(_BATCH):
            ink = batch.to(self.device).float() / 255
            seen = view(ink, index).contiguous(memory_format=torch.channels_last)
            with mixed(self.recipe.precision, self.device):
                rows.append([found.cpu() for found in features_and_scores(network, seen)])
        features, scores = zip(*rows, strict=True)
        return torch.cat(features), torch.cat(scores)

    def _at_scale(self, scale: int) -> Tensor:
        """Ink of all images at a scale, (n, 1, 256, 256) uint8 0..255; the last scale asked for is kept."""
        if self._ink is None or self._ink[0] != scale:
            parts = []
            for first in range(0, len(self.images), _BATCH):
                ink = at_scale(self.preparation(self.images[first : first + _BATCH]), scale)
                parts.append((ink * 255).round().to(torch.uint8))
            self._ink = scale, torch.cat(parts)
        return self._ink[1]

    def _path(self, fold: int, scale: int, what: str) -> Path:
        return self.folder / f"fold{fold}-scale{scale}-{what}.safetensors"

    def _refuse_other_settings(self) -> None:
        # Large ones by a checksum: the settings must tell that something differs, not what it was.
        settings = {
            "recipe": asdict(self.recipe),
            "preparation": self.preparation.to_dict(),
            "seed": self.seed,
            "source": _checksum(
                *(tensor.cpu().numpy() for tensor in self.source.network.state_dict().values())
            ),
            "data": _checksum(self.images, self.labels.numpy(), self.folds),
            "classes": list(self.classes),
        }
        text = json.dumps(settings, indent=1)
        path = self.folder / "settings.json"
        if not path.is_file():
            with written_whole(path) as temporary:
                temporary.write_text(text)
            return
        old = json.loads(path.read_text())
        differing = [name for name, value in json.loads(text).items() if old.get(name) != value]
        if differing:
            raise ValueError(
                f"{self.folder} holds an ensemble of other {', '.join(differing)}; "
                "give another folder, or the same settings"
            )


def _checksum(*arrays: np.ndarray) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype}".encode())
        found.update(np.ascontiguousarray(array))
    return found.hexdigest()
