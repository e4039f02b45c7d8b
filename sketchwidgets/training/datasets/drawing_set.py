"""Many drawings in a few flat arrays: the QuickDraw training data."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from sketchwidgets.training.datasets._npz import read_npz
from sketchwidgets.training.datasets.quickdraw import QuickDraw

_ARRAYS = ("label", "classes", "key_id", "n_strokes", "stroke_len")


@dataclass(frozen=True)
class DrawingSet:
    """Labelled drawings, packed.

    points : (P, 2) float32 or uint8, x and y of all points of all drawings.
    times : (P,) milliseconds, or None.
    stroke_len : (S,) points of each stroke.
    n_strokes : (N,) strokes of each drawing.
    label : (N,) int, index into `classes`.
    key_id : (N,) uint64, the identity of each drawing in the public data.
    """

    points: np.ndarray
    times: np.ndarray | None
    stroke_len: np.ndarray
    n_strokes: np.ndarray
    label: np.ndarray
    key_id: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "first_stroke", np.r_[0, np.cumsum(self.n_strokes, dtype=np.int64)])
        object.__setattr__(self, "first_point", np.r_[0, np.cumsum(self.stroke_len, dtype=np.int64)])
        for name, have, want in (
            ("strokes", len(self.stroke_len), self.first_stroke[-1]),
            ("points", len(self.points), self.first_point[-1]),
            ("labels", len(self.label), len(self.n_strokes)),
            ("key_ids", len(self.key_id), len(self.n_strokes)),
        ):
            if have != want:
                raise ValueError(f"the drawings promise {want} {name}, the file holds {have}")
        for name, counts in (("n_strokes", self.n_strokes), ("stroke_len", self.stroke_len)):
            if (np.asarray(counts) < 1).any():
                first = int(np.argmax(np.asarray(counts) < 1))
                raise ValueError(f"{name} must be 1 or more, and {name}[{first}] is {counts[first]}")
        lowest, highest = (int(part(initial=0)) for part in (self.label.min, self.label.max))
        if lowest < 0 or (len(self) and highest >= len(self.classes)):
            raise ValueError(f"label has {lowest if lowest < 0 else highest} for {len(self.classes)} classes")

    def __len__(self) -> int:
        return len(self.n_strokes)

    def __repr__(self) -> str:
        times = "" if self.times is None else ", timed"
        return f"DrawingSet({len(self):,} drawings of {len(self.classes)} classes{times})"

    @classmethod
    def load(cls, path: str | Path) -> "DrawingSet":
        """Read an .npz with `xy` (or `x`, `y`, `t_ms`), `stroke_len`, `n_strokes`, `label`, `classes`, `key_id`.

        A folder is one of QuickDraw's simplified ndjson files: all drawings of all classes in it.
        """
        path = Path(path)
        if path.is_dir():
            return cls.from_quickdraw(QuickDraw(path))
        if not path.is_file():
            raise FileNotFoundError(f"there is no file of drawings at {path}")
        arrays = read_npz(path)
        points = ("xy",) if "xy" in arrays else ("x", "y")
        missing = [name for name in (*_ARRAYS, *points) if name not in arrays]
        if missing:
            raise ValueError(f"{path}: not a set of drawings, {', '.join(missing)} missing")
        xy = arrays["xy"] if "xy" in arrays else np.stack([arrays["x"], arrays["y"]], 1)
        try:
            return cls(
                xy.astype(np.float32),
                arrays.get("t_ms"),
                *(arrays[name] for name in ("stroke_len", "n_strokes", "label", "key_id")),
                classes=tuple(str(name) for name in arrays["classes"]),
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None

    @classmethod
    def from_quickdraw(cls, data: QuickDraw, progress: bool = True) -> "DrawingSet":
        """All drawings of a `QuickDraw` data set, in memory, half a kilobyte each; raw ones with their times.

        Raises SketchError for a drawing that is none, ValueError where there are no drawings.

        >>> from pathlib import Path
        >>> _ = Path("cat.ndjson").write_text('{"key_id": "50", "drawing": [[[0, 9, 9], [0, 7, 8]]]}')
        >>> sw.training.DrawingSet.from_quickdraw(sw.training.QuickDraw("."), progress=False).stroke_len
        array([3])
        """
        if not len(data):
            raise ValueError(f"no drawings to pack: {data!r}".splitlines()[0])
        numbers: Iterable[int] = range(len(data))
        if progress:
            from tqdm.auto import tqdm

            numbers = tqdm(numbers, desc="reading drawings", unit="drawing", unit_scale=True)
        points, lengths, times = [], [], []
        for number in numbers:
            sketch = data.sketch(number)
            points.append(sketch.points[:, :2])
            lengths.append(sketch.lengths)
            if sketch.timed:
                times.append(sketch.points[:, 2])
        return cls(
            np.concatenate(points),
            np.concatenate(times) if len(times) == len(points) else None,
            np.concatenate(lengths),
            np.array([len(strokes) for strokes in lengths]),
            data.labels,
            data.key_id,
            data.classes,
        )

    def split(self, one_in: int = 25) -> tuple[np.ndarray, np.ndarray]:
        """Indices for training and for validation; every `one_in`-th drawing by key_id is kept for validation."""
        held_out = self.key_id.astype(np.uint64) % np.uint64(one_in) == 0
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def strokes(self, index: int) -> list[np.ndarray]:
        """The strokes of one drawing, each (n, 2) or, with times, (n, 3) float32."""
        columns = self.points if self.times is None else np.c_[self.points, self.times]
        first, last = self.first_stroke[index], self.first_stroke[index + 1]
        bounds = self.first_point[first : last + 1]
        return [np.asarray(columns[a:b], np.float32) for a, b in pairwise(bounds)]

    def gather(self, indices: np.ndarray, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Points (P, 2), stroke lengths (S,) and drawing number (S,) of the first `keep` strokes of drawings."""
        strokes = ranges(self.first_stroke[indices], keep)
        lengths = self.stroke_len[strokes].astype(np.int64)
        points = self.points[ranges(self.first_point[strokes], lengths)]
        return points, lengths, np.repeat(np.arange(len(indices)), keep)


def ranges(start: np.ndarray, count: np.ndarray) -> np.ndarray:
    """arange(start[i], start[i] + count[i]) for all i, end to end."""
    count = count.astype(np.int64)
    before = np.cumsum(count) - count
    return np.arange(count.sum()) + np.repeat(start - before, count)
