"""How Zeiler & Fergus trained their network."""

from dataclasses import replace
from typing import Any

from sketchwidgets.training.fitting import Recipe, Views

PAPER = Recipe(
    name="Zeiler & Fergus",
    epochs=70,
    batch_size=128,
    learning_rate=1e-2,
    momentum=0.9,
    # The paper prints none; AlexNet's, which it says it follows.
    weight_decay=5e-4,
    schedule="plateau",
    annealing=0.1,
    filter_std=1e-2,
    bias=0.0,
    filter_radius=0.1,
    views=Views(crops="ten", mirror=0.5, ink=False, span=255.0, mean=True),
)


def zeiler_recipe(**changes: Any) -> Recipe:
    """The recipe of Zeiler & Fergus 2014, section 3.1, for photographs; `changes` are fields of it.

    The shorter side is brought to 256 and the middle cut out, the mean picture subtracted, values from -128 to 128; ten
    parts of 224, the corners and the centre, mirrored or not. SGD with momentum 0.9, 128 pictures a step, rate 0.01 and
    a tenth of it whenever the validation error no longer falls (the authors did that by hand). Filters whose RMS
    exceeds 0.1 are rescaled to it after each step, which the paper calls crucial.

    Not in the paper: the weight decay, AlexNet's, how long a plateau is, and that the mean is one of 4096 pictures.
    The network brings the dropout of 0.5.

    >>> recipe = sw.training.zeiler_recipe(epochs=2)
    >>> recipe.filter_radius, recipe.views.crops
    (0.1, 'ten')
    """
    return replace(PAPER, **changes)
