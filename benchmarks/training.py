"""Whether the data path keeps up: training throughput against bare forward and backward passes on ready tensors.

    python benchmarks/training.py [drawings.npz] [--threads 2] [--rounds 15]

Sketch-a-Net by its recipe, on drawings: at every step 135 of them are drawn at 256 pixels, turned, cut and mirrored,
and the network makes a step of `fit`, with everything around it: loss, optimiser, logs, Lightning. Against that: the
same network, forward, loss and backward, on one batch that is ready, with as many threads. The data is prepared in
the process that trains, and so competes with the arithmetic for the cores; what it takes is in the ratio. Both
alternate step by step, so that what else runs on the machine slows both.

Without a file of QuickDraw drawings (`DrawingSet.load`), random ones of the same number and length of strokes are drawn.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch.nn import functional as F

from sketchwidgets import models
from sketchwidgets.training import DrawingSet, fit, sketch_a_net_recipe
from sketchwidgets.training.fitting._batches import Batches
from sketchwidgets.training.fitting._pictures import StrokePictures

BAR = 0.9


def random_drawings(n: int = 2000, classes: int = 50) -> DrawingSet:
    """As QuickDraw's simplified drawings: 5 strokes of 8.6 points on average, 20 px from point to point."""
    rng = np.random.default_rng(0)
    n_strokes = rng.integers(2, 9, n)
    stroke_len = rng.integers(2, 16, n_strokes.sum())
    starts = np.repeat(rng.uniform(20, 235, (len(stroke_len), 2)), stroke_len, 0)
    points = np.clip(starts + rng.normal(0, 30, starts.shape), 0, 255).astype(np.float32)
    label = np.arange(n) % classes
    return DrawingSet(
        points,
        None,
        stroke_len,
        n_strokes,
        label,
        np.arange(n, dtype=np.uint64),
        tuple(map(str, range(classes))),
    )


class Alternate(Callback):
    """After each step of the training, the bare passes on a batch that is ready; seconds of both."""

    def __init__(self, classes: int, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
        self.network = models.create("sketch_a_net", classes=classes).train()
        self.images, self.labels = batch
        self.ours: list[tuple[float, float]] = []
        self.bare: list[tuple[float, float]] = []
        self.since: tuple[float, float] | None = None

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        now = clocks()
        if (
            self.since is not None
        ):  # from the end of the bare passes to here: the next batch, and all of its step
            self.ours.append(since(self.since, now))
        self.network.zero_grad()
        start = clocks()
        F.cross_entropy(self.network(self.images), self.labels).backward()
        self.bare.append(since(start, clocks()))
        self.since = clocks()


def clocks() -> tuple[float, float]:
    """Seconds on the wall, and of all threads of this process on the cores."""
    return time.perf_counter(), time.process_time()


def since(start: tuple[float, float], now: tuple[float, float]) -> tuple[float, float]:
    return now[0] - start[0], now[1] - start[1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help=".npz of QuickDraw drawings")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=135, help="the recipe's is 135")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    drawings = random_drawings() if options.data is None else DrawingSet.load(options.data)
    recipe = sketch_a_net_recipe(epochs=1, batch_size=options.batch_size)
    steps = options.rounds + 2
    pictures = StrokePictures(drawings, np.arange(min(len(drawings), steps * recipe.batch_size)))
    batches = Batches(pictures, recipe, 225, 1)
    images, labels, _ = batches[0]

    drawn = []
    for step in range(min(5, len(batches))):
        start = time.perf_counter()
        batches[step]
        drawn.append(time.perf_counter() - start)
    network = models.create("sketch_a_net", classes=len(drawings.classes))
    alternate = Alternate(len(drawings.classes), (images, labels))
    with tempfile.TemporaryDirectory() as folder:
        fit(network, pictures, recipe, folder, callbacks=[alternate], progress=False, accelerator="cpu")
    rows = list(zip(alternate.ours, alternate.bare[1:], strict=False))[1:]
    ours, bare = median(row[0][0] for row in rows), median(row[1][0] for row in rows)
    n = recipe.batch_size
    print(f"Sketch-a-Net, {n} drawings a step, {options.threads} threads, {len(rows)} rounds")
    print(f"training: {n / ours:.1f} drawings/s; forward and backward alone: {n / bare:.1f} drawings/s")
    print(f"drawing and changing a batch: {median(drawn):.3f} s, {median(drawn) / ours:.1%} of a step")
    ratio, work = (median(b[k] / a[k] for a, b in rows) for k in (0, 1))
    print(f"ratio training / bare: {ratio:.2f} (bar: at least {BAR}) {'ok' if ratio >= BAR else 'MISSED'}")
    print(f"in seconds of the cores, which other programs do not lengthen: {work:.2f}")


if __name__ == "__main__":
    main()
