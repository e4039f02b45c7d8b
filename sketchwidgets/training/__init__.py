"""Train the recogniser: data, recipes, measurement."""

from sketchwidgets.training.datasets import load_images_npz, three_folds
from sketchwidgets.training.evaluate import Evaluation, evaluate
from sketchwidgets.training.evolution import RecordEvolution
from sketchwidgets.training.quickdraw import DrawingSet
from sketchwidgets.training.recognizer import RecognizerRecipe, train_recognizer

__all__ = [
    "DrawingSet",
    "Evaluation",
    "RecognizerRecipe",
    "RecordEvolution",
    "evaluate",
    "load_images_npz",
    "three_folds",
    "train_recognizer",
]
