"""Drawings of three kinds that differ in shape, place and size, as images: enough to tell machines that work."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

NAMES = ("circle", "cross", "square")


def draw(kind: str, rng: np.random.Generator, size: int = 48) -> np.ndarray:
    """One drawing, (size, size) uint8, black on white."""
    image = Image.new("L", (size, size), 255)
    pen = ImageDraw.Draw(image)
    half = rng.uniform(0.25, 0.4) * size
    x, y = rng.uniform(half + 1, size - half - 1, 2)
    box = [x - half, y - half, x + half, y + half * rng.uniform(0.7, 1)]
    if kind == "circle":
        pen.ellipse(box, outline=0)
    elif kind == "square":
        pen.rectangle(box, outline=0)
    else:
        pen.line(box, fill=0)
        pen.line([box[0], box[3], box[2], box[1]], fill=0)
    return np.asarray(image)


@pytest.fixture(scope="session")
def shapes() -> tuple[np.ndarray, np.ndarray]:
    """36 images (n, 48, 48) uint8, never to be written to, and their names."""
    rng = np.random.default_rng(0)
    names = np.array(NAMES * 12)
    images = np.stack([draw(name, rng) for name in names])
    images.setflags(write=False)
    return images, names
