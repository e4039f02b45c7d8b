"""CNN features of every prefix of many drawings, kept on disk: what the recurrent part is trained on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training.drawing_set import DrawingSet
from sketchwidgets.training.images import Augmentation, render

_BLOCK = 512  # drawings between two writes to disk
_AT_ONCE = 64  # drawings in one pass through the CNN, about 5 images each


@dataclass(frozen=True)
class PrefixFeatures:
    """Features of the first 1, 2, ... strokes of drawings, packed.

    features : (sum of steps, 512) float16. steps : (N,) strokes used of each drawing. label : (N,) int64.
    """

    features: np.ndarray
    steps: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    def batch(self, chosen: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Padded features (n, T, 512) float32, labels (n,) and steps (n,) of the drawings `chosen`."""
        first = (np.cumsum(self.steps) - self.steps)[chosen]
        steps = self.steps[chosen]
        column = np.minimum(np.arange(steps.max()), steps[:, None] - 1)
        values = torch.from_numpy(self.features[first[:, None] + column]).float()
        return values, torch.from_numpy(self.label[chosen]), torch.from_numpy(steps)


@torch.inference_mode()
def cache_features(
    cnn: nn.Module,
    drawings: DrawingSet,
    indices: np.ndarray,
    path: str | Path,
    preprocessing: Preprocessing,
    augmentation: Augmentation | None = None,
    max_strokes: int = 24,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> PrefixFeatures:
    """Features of all prefixes (at most `max_strokes`) of drawings, written to folder `path` as it goes.

    `cnn` maps images to (n, 512) features. A run that was cut off continues where it stopped. With an augmentation
    each drawing gets one random change, the same for all its prefixes.
    """
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    _check_same_run(path, {"drawings": len(indices), "seed": seed, "max_strokes": max_strokes})
    steps = np.minimum(drawings.n_strokes[indices].astype(np.int64), max_strokes)
    parts = []
    for first in tqdm(range(0, len(indices), _BLOCK), desc="features", unit="block"):
        file = path / f"{first:08d}.npy"
        if not file.exists():
            found = []
            for at in range(first, min(first + _BLOCK, len(indices)), _AT_ONCE):
                some = slice(at, min(at + _AT_ONCE, first + _BLOCK))
                group = np.repeat(np.arange(len(indices[some])), steps[some])
                keep = np.concatenate([np.arange(1, n + 1) for n in steps[some]])
                images = render(
                    drawings, indices[some][group], keep, preprocessing, augmentation,
                    np.random.default_rng([seed, at]), group,
                )  # fmt: skip
                found.append(cnn(images.to(device)).half().cpu().numpy())
            temporary = file.with_suffix(".part")
            with open(temporary, "wb") as out:
                np.save(out, np.concatenate(found))
            temporary.replace(file)
        parts.append(np.load(file, allow_pickle=False))
    return PrefixFeatures(np.concatenate(parts), steps, drawings.label[indices].astype(np.int64))


def _check_same_run(path: Path, settings: dict) -> None:
    note = path / "settings.json"
    if note.exists() and json.loads(note.read_text()) != settings:
        raise ValueError(f"{path} holds features of another run ({note.read_text()}); use another folder")
    note.write_text(json.dumps(settings))
