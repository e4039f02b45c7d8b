"""Labelled files, a folder a class: what the data sets of images have in common."""

import operator
import re
import warnings
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from sketchwidgets.training.datasets._errors import DataSetError

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 2**27
"""Largest image that is opened: 11,585 pixels square."""


class LabelledFiles(Dataset):
    """Files and their classes; a subclass says how one is opened.

    Its attributes: `files`, paths; `labels`, (n,) int64, indices into `classes`; `classes`, names; `root`;
    `licence`, `citation` and `homepage` of the data. `ds[i]` is what `transform` makes of the example, or the
    example itself, and its label as an int.
    """

    licence: ClassVar[str] = "of whoever made the files"
    citation: ClassVar[str] = ""
    homepage: ClassVar[str] = ""

    def __init__(
        self,
        root: str | Path,
        files: Sequence[Path],
        labels: NDArray[np.int64],
        classes: Sequence[str],
        transform: Callable[[Any], Any] | None,
    ) -> None:
        if transform is not None and not callable(transform):
            raise TypeError(f"transform must be a function or None, not {type(transform).__name__}")
        self.root = Path(root)
        self.files = tuple(files)
        self.labels = labels
        self.classes = tuple(classes)
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        index = check_index(index, len(self))
        example = self._open(self.files[index])
        return (example if self.transform is None else self.transform(example)), int(self.labels[index])

    def _open(self, path: Path) -> Any:
        return open_image(path)

    def _keep(self, chosen: NDArray[np.int64]) -> None:
        """Only these examples from now on."""
        self.files = tuple(self.files[index] for index in chosen)
        self.labels = self.labels[chosen]

    def _details(self) -> str:
        return ""

    def __repr__(self) -> str:
        about = f"{type(self).__name__}({str(self.root)!r}{self._details()}): "
        about += f"{len(self):,} examples of {len(self.classes)} classes"
        lines = [about, f"licence: {self.licence}"]
        if self.citation:
            lines.append(f"please cite: {self.citation}")
        return "\n".join(lines)


def scan(
    folder: Path, suffixes: Collection[str], classes: Sequence[str] | None = None
) -> tuple[list[Path], NDArray[np.int64], tuple[str, ...]]:
    """The files of every subfolder, in the natural order of their names ("2" before "10"); their labels; the classes.

    `classes` are the subfolders to read and their order, by default all that have such files, by name. Raises
    FileNotFoundError where there is no such folder, DataSetError where there are no files.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    if classes is not None:
        wanted = check_names("classes", classes)
        missing = [name for name in wanted if not (folder / name).is_dir()]
        if missing:
            raise DataSetError(f"{folder} has no folder of class {missing[0]!r}")
    else:
        wanted = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[:1] != ".")
    files: list[Path] = []
    labels: list[int] = []
    found: list[str] = []
    for name in wanted:
        own = [
            path for path in (folder / name).iterdir() if path.suffix.lower() in suffixes and path.is_file()
        ]
        if not own and classes is None:
            continue
        own.sort(key=lambda path: natural(path.name))
        labels += [len(found)] * len(own)
        files += own
        found.append(name)
    if not files:
        raise DataSetError(
            f"{folder} has no files {', '.join(sorted(suffixes))} in folders named after classes"
        )
    return files, np.array(labels, np.int64), tuple(found)


def check_names(argument: str, names: Sequence[str]) -> list[str]:
    """Distinct names of files, as a list."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{argument} must be a sequence of names, not {names!r}")
    names = list(names)
    for name in names:
        if not name or name in (".", "..") or re.search(r"[\\/\0]", name):
            raise ValueError(f"{argument}: {name!r} is no name of a class")
    if len(set(names)) != len(names):
        raise ValueError(f"{argument} has a name twice")
    return names


def check_index(index: Any, count: int) -> int:
    """The index of one of `count` examples, counted from the end where it is negative; TypeError or IndexError."""
    try:
        index = operator.index(index)
    except TypeError:
        raise TypeError(
            f"a data set is asked for one example, by a whole number, not by {type(index).__name__}"
        ) from None
    if not -count <= index < count:
        raise IndexError(f"index {index} of {count} examples")
    return index


def natural(name: str) -> list[Any]:
    """A key that sorts numbers in names by their value."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name)]


def open_image(path: Path) -> "Image":
    """A picture file as a PIL image, grey ("L") or colour ("RGB"), decoded; what is transparent lies on white.

    Raises FileNotFoundError, or DataSetError naming the file where it is no picture, damaged, or larger than 2**27 pixels.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            # Our own limit is checked before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise DataSetError(
                        f"{path}: {width} x {height} pixels; at most {MAX_PIXELS:,} are opened"
                    )
                return _grey_or_colour(image)
    except FileNotFoundError:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, EOFError) as error:
        raise DataSetError(f"{path}: not a picture, or damaged ({error})") from None


def _grey_or_colour(image: "Image") -> "Image":
    from PIL import Image as images

    if image.mode.startswith("I;16"):
        return images.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        grey = image.mode == "LA"
        over = image.convert("RGBA")
        paper = images.new("RGBA", image.size, "white")
        return images.alpha_composite(paper, over).convert("L" if grey else "RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")
