"""Train the recogniser: data, recipes, measurement."""

from sketchwidgets.training import ensemble
from sketchwidgets.training.calibrate import calibrate, calibration_halves
from sketchwidgets.training.datasets import (
    Caltech101,
    Caltech256,
    DataSetError,
    ImageFolder,
    QuickDraw,
    TUBerlin,
    draw_shapes,
    load_images_npz,
    split_per_class,
    three_folds,
)
from sketchwidgets.training.drawing_set import DrawingSet
from sketchwidgets.training.evaluate import Evaluation, evaluate
from sketchwidgets.training.evolution import RecordEvolution
from sketchwidgets.training.fitting import (
    CheckpointError,
    Fitted,
    History,
    Recipe,
    RenormalizeFilters,
    ReportProgress,
    TrainingProgress,
    Views,
    fit,
    pack_sketches,
    read_history,
    renormalize_filters,
)
from sketchwidgets.training.recipes import (
    alexnet_pictionary_recipe,
    fine_tuning_recipe,
    recurrent_recipe,
    sketch_a_net_recipe,
    zeiler_recipe,
)
from sketchwidgets.training.recognizer import RecognizerRecipe, train_recognizer
from sketchwidgets.training.two_streams import TwoStreamRecipe, train_two_streams

__all__ = [
    "Caltech101",
    "Caltech256",
    "CheckpointError",
    "DataSetError",
    "DrawingSet",
    "Evaluation",
    "Fitted",
    "History",
    "ImageFolder",
    "QuickDraw",
    "Recipe",
    "RecognizerRecipe",
    "RecordEvolution",
    "RenormalizeFilters",
    "ReportProgress",
    "TUBerlin",
    "TrainingProgress",
    "TwoStreamRecipe",
    "Views",
    "alexnet_pictionary_recipe",
    "calibrate",
    "calibration_halves",
    "draw_shapes",
    "ensemble",
    "evaluate",
    "fine_tuning_recipe",
    "fit",
    "load_images_npz",
    "pack_sketches",
    "read_history",
    "recurrent_recipe",
    "renormalize_filters",
    "sketch_a_net_recipe",
    "split_per_class",
    "three_folds",
    "train_recognizer",
    "train_two_streams",
    "zeiler_recipe",
]
