"""Google QuickDraw: fifty million drawings of 345 classes, read from its ndjson and .bin files one at a time."""

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import numpy as np
from torch.utils.data import Dataset

from sketchwidgets.sketch import Sketch, SketchError
from sketchwidgets.sketch.formats import _quickdraw_bin as binary
from sketchwidgets.sketch.formats.quickdraw import MAX_LINE_BYTES, read_record
from sketchwidgets.training.datasets._download import check_hash, fetch
from sketchwidgets.training.datasets._image_files import check_index, check_names
from sketchwidgets.training.datasets._quickdraw_classes import CLASSES
from sketchwidgets.training.datasets._quickdraw_index import FileIndex, check_drawings, index_file

_SUFFIX = {"simplified": ".ndjson", "raw": ".ndjson", "binary": ".bin"}
_SPLITS = ("all", "train", "test")


class QuickDraw(Dataset):
    """QuickDraw (Ha & Eck 2017; Google Creative Lab): a `Sketch` with its strokes in order, and its label.

    Parameters
    ----------
    root : the folder of the files, named after classes ("cat.ndjson"; "full_simplified_cat.ndjson" does as
        well), or of a folder named after `kind` with them in it, which is where downloads go.
    classes : names, in the order of the labels; by default those whose files are there, by name.
        `QuickDraw.CLASSES` are all 345.
    split : "train", "test", or "all". Every `one_in`-th drawing by its key_id is for testing, the same
        ones as in `DrawingSet.split`.
    kind : "simplified" (points 0..255, aligned and thinned out by Google), "raw" (pixels of the screen, with times), or
        "binary" (simplified, smaller files).
    per_class : at most so many drawings a class, the first of the file.
    recognized : only drawings that the game of that time recognised.
    download : fetch the files of `classes` that are not there, one a class, from Google's storage; each is checked by the
        MD5 that the storage states of it. Cut off, it goes on where it stopped.
    transform : what becomes of a sketch.
    url : another address of what is under https://storage.googleapis.com/quickdraw_dataset.
    known_hash : class -> "md5:..." or "sha256:..." that its file must have. Google publishes no list of them.
    progress : show bars.

    Files stay on disk: an index of where each drawing begins is made when a file is first opened (a second or two
    for 100,000 drawings) and kept beside it in `.index`. Raises FileNotFoundError where files are missing, `DataSetError`
    where they cannot be had, SketchError, naming file and byte, for a drawing that is none.

    >>> from pathlib import Path
    >>> _ = Path("cat.ndjson").write_text('{"word": "cat", "key_id": "50", "drawing": [[[0, 9], [0, 7]]]}')
    >>> data = sw.training.QuickDraw(".")
    >>> data[0]
    (Sketch(1 stroke, 2 points), 0)
    """

    CLASSES: ClassVar[tuple[str, ...]] = CLASSES
    licence = "CC BY 4.0, Google LLC"
    citation = (
        "D. Ha and D. Eck, A neural representation of sketch drawings, arXiv:1704.03477, 2017; "
        "The Quick, Draw! dataset, Google Creative Lab, github.com/googlecreativelab/quickdraw-dataset"
    )
    homepage = "https://github.com/googlecreativelab/quickdraw-dataset"
    url = "https://storage.googleapis.com/quickdraw_dataset"

    def __init__(
        self,
        root: str | Path,
        classes: Sequence[str] | None = None,
        split: str = "all",
        kind: str = "simplified",
        per_class: int | None = None,
        recognized: bool = False,
        one_in: int = 25,
        download: bool = False,
        transform: Callable[[Any], Any] | None = None,
        url: str | None = None,
        known_hash: dict[str, str] | None = None,
        progress: bool = True,
    ) -> None:
        _check(split, kind, per_class, one_in, transform)
        self.root, self.split, self.kind, self.transform = Path(root), split, kind, transform
        files = self._find()
        if classes is None:
            if download:
                raise ValueError(
                    "classes must be named for a download: some of QuickDraw.CLASSES, or all 345 of them"
                )
            classes = sorted(files)
        self.classes = tuple(check_names("classes", classes))
        missing = [name for name in self.classes if name not in files]
        if missing and download:
            self._fetch(missing, url or self.url, known_hash or {}, progress)
            files = self._find()
            missing = [name for name in self.classes if name not in files]
        if missing or not self.classes:
            what = f"{self.classes[0] if not missing else missing[0]}" if self.classes else "any class"
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise FileNotFoundError(
                f"{kind} drawings of {what}{more} are not in {self.root} ({what}{_SUFFIX[kind]}); "
                "download=True fetches them"
            )
        self.paths = tuple(files[name] for name in self.classes)
        self._set([self._pick(path, per_class, recognized, one_in) for path in self.paths])

    def _set(self, picked: list[FileIndex]) -> None:
        counts = [len(index) for index in picked]
        self.labels = np.repeat(np.arange(len(counts)), counts)
        self.start = np.concatenate([index.start for index in picked])
        self.end = np.concatenate([index.end for index in picked])
        self.key_id = np.concatenate([index.key_id for index in picked])

    def _pick(self, path: Path, per_class: int | None, recognized: bool, one_in: int) -> FileIndex:
        index = index_file(path)
        tested = index.key_id % np.uint64(one_in) == 0
        wanted = {"all": np.ones_like(tested), "train": ~tested, "test": tested}[self.split]
        if recognized:
            wanted = wanted & index.recognized
        return index.chosen(np.flatnonzero(wanted)[:per_class])

    def _find(self) -> dict[str, Path]:
        """Class -> file."""
        suffix, found = _SUFFIX[self.kind], {}
        for folder in (self.root, self.root / self.kind):
            if folder.is_dir():
                for path in folder.glob(f"*{suffix}"):
                    if path.is_file():
                        found[path.stem.removeprefix(f"full_{self.kind}_")] = path
        return found

    def _fetch(self, names: list[str], url: str, known_hash: dict[str, str], progress: bool) -> None:
        unknown = [name for name in names if name not in CLASSES]
        if unknown:
            raise ValueError(f"classes: QuickDraw has no {unknown[0]!r}; see QuickDraw.CLASSES")
        suffix = _SUFFIX[self.kind]
        for name in names:
            check_hash(known_hash.get(name), name)
        for name in names:
            fetch(
                f"{url.rstrip('/')}/full/{self.kind}/{quote(name)}{suffix}",
                self.root / self.kind,
                f"{name}{suffix}",
                known_hash=known_hash.get(name),
                max_bytes=2**34,
                check=partial(check_drawings, suffix=suffix),
                progress=progress,
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        sketch = self.sketch(index)
        return (sketch if self.transform is None else self.transform(sketch)), int(self.labels[index])

    def sketch(self, index: int) -> Sketch:
        """A drawing as it is in the file, whatever the transform."""
        index = check_index(index, len(self))
        path = self.paths[self.labels[index]]
        start, end = int(self.start[index]), int(self.end[index])
        if end - start > MAX_LINE_BYTES:
            raise SketchError(f"longer than {MAX_LINE_BYTES:,} bytes", str(path), f"byte {start}")
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read(end - start)
        try:
            if self.kind == "binary":
                return binary.read_one(io.BytesIO(data))[0]
            return read_record(data).sketch
        except SketchError as error:
            raise SketchError(error.problem, str(path), f"byte {start}", *error.places[1:]) from None

    def __repr__(self) -> str:
        about = f"QuickDraw({str(self.root)!r}, split={self.split!r}, kind={self.kind!r})"
        return (
            f"{about}: {len(self):,} drawings of {len(self.classes)} classes\n"
            f"licence: {self.licence}\nplease cite: {self.citation}"
        )


def _check(split: Any, kind: Any, per_class: Any, one_in: Any, transform: Any) -> None:
    if kind not in _SUFFIX:
        raise ValueError(f"kind must be one of {', '.join(_SUFFIX)}, not {kind!r}")
    if split not in _SPLITS:
        raise ValueError(f"split must be one of {', '.join(_SPLITS)}, not {split!r}")
    for name, value, least in (
        ("per_class", 1 if per_class is None else per_class, 1),
        ("one_in", one_in, 2),
    ):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    if transform is not None and not callable(transform):
        raise TypeError(f"transform must be a function or None, not {type(transform).__name__}")
