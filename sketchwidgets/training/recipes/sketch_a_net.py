"""How Sketch-a-Net was trained."""

from dataclasses import replace
from typing import Any

from sketchwidgets.training.fitting import Recipe, Views

PAPER = Recipe(
    name="Sketch-a-Net",
    epochs=500,
    batch_size=135,
    learning_rate=1e-3,
    momentum=0.9,
    weight_decay=5e-4,
    bias_rate=2.0,
    schedule="constant",
    filter_std=0.01,
    bias=0.01,
    views=Views(crops="random", mirror=0.5, rotation=5, rotated=0.55, span=255.0),
)


def sketch_a_net_recipe(**changes: Any) -> Recipe:
    """The recipe of Sketch-a-Net (Yu et al., BMVC 2015) as the authors released it; `changes` are fields of it.

    Pictures of 256 pixels, 255 at full ink; at a step any part of 225, mirrored half of the time, and turned by up to 5
    whole degrees with probability 0.55. SGD with momentum 0.9, 135 pictures, rate 0.001 throughout, 500 epochs; filters
    start at 0.01 times a normal number and biases at 0.01, which learn twice as fast and do not decay. Tested on
    ten views, whose scores are summed.

    >>> sw.training.sketch_a_net_recipe(epochs=20, views=sw.training.Views(span=1.0)).batch_size
    135
    """
    return replace(PAPER, **changes)
