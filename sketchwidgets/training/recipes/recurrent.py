"""How a recurrent part that reads CNN features is trained."""

from dataclasses import replace
from typing import Any

from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe


def recurrent_recipe(**changes: Any) -> RecurrentRecipe:
    """The recipe of a recurrent part, for `fit(None, features, recurrent_recipe(), folder, validation=...)`.

    `changes` are fields of it; `features` are PrefixFeatures, from `cache_features`. A GRU reads what the CNN makes of
    every prefix of a drawing and is asked at every stroke; later strokes count more (Sarvadevabhatla et al., ACM MM
    2016, who do not print by how much).

    >>> sw.training.recurrent_recipe(cell="lstm").cell
    'lstm'
    """
    return replace(RecurrentRecipe(), **changes)
