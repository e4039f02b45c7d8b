"""The public data sets of the papers, how they are downloaded, and how they are split."""

from sketchwidgets.training.datasets._by_name import download_by_name
from sketchwidgets.training.datasets._download import fetch, file_hash
from sketchwidgets.training.datasets._errors import DataSetError
from sketchwidgets.training.datasets.caltech import Caltech101, Caltech256
from sketchwidgets.training.datasets.folds import three_folds
from sketchwidgets.training.datasets.image_folder import ImageFolder
from sketchwidgets.training.datasets.images_npz import load_images_npz
from sketchwidgets.training.datasets.per_class import split_per_class
from sketchwidgets.training.datasets.quickdraw import QuickDraw
from sketchwidgets.training.datasets.shapes import draw_shapes
from sketchwidgets.training.datasets.tu_berlin import TUBerlin

__all__ = [
    "Caltech101",
    "Caltech256",
    "DataSetError",
    "ImageFolder",
    "QuickDraw",
    "TUBerlin",
    "download_by_name",
    "draw_shapes",
    "fetch",
    "file_hash",
    "load_images_npz",
    "split_per_class",
    "three_folds",
]
