"""TU-Berlin: 20,000 sketches of 250 classes, with their strokes (SVG) or as images (PNG)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sketchwidgets.sketch import Sketch
from sketchwidgets.training.datasets._archives import check_archive, extract
from sketchwidgets.training.datasets._download import fetch
from sketchwidgets.training.datasets._image_files import LabelledFiles, open_image, scan
from sketchwidgets.training.datasets.folds import FOLDS, three_folds

CLASSES, PER_CLASS = 250, 80
_BASE = "https://cybertron.cg.tu-berlin.de/eitz/projects/classifysketch"


class TUBerlin(LabelledFiles):
    """TU-Berlin (Eitz, Hays & Alexa, SIGGRAPH 2012): 80 sketches of each of 250 classes; people name 73.1 % of them.

    An example is a `Sketch` in units of the 800 px canvas, strokes in the order they were drawn, no times; or with
    kind="png" a grey PIL image, 1111 px square, black on white.

    Parameters
    ----------
    root : the folder of the class folders (airplane/1.svg, ...), or one above it that is called svg or png, or
        sketches_svg/svg or sketches_png/png, as the archives are unpacked.
    kind : "svg" or "png".
    fold : 0, 1 or 2, the third of every class that is tested on; None for all sketches as one set.
    train : with a fold, whether these are the other two thirds (13,500 or 13,250 sketches) or that third itself.
    seed : of the folds, see `three_folds`.
    classes : class folders to read, in the order of the labels; by default all, by name.
    download : where it is not there, fetch sketches_svg.zip (about 50 MB) or sketches_png.zip (about 0.5 GB) from the
        authors' server and unpack it. Cut off, it goes on where it stopped.
    transform : what becomes of a sketch or an image.
    url, known_hash : another address of the archive, and the "md5:..." or "sha256:..." it must have. Of
        sketches_svg.zip the MD5 that two public projects state is checked. Of sketches_png.zip no published checksum is
        known: without `known_hash` what arrives is believed.
    progress : show bars.

    Raises FileNotFoundError where it is not there, `DataSetError` where it cannot be had.

    >>> fold = sw.training.TUBerlin.folds()
    >>> [int((fold == k).sum()) for k in range(3)]
    [6500, 6750, 6750]
    """

    licence = "CC BY 4.0"
    citation = (
        "M. Eitz, J. Hays and M. Alexa, How do humans sketch objects?, ACM Transactions on Graphics 31(4), "
        "Proc. SIGGRAPH, 2012"
    )
    homepage = f"{_BASE}/"
    urls: ClassVar[dict[str, str]] = {kind: f"{_BASE}/sketches_{kind}.zip" for kind in ("svg", "png")}
    known_hashes: ClassVar[dict[str, str | None]] = {
        "svg": "md5:aa7d8ae9c8bf5f5cb6d28cee9741737c",
        "png": None,
    }

    def __init__(
        self,
        root: str | Path,
        kind: str = "svg",
        fold: int | None = None,
        train: bool = True,
        seed: int = 0,
        classes: Sequence[str] | None = None,
        download: bool = False,
        transform: Callable[[Any], Any] | None = None,
        url: str | None = None,
        known_hash: str | None = None,
        progress: bool = True,
    ) -> None:
        if kind not in self.urls:
            raise ValueError(f'kind must be "svg" or "png", not {kind!r}')
        if fold is not None and (isinstance(fold, bool) or fold not in range(FOLDS)):
            raise ValueError(f"fold must be 0, 1, 2 or None, not {fold!r}")
        root = Path(root)
        self.kind, self.fold, self.train = kind, fold, train
        folder = self._find(root)
        if folder is None and download:
            known_hash = known_hash or (None if url else self.known_hashes[kind])
            self._fetch(root, url or self.urls[kind], known_hash, progress)
            folder = self._find(root)
        if folder is None:
            raise FileNotFoundError(
                f"no class folders with {kind.upper()} files of TU-Berlin in {root}; download=True fetches them"
            )
        files, labels, found = scan(folder, {f".{kind}"}, classes)
        super().__init__(root, files, labels, found, transform)
        if fold is not None:
            tested = three_folds(labels, seed) == fold
            self._keep(np.flatnonzero(~tested if train else tested))

    @staticmethod
    def folds(n_per_class: int = PER_CLASS, seed: int = 0) -> NDArray[np.int64]:
        """The fold of each sketch of the whole set, (250 n_per_class,) int64, class after class.

        What `fold` goes by, for features or images that are kept elsewhere in the same order.
        """
        return three_folds(np.repeat(np.arange(CLASSES), n_per_class), seed)

    def _find(self, root: Path) -> Path | None:
        pattern = f"*/*.{self.kind}"
        for place in (f"sketches_{self.kind}/{self.kind}", self.kind, f"sketches_{self.kind}", "."):
            if next((root / place).glob(pattern), None) is not None:
                return root / place
        return None

    def _fetch(self, root: Path, url: str, known_hash: str | None, progress: bool) -> None:
        archive = fetch(
            url,
            root,
            f"sketches_{self.kind}.zip",
            known_hash=known_hash,
            max_bytes=2**31,
            check=check_archive,
            progress=progress,
        )
        extract(archive, root / archive.stem, max_bytes=2**32, max_files=50_000, progress=progress)
        archive.unlink()

    def _open(self, path: Path) -> Any:
        if self.kind == "svg":
            return Sketch.from_svg(path)
        return open_image(path).convert("L")

    def _details(self) -> str:
        part = "" if self.fold is None else f", fold={self.fold}, train={self.train}"
        return f", kind={self.kind!r}{part}"
