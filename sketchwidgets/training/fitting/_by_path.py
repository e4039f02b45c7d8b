"""Pictures by the path of a file or folder, cut into those that are learned from and those that are put aside."""

from pathlib import Path

import numpy as np

from sketchwidgets.training.datasets import ImageFolder, QuickDraw, load_images_npz, three_folds
from sketchwidgets.training.datasets._npz import read_npz
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.fitting._pictures import (
    ArrayPictures,
    PartOfPictures,
    Pictures,
    StrokePictures,
    as_pictures,
)

_QUICKDRAW = (".ndjson", ".bin")


def open_pictures(path: str | Path, seed: int = 0) -> tuple[Pictures, Pictures]:
    """(for training, put aside) of an .npz of drawings or of images, a folder of QuickDraw files, or one of folders.

    Drawings are put aside by their key_id, one in 25; of images a third of each class, the first of `three_folds`.
    Raises FileNotFoundError, or ValueError saying what the path is not.
    """
    path = Path(path)
    if path.is_dir():
        if any(file.suffix in _QUICKDRAW for file in path.rglob("*")):
            return as_pictures(QuickDraw(path, split="train")), as_pictures(QuickDraw(path, split="test"))
        return _thirds(as_pictures(ImageFolder(path)), seed)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if path.suffix != ".npz":
        raise ValueError(
            f"{path}: data must be an .npz, a folder of QuickDraw files or a folder of folders of pictures"
        )
    if "images" in read_npz(path):
        return _thirds(ArrayPictures(*load_images_npz(path)), seed)
    drawings = DrawingSet.load(path)
    parts = drawings.split()
    if not all(len(part) for part in parts):
        raise ValueError(f"{path}: {len(drawings)} drawings are too few to put some aside")
    return StrokePictures(drawings, parts[0]), StrokePictures(drawings, parts[1])


def _thirds(pictures: Pictures, seed: int) -> tuple[Pictures, Pictures]:
    fold = three_folds(pictures.labels, seed)
    return PartOfPictures(pictures, np.flatnonzero(fold != 0)), PartOfPictures(
        pictures, np.flatnonzero(fold == 0)
    )
