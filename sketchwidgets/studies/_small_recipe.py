"""How networks are trained where minutes of a processor must do instead of days of a GPU."""

from typing import Any

from sketchwidgets.training import Recipe, Views


def small_recipe(epochs: int, batch_size: int, **changes: Any) -> Recipe:
    """AdamW, a rate that rises for some steps and then falls as a cosine, and one view to test on.

    `changes` are fields of the recipe.

    >>> from sketchwidgets.studies._small_recipe import small_recipe
    >>> small_recipe(4, 48, weight_decay=0.02).schedule
    'cosine'
    """
    usual = {
        "name": "AdamW, small",
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 0.05,
        "schedule": "cosine",
        "warmup": 50,
        "views": Views(test="centre"),
        "precision": "bf16-mixed",
    }
    return Recipe(epochs=epochs, batch_size=batch_size, **usual | changes)
