"""Interrupted and continued: the state of an atlas under way, in one file that is replaced as a whole."""

import time
from pathlib import Path
from typing import Any

import torch

from ._array_file import ArrayFile, write_arrays
from ._errors import AtlasError
from ._running_top import RunningTop
from ._stream import Reading
from ._winners import Winners

_FORMAT = 1

# Writing may take at most this share of the time, however large the state has become.
_SHARE = 0.05


class Checkpoint:
    """Writes the state every `every` seconds, and once more when the work is interrupted.

    path : the file, or None for no checkpoint at all. job : what must be the same for a state to be continued,
    by the words with which an error names it.
    """

    def __init__(self, path: str | Path | None, every: float, job: dict[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self._every, self._job = every, job
        self._due = time.monotonic() + every
        if self.path is not None and not self.path.parent.is_dir():
            raise AtlasError(f"checkpoint: there is no folder {self.path.parent}")
        if self.path is not None and self.path.is_dir():
            raise AtlasError(f"checkpoint must be a file, and {self.path} is a folder")

    def due(self) -> bool:
        return self.path is not None and time.monotonic() >= self._due

    def write(self, reading: Reading, winners: Winners | None = None) -> None:
        if self.path is None:
            return
        start = time.monotonic()
        arrays = {}
        for i, found in enumerate(reading.tops.values()):
            arrays[f"{i}.values"] = found.values.cpu().numpy()
            arrays[f"{i}.indices"] = found.indices.cpu().numpy()
        header = {
            "format": _FORMAT,
            "kind": "atlas checkpoint",
            "job": self._job,
            "batches": reading.batches,
            "images": reading.images,
            "winners": None,
        }
        if winners is not None:
            for i, slots in enumerate(winners.layers.values()):
                arrays |= slots.arrays(str(i))
            labels = [[image, label] for image, label in winners.labels.items()]
            header["winners"] = {"done": winners.done, "labels": labels}
        write_arrays(self.path, arrays, header)
        spent = time.monotonic() - start
        self._due = time.monotonic() + max(self._every, spent / _SHARE)

    def open(self) -> "State | None":
        """The state on disk, if there is one; AtlasError where it is damaged or belongs to another job."""
        if self.path is None or not self.path.exists():
            return None
        file = ArrayFile(self.path)
        header = file.header
        if header.get("kind") != "atlas checkpoint" or header.get("format") != _FORMAT:
            raise AtlasError(f"{self.path}: not a checkpoint of an atlas that this version can read")
        job = header.get("job")
        for name, mine in self._job.items():
            if not isinstance(job, dict) or job.get(name) != mine:
                found = job.get(name) if isinstance(job, dict) else None
                raise AtlasError(
                    f"{self.path}: a checkpoint of another {name} ({_short(found)}, now {_short(mine)}); "
                    "remove the file to start anew"
                )
        for key in ("batches", "images"):
            if not isinstance(header.get(key), int) or isinstance(header[key], bool) or header[key] < 1:
                raise AtlasError(f"{self.path}: {key!r} is {header.get(key)!r}")
        return State(file)

    def remove(self) -> None:
        if self.path is not None:
            self.path.unlink(missing_ok=True)


class State:
    """An opened checkpoint."""

    def __init__(self, file: ArrayFile) -> None:
        self._file = file
        self.has_winners = file.header.get("winners") is not None

    def reading(self, layers: dict[str, int], top: int, device: torch.device) -> Reading:
        """The first reading as far as it came; `layers` gives the number of channels of each."""
        tops = {}
        header = self._file.header
        for i, (name, channels) in enumerate(layers.items()):
            values = torch.from_numpy(self._file.array(f"{i}.values", "F32 F64", (channels, top)))
            indices = torch.from_numpy(self._file.array(f"{i}.indices", "I64", (channels, top)))
            if indices.min() < -1:
                raise AtlasError(
                    f"{self._file.path}: an image number of layer {name!r} is {int(indices.min())}"
                )
            tops[name] = RunningTop(values.to(device), indices.to(device))
        return Reading(tops, header["batches"], header["images"])

    def restore(self, winners: Winners) -> None:
        """The second reading as far as it came."""
        kept = self._file.header.get("winners")
        if kept is None:
            return
        done, labels = (kept.get("done"), kept.get("labels")) if isinstance(kept, dict) else (None, None)
        whole = isinstance(done, int) and 0 <= done <= len(winners.images) and isinstance(labels, list)
        if not whole or not all(
            isinstance(pair, list) and len(pair) == 2 and all(type(v) is int for v in pair) for pair in labels
        ):
            raise AtlasError(f"{self._file.path}: the state of the projections is damaged")
        for i, slots in enumerate(winners.layers.values()):
            slots.restore(self._file, str(i))
        winners.done, winners.labels = done, dict(labels)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
