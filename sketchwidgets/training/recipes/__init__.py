"""The recipes of the papers, a function each that returns one with its values."""

from sketchwidgets.training.recipes.fine_tuning import alexnet_pictionary_recipe, fine_tuning_recipe
from sketchwidgets.training.recipes.recurrent import recurrent_recipe
from sketchwidgets.training.recipes.sketch_a_net import sketch_a_net_recipe
from sketchwidgets.training.recipes.zeiler import zeiler_recipe

__all__ = [
    "alexnet_pictionary_recipe",
    "fine_tuning_recipe",
    "recurrent_recipe",
    "sketch_a_net_recipe",
    "zeiler_recipe",
]
