"""Train the recogniser: data, recipes, measurement."""

from sketchwidgets.training.evaluate import Evaluation, evaluate
from sketchwidgets.training.quickdraw import DrawingSet
from sketchwidgets.training.recognizer import RecognizerRecipe, train_recognizer

__all__ = ["DrawingSet", "Evaluation", "RecognizerRecipe", "evaluate", "train_recognizer"]
