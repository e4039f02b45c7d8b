"""The public data sets of the papers, how they are downloaded, and how they are split."""

from sketchwidgets.training.datasets.folds import three_folds
from sketchwidgets.training.datasets.images_npz import load_images_npz

__all__ = ["load_images_npz", "three_folds"]
