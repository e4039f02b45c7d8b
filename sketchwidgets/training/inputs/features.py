"""CNN features of every prefix of many drawings, kept on disk: what the recurrent part is trained on.

They stay there: 4,096 numbers of AlexNet for each of 60,000 prefixes are half a gigabyte, of which a batch reads a few
megabytes. A folder holds `features.npy`, (steps of all drawings, features) float16, and `progress.json`: what they are
features of, and how many blocks of drawings are done.
"""

import json
import os
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch.stroke_descriptors import resample_strokes, stroke_descriptors
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.inputs.images import Augmentation, changed_strokes, render

_BLOCK = 512  # drawings between two writes to disk
_AT_ONCE = 64  # drawings in one pass through the CNN, about 5 images each


@dataclass(frozen=True)
class PrefixFeatures:
    """Features of the first 1, 2, ... strokes of drawings, packed; where they were asked for, with those strokes.

    features : (sum of steps, F) float16; what `cache_features` returns is a read-only map of the file.
    steps : (N,) strokes used of each drawing. label : (N,) int64.
    """

    features: np.ndarray
    steps: np.ndarray
    label: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def size(self) -> int:
        """Numbers of a step."""
        return self.features.shape[1]

    def batch(self, chosen: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Padded features (n, T, F) float32, labels (n,) and steps (n,) of the drawings `chosen`."""
        first = (np.cumsum(self.steps) - self.steps)[chosen]
        steps = self.steps[chosen]
        column = np.minimum(np.arange(steps.max()), steps[:, None] - 1)
        values = torch.from_numpy(np.asarray(self.features[first[:, None] + column])).float()
        return values, torch.from_numpy(self.label[chosen]), torch.from_numpy(steps)


@torch.inference_mode()
def cache_features(
    cnn: Callable[[Tensor], Tensor],
    drawings: DrawingSet,
    indices: np.ndarray,
    path: str | Path,
    preprocessing: Preprocessing,
    augmentation: Augmentation | None = None,
    max_strokes: int = 24,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: bool = True,
    stroke_samples: int = 0,
) -> PrefixFeatures:
    """Features of all prefixes (at most `max_strokes`) of drawings, written to folder `path` as it goes.

    `cnn` maps images to (n, F) features, which are rounded to float16. A run that was cut off continues where it
    stopped. With an augmentation each drawing gets one random change, the same for all its prefixes; its strokes all
    stay, since each is a step. With `stroke_samples` the descriptor of the last stroke of each prefix, of so many
    points, follows its features (`sketch.stroke_descriptors`).

    Raises ValueError where there are no drawings, and where the folder holds features of other drawings, other images
    or of another length. Which CNN they are of it cannot know: give each its own folder.
    """
    if not len(indices):
        raise ValueError("there are no drawings to take features of: indices is empty")
    if augmentation is not None:
        augmentation = replace(augmentation, removal=0.0)
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    steps = np.minimum(drawings.n_strokes[indices].astype(np.int64), max_strokes)
    rows = np.r_[0, np.cumsum(steps)]
    log = _Progress(
        path,
        {
            "drawings": len(indices),
            "of": zlib.crc32(np.ascontiguousarray(drawings.key_id[indices], np.uint64).tobytes()),
            "seed": seed,
            "max_strokes": max_strokes,
            "preprocessing": asdict(preprocessing),
            "augmentation": None if augmentation is None else asdict(augmentation),
            # Only where there are any, so that folders from before are read on.
            **({"stroke_samples": stroke_samples} if stroke_samples else {}),
        },
    )
    file = path / "features.npy"
    starts = range(0, len(indices), _BLOCK)
    values = _open(file, int(rows[-1])) if log.done else None
    left = tqdm(starts[log.done :], desc="features", unit="block", disable=not progress)
    for first in left:
        last = min(first + _BLOCK, len(indices))
        row = rows[first]
        for at in range(first, last, _AT_ONCE):
            some = slice(at, min(at + _AT_ONCE, last))
            group = np.repeat(np.arange(len(indices[some])), steps[some])
            keep = np.concatenate([np.arange(1, n + 1) for n in steps[some]])
            images = render(
                drawings, indices[some][group], keep, preprocessing, augmentation,
                np.random.default_rng([seed, at]), group,
            )  # fmt: skip
            found = cnn(images.to(device)).half().cpu().numpy()
            if stroke_samples:
                strokes = changed_strokes(
                    drawings, indices[some], steps[some], augmentation, np.random.default_rng([seed, at])
                )
                resampled = resample_strokes(*strokes[:2], stroke_samples)
                described = stroke_descriptors(resampled, strokes[2])
                found = np.concatenate([found, described.half().numpy()], 1)
            if values is None:
                values = _create(file, int(rows[-1]), found.shape[1])
            elif found.shape[1] != values.shape[1]:
                raise ValueError(f"{path} holds {values.shape[1]} features of an image, not {found.shape[1]}")
            values[row : row + len(found)] = found
            row += len(found)
        values.flush()
        log.count()
    return PrefixFeatures(_open(file, int(rows[-1]), "r"), steps, drawings.label[indices].astype(np.int64))


def _create(file: Path, rows: int, columns: int) -> np.ndarray:
    return np.lib.format.open_memmap(file, "w+", np.float16, (rows, columns))


def _open(file: Path, rows: int, mode: str = "r+") -> np.ndarray:
    try:
        values = np.lib.format.open_memmap(file, mode)
        if values.dtype != np.float16 or values.ndim != 2 or len(values) != rows:
            raise ValueError(f"{values.dtype} of shape {values.shape}, not float16 of {rows} rows")
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: the features are damaged ({error}); remove the folder") from None
    return values


class _Progress:
    """`progress.json` of a folder of features: what they are of, and how many blocks are done."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        self.file, self.settings, self.done = path / "progress.json", json.loads(json.dumps(settings)), 0
        if self.file.exists():
            found = json.loads(self.file.read_text())
            for name, wanted in self.settings.items():
                if found["of"].get(name) != wanted:
                    raise ValueError(
                        f"{path} holds features of another run ({name} is {found['of'].get(name)!r} there, "
                        f"{wanted!r} here); use another folder"
                    )
            self.done = int(found["blocks"])

    def count(self) -> None:
        """One block more is on the disk."""
        self.done += 1
        temporary = self.file.with_suffix(".part")
        temporary.write_text(json.dumps({"of": self.settings, "blocks": self.done}))
        os.replace(temporary, self.file)
