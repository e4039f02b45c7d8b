"""A small training that several tests run, also as a script of its own: python fit_run.py FOLDER [DEVICES]."""

import sys
import time
from pathlib import Path

import numpy as np
import quick_start  # noqa: F401
import torch
from torch import nn

from sketchwidgets.training import Recipe, Views, fit

RECIPE = Recipe(
    epochs=6,
    batch_size=13,  # odd, so that two processes get parts of different size
    learning_rate=0.05,
    bias_rate=2.0,
    schedule="plateau",
    patience=1,
    filter_std=0.2,
    bias=0.01,
    filter_radius=0.3,
    views=Views(size=20, rotation=10, rotated=0.5, mean=True),
)


def pictures(n=60, seed=0):
    """Grey noise, in which the class is the place of a white bar; and the labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    images = rng.integers(0, 256, (n, 20, 20)).astype(np.uint8)
    for label in range(3):
        images[labels == label, 6 * label : 6 * label + 6] //= 8
    return images, labels


def network(dropout=0.5):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = nn.Sequential(
            nn.Conv2d(1, 6, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(216, 3),
        )
    made.input_size = 16
    return made


def run(folder, dropout=0.5, recipe=RECIPE, **keywords):
    keywords = {
        "accelerator": "cpu",
        "progress": False,
        "every": 3,
        "validation": pictures(21, 1),
        **keywords,
    }
    return fit(network(dropout), pictures(), recipe, folder, **keywords)


def tell_slowly(progress):
    """One line a step, and time enough to be killed in."""
    print(progress.step, flush=True)
    time.sleep(0.02)


if __name__ == "__main__":
    devices = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if devices > 1:
        run(Path(sys.argv[1]), dropout=0.0, devices=devices, strategy="ddp")
    else:
        run(Path(sys.argv[1]), every=1, callback=tell_slowly)
