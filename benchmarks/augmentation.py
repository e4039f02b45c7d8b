"""New drawings of drawings: sketches a second, against 2,000 and against a plain loop of moving least squares.

    python benchmarks/augmentation.py [drawings.npz] [--threads 2]

Each batch has 128 drawings. "strokes" is removal (30 %), local and global deformation of packed drawings; "and
drawn" is that with the six stroke-order channels at 225 px; "one channel" with one. The peer is what one would write
first: sketch by sketch and stroke by stroke, moving least squares in NumPy with all pivots of a stroke, and the same
removal and extremes. All take turns on the same batches; medians. Batches are spread over --threads threads. Without a
file of QuickDraw drawings (`DrawingSet.load`), random ones of the same number and length of strokes are taken. On a
machine that has other work, the rate by time on the processor is what it would do alone.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import torch

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch.augmentation import (
    deform_packed_sketches,
    deform_packed_strokes,
    kept_strokes,
    strokes_to_keep,
)
from sketchwidgets.training import DrawingSet
from sketchwidgets.training.inputs.images import Augmentation, render

LIMIT, BATCH, BATCHES, ROUNDS = 2000, 128, 4, 9
EVERYTHING = Augmentation(removal=1.0, removal_share=(0.3, 0.3), deformation=1.0)


def drawings_of(path: Path | None) -> DrawingSet:
    if path is not None:
        return DrawingSet.load(path)
    rng = np.random.default_rng(0)
    n_strokes = rng.integers(2, 9, BATCH * BATCHES)
    lengths = rng.integers(2, 16, n_strokes.sum())
    walks = [rng.uniform(20, 235, 2) + rng.normal(0, 14, (n, 2)).cumsum(0) for n in lengths]
    points = np.clip(np.concatenate(walks), 0, 255).astype(np.float32)
    labels = np.zeros(len(n_strokes), np.int64)
    return DrawingSet(points, None, lengths, n_strokes, labels, labels.astype(np.uint64), ("scribble",))


def changed(drawings: DrawingSet, indices: np.ndarray) -> tuple[np.ndarray, ...]:
    """One batch: removed, deformed stroke by stroke, deformed as a whole."""
    rng = np.random.default_rng(int(indices[0]))
    arrays = drawings.gather(indices, drawings.n_strokes[indices].astype(np.int64))
    points, lengths, drawing = kept_strokes(*arrays, strokes_to_keep(*arrays, 0.3))
    points = deform_packed_strokes(points, lengths, drawing, rng)
    return deform_packed_sketches(points, lengths, drawing, rng), lengths, drawing


def drawn(drawings: DrawingSet, indices: np.ndarray, channels: str) -> torch.Tensor:
    """One batch as training has it: changed, turned, mirrored and drawn."""
    keep = drawings.n_strokes[indices].astype(np.int64)
    rng = np.random.default_rng(int(indices[0]))
    return render(drawings, indices, keep, Preprocessing(), EVERYTHING, rng, channels=channels)


# The peer


def plain_mls(v: np.ndarray, p: np.ndarray, q: np.ndarray, rigid: bool) -> np.ndarray:
    """Schaefer et al. 2006, all points of one stroke at once."""
    squared = ((p - v[:, None]) ** 2).sum(2)
    weight = 1 / np.maximum(squared, 1e-12) ** 2
    total = weight.sum(1, keepdims=True)
    p_star, q_star = weight @ p / total, weight @ q / total
    ph, qh = p - p_star[:, None], q - q_star[:, None]
    along = (weight * (ph * qh).sum(2)).sum(1)
    across = (weight * (ph[..., 0] * qh[..., 1] - ph[..., 1] * qh[..., 0])).sum(1)
    scale = np.hypot(along, across) if rigid else (weight * (ph**2).sum(2)).sum(1)
    x, y = (v - p_star).T
    scale = np.maximum(scale, 1e-12)
    return q_star + np.stack([along * x - across * y, across * x + along * y], 1) / scale[:, None]


def plainly(drawings: DrawingSet, indices: np.ndarray) -> list[list[np.ndarray]]:
    """The same changes, one sketch after the other."""
    rng = np.random.default_rng(int(indices[0]))
    results = []
    for index in indices:
        strokes = [stroke.astype(np.float64) for stroke in drawings.strokes(index)]
        lengths = np.array([np.hypot(*np.diff(stroke, axis=0).T).sum() for stroke in strokes])
        order = np.arange(1, len(strokes) + 1) / len(strokes)
        scores = 0.5 * order - 2 * lengths / (lengths.max() or 1)
        gone = np.argsort(-scores, kind="stable")[: min(int(0.3 * len(strokes) + 0.5), len(strokes) - 1)]
        strokes = [stroke for k, stroke in enumerate(strokes) if k not in gone]
        side = np.ptp(np.concatenate(strokes), axis=0).max() or 1.0
        for k, stroke in enumerate(strokes):
            length = np.hypot(*np.diff(stroke, axis=0).T).sum()
            if len(stroke) > 2 and length > 0:
                ratio = np.hypot(*(stroke[-1] - stroke[0])) / length
                signs = rng.integers(0, 2, 2) * 2 - 1
                moves = np.abs(rng.standard_normal(stroke.shape)) * signs * ratio * 15 / 625 * side
                moves[rng.integers(len(stroke))] = 0
                strokes[k] = plain_mls(stroke, stroke, stroke + moves, rigid=False)
        points = np.concatenate(strokes)
        corners = np.unique([*points.argmax(0), *points.argmin(0)])
        moves = rng.standard_normal((len(corners), 2)) * 30 / 625 * side
        moved = plain_mls(points, points[corners], points[corners] + moves, rigid=True)
        results.append(np.split(moved, np.cumsum([len(stroke) for stroke in strokes])[:-1]))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help=".npz of QuickDraw drawings")
    parser.add_argument("--threads", type=int, default=2, help="threads that share the batches (default 2)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    drawings = drawings_of(arguments.data)
    batches = [np.arange(first, first + BATCH) for first in range(0, BATCH * BATCHES, BATCH)]
    works: dict[str, Callable[[np.ndarray], object]] = {
        "strokes": lambda indices: changed(drawings, indices),
        "and drawn, six channels": lambda indices: drawn(drawings, indices, "order"),
        "and drawn, one channel": lambda indices: drawn(drawings, indices, "ink"),
        "plain loop, strokes only": lambda indices: plainly(drawings, indices),
    }
    rows: list[dict[str, tuple[float, float]]] = []
    with ThreadPoolExecutor(arguments.threads) as pool:
        for _ in range(ROUNDS + 1):
            row = {}
            for name, work in works.items():
                start, busy = time.perf_counter(), time.process_time()
                # Nothing is kept, as in training, where a batch is gone before the one after the next is made.
                list(pool.map(lambda indices, work=work: work(indices) is None, batches))
                row[name] = time.perf_counter() - start, time.process_time() - busy
            rows.append(row)
    rows = rows[1:]  # the first warms up
    count, threads = BATCH * BATCHES, arguments.threads
    print(f"{len(rows)} rounds of {count} drawings, {threads} threads, medians")
    for name in works:
        rate = count / median(row[name][0] for row in rows)
        free = threads * count / median(row[name][1] for row in rows)
        print(
            f"{name:>24}: {rate:7,.0f} sketches/s, {rate / LIMIT:5.2f} of the {LIMIT:,} wanted; by time on the "
            f"processor {free:7,.0f}/s on {threads} cores, {free / LIMIT:5.2f}"
        )
    peer = median(row["plain loop, strokes only"][0] / row["strokes"][0] for row in rows)
    print(f"ratio strokes / plain loop: {peer:.1f}")


if __name__ == "__main__":
    main()
