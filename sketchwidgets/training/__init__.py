"""Train a recogniser and measure it. From the bottom up:

datasets : where drawings come from
inputs : what a network is given of them: pictures of prefixes, strokes, features
evaluation : how often and how early a recogniser is right, and whether it knows; its calibration
checkpoints : the state of a training on disk
recognizers : how the bundled recognisers were made, from drawings to weights with a model card
fitting : one function that trains any network by a recipe
recipes : the recipes of the papers
ensemble : Sketch-a-Nets trained and fused

Public names are imported on first use: training loads Lightning.
"""

from sketchwidgets._lazy import on_first_use
from sketchwidgets.training import ensemble

# Public name -> module of this folder.
_HOME = {
    "Augmentation": "inputs.images",
    "CNNRecipe": "recognizers.cnn",
    "Caltech101": "datasets",
    "Caltech256": "datasets",
    "CheckpointError": "checkpoints",
    "DataSetError": "datasets",
    "DrawingSet": "datasets.drawing_set",
    "Evaluation": "evaluation.evaluate",
    "Fitted": "fitting",
    "History": "fitting",
    "ImageFolder": "datasets",
    "PrefixFeatures": "inputs.features",
    "QuickDraw": "datasets",
    "Recipe": "fitting",
    "RecognizerRecipe": "recognizers.one_stream",
    "RecordEvolution": "fitting",
    "RenormalizeFilters": "fitting",
    "ReportProgress": "fitting",
    "TUBerlin": "datasets",
    "TrainingProgress": "fitting",
    "TwoStreamRecipe": "recognizers.two_streams",
    "Views": "fitting",
    "alexnet_pictionary_recipe": "recipes",
    "cache_features": "inputs.features",
    "calibrate": "evaluation.calibrate",
    "calibration_halves": "evaluation.calibrate",
    "draw_shapes": "datasets",
    "evaluate": "evaluation.evaluate",
    "fine_tuning_recipe": "recipes",
    "fit": "fitting",
    "load_images_npz": "datasets",
    "pack_sketches": "fitting",
    "read_history": "fitting",
    "recurrent_recipe": "recipes",
    "renormalize_filters": "fitting",
    "sketch_a_net_recipe": "recipes",
    "split_per_class": "datasets",
    "three_folds": "datasets",
    "train_recognizer": "recognizers.one_stream",
    "train_two_streams": "recognizers.two_streams",
    "with_classes": "fitting",
    "zeiler_recipe": "recipes",
}

__all__ = [*_HOME, "ensemble"]
__getattr__, __dir__ = on_first_use(__name__, _HOME)
