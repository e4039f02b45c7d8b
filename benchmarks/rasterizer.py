"""The rasterizer against OpenCV's antialiased polylines, and what one more stroke costs. One core.

    python benchmarks/rasterizer.py [drawings.npz]

Both draw the same batch of drawings into a float32 tensor on the CPU, in turn; medians. Without a file of QuickDraw
drawings (`DrawingSet.load`), random ones of the same number and length of strokes are drawn.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch

from sketchwidgets.sketch import Canvas
from sketchwidgets.sketch.rasterizer import pack, rasterize_polylines
from sketchwidgets.training import DrawingSet

SIZE, WIDTH, BATCH, ROUNDS = 225, 3.0, 128, 25


def drawings_of(path: Path | None) -> list[list[np.ndarray]]:
    """Strokes in pixels of a frame of SIZE."""
    if path is not None:
        data = DrawingSet.load(path)
        return [[stroke * (200 / 255) + 12 for stroke in data.strokes(index)] for index in range(BATCH)]
    rng = np.random.default_rng(0)
    # QuickDraw's simplified drawings: 5 strokes of 8.6 points on average, 20 px from point to point.
    return [
        [
            np.clip(rng.uniform(20, 200, 2) + rng.normal(0, 14, (rng.integers(2, 16), 2)).cumsum(0), 4, 220)
            for _ in range(rng.integers(2, 9))
        ]
        for _ in range(BATCH)
    ]


def seconds(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help=".npz of QuickDraw drawings")
    drawings = drawings_of(parser.parse_args().data)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    fixed = [[np.round(stroke * 16).astype(np.int32) for stroke in drawing] for drawing in drawings]
    packed = pack(drawings)

    def ours() -> torch.Tensor:
        return rasterize_polylines(packed, BATCH, SIZE, WIDTH)

    def opencv() -> torch.Tensor:
        images = np.zeros((BATCH, SIZE, SIZE), np.uint8)
        for image, drawing in zip(images, fixed, strict=True):
            cv2.polylines(image, drawing, False, 255, int(WIDTH), cv2.LINE_AA, 4)
        return torch.from_numpy(images)[:, None].float().mul_(1 / 255)

    rows = [(seconds(ours), seconds(opencv)) for _ in range(ROUNDS)][3:]
    a, b = median(row[0] for row in rows), median(row[1] for row in rows)
    print(
        f"batch of {BATCH} drawings, {SIZE} px: ours {a / BATCH * 1e3:.3f} ms a drawing, OpenCV {b / BATCH * 1e3:.3f}"
    )
    print(f"ratio ours / OpenCV: {median(x / y for x, y in rows):.2f}")

    canvas, each = Canvas(SIZE, WIDTH), []
    for drawing in drawings:
        canvas.clear()
        each += [seconds(lambda stroke=stroke: canvas.draw([stroke])) for stroke in drawing]
    print(
        f"one more stroke on a canvas: median {median(each) * 1e3:.2f} ms, p95 {np.percentile(each, 95) * 1e3:.2f}"
    )


if __name__ == "__main__":
    main()
