"""The images of all prefixes of drawings, in batches."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.recognition._preprocessing import Preprocessing
from sketchwidgets.sketch._normalize import fit_to_frame
from sketchwidgets.sketch.rasterizer import pack, rasterize_polylines


def prefix_images(
    preprocessing: Preprocessing,
    drawings: Iterable[Sequence[np.ndarray]],
    batch_size: int,
    device: torch.device | str = "cpu",
) -> Iterator[Tensor]:
    """Yield (m, 1, size, size) batches, m <= batch_size, the images of all prefixes, drawing by drawing.

    A drawing is a sequence of (n, >=2) strokes; its k-th image shows strokes 1..k, normalised by their own
    bounding box, and is the image that a `SketchCanvas` shows after k strokes.
    """
    jobs: list[tuple[list[np.ndarray], bool]] = []
    for strokes in drawings:
        for strokes_in_pixels, continues in _prefixes(preprocessing, strokes, lambda: bool(jobs)):
            jobs.append((strokes_in_pixels, continues))
            if len(jobs) == batch_size:
                yield _draw(preprocessing, jobs, device)
                jobs.clear()
    if jobs:
        yield _draw(preprocessing, jobs, device)


def images_of(
    preprocessing: Preprocessing, drawings: Sequence[Sequence[np.ndarray]], device: torch.device | str = "cpu"
) -> Tensor:
    """(n, 1, size, size), the image of each whole drawing, a sequence of at least one (points, >=2) stroke."""
    jobs = []
    for drawing in drawings:
        strokes = [np.asarray(stroke, np.float64)[:, :2] for stroke in drawing]
        lower = np.min([stroke.min(0) for stroke in strokes], axis=0)
        upper = np.max([stroke.max(0) for stroke in strokes], axis=0)
        scale, offset = fit_to_frame(lower, upper, preprocessing.size, preprocessing.extent)
        jobs.append(([(stroke * scale + offset).astype(np.float32) for stroke in strokes], False))
    return _draw(preprocessing, jobs, device)


def _prefixes(
    preprocessing: Preprocessing, strokes: Sequence[np.ndarray], has_previous: Callable[[], bool]
) -> Iterator[tuple[list[np.ndarray], bool]]:
    """For each prefix what is to be drawn, in pixels, and whether on top of the image of the prefix before.

    That is so where the bounding box has not changed and that image is in the same batch: a long drawing is
    drawn anew once a batch and at each change of its box, not once a stroke.
    """
    strokes = [np.asarray(stroke, np.float64)[:, :2] for stroke in strokes]
    if not strokes:
        return
    lower = np.minimum.accumulate([stroke.min(0) for stroke in strokes])
    upper = np.maximum.accumulate([stroke.max(0) for stroke in strokes])
    scale, offset = fit_to_frame(lower, upper, preprocessing.size, preprocessing.extent)
    for k in range(len(strokes)):
        continues = (
            k > 0
            and has_previous()
            and np.array_equal(lower[k], lower[k - 1])
            and np.array_equal(upper[k], upper[k - 1])
        )
        new = strokes[k : k + 1] if continues else strokes[: k + 1]
        yield [(stroke * scale[k] + offset[k]).astype(np.float32) for stroke in new], continues


def _draw(
    preprocessing: Preprocessing, jobs: list[tuple[list[np.ndarray], bool]], device: torch.device | str
) -> Tensor:
    lines = pack([strokes for strokes, _ in jobs], device)
    images = rasterize_polylines(lines, len(jobs), preprocessing.size, preprocessing.stroke_width)
    for i, (_, continues) in enumerate(jobs):
        if continues:
            torch.maximum(images[i], images[i - 1], out=images[i])
    return images
