"""Caltech-101 and Caltech-256: the photos that Zeiler & Fergus carry their features over to."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sketchwidgets.training.datasets._archives import check_archive, extract
from sketchwidgets.training.datasets._download import fetch
from sketchwidgets.training.datasets._image_files import LabelledFiles, scan
from sketchwidgets.training.datasets.per_class import split_per_class

_JPEG = frozenset({".jpg", ".jpeg"})


class _Caltech(LabelledFiles):
    """What the two have in common: one archive, a folder of JPEGs a class, one class that is no object."""

    url: ClassVar[str]
    known_hash: ClassVar[str]
    clutter: ClassVar[str]
    places: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        root: str | Path,
        download: bool = False,
        clutter: bool = False,
        transform: Callable[[Any], Any] | None = None,
        url: str | None = None,
        known_hash: str | None = None,
        progress: bool = True,
    ) -> None:
        root = Path(root)
        folder = self._find(root)
        if folder is None and download:
            # A checksum is of one file: another address needs its own.
            self._fetch(root, url or self.url, known_hash or (None if url else self.known_hash), progress)
            folder = self._find(root)
        if folder is None:
            raise FileNotFoundError(
                f"{type(self).__name__} is not in {root} (looked for {', '.join(self.places)}); "
                "download=True fetches it"
            )
        files, labels, classes = scan(folder, _JPEG)
        if not clutter and self.clutter in classes:
            files, labels, classes = scan(folder, _JPEG, [name for name in classes if name != self.clutter])
        super().__init__(root, files, labels, [self._name(name) for name in classes], transform)

    def split(
        self, train: int = 30, test: int | None = 50, seed: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Indices of `train` random images a class, and of up to `test` others: see `split_per_class`."""
        return split_per_class(self.labels, train, test, seed)

    def _find(self, root: Path) -> Path | None:
        for place in self.places:
            if (root / place).is_dir():
                return root / place
        return None

    def _name(self, folder: str) -> str:
        return folder

    def _fetch(self, root: Path, url: str, known_hash: str | None, progress: bool) -> None:
        raise NotImplementedError


class Caltech101(_Caltech):
    """Caltech-101 (Fei-Fei, Fergus & Perona, CVPR workshop 2004): 101 classes of 31 to 800 photos.

    Parameters
    ----------
    root : the folder that holds 101_ObjectCategories, also within caltech101 or caltech-101.
    download : where it is not there, fetch 137 MB from data.caltech.edu, checked by the MD5 that torchvision states
        for it, and unpack it to `root`/caltech101. Cut off, it goes on where it stopped.
    clutter : count BACKGROUND_Google as a class.
    transform : what becomes of an image; by default it stays a PIL image, "L" or "RGB".
    url, known_hash : another address of caltech-101.zip, and the "md5:..." or "sha256:..." of what is there; with
        an address of your own and no `known_hash`, what arrives is believed.
    progress : show bars.

    Raises FileNotFoundError where it is not there, `DataSetError` where it cannot be had.

    >>> sw.training.Caltech101.licence
    'CC BY 4.0'
    """

    licence = "CC BY 4.0"
    citation = (
        "L. Fei-Fei, R. Fergus and P. Perona, Learning generative visual models from few training examples, "
        "CVPR Workshop on Generative-Model Based Vision, 2004; doi:10.22002/D1.20086"
    )
    homepage = "https://data.caltech.edu/records/mzrjq-6wc02"
    url = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
    known_hash = "md5:3138e1922a9193bfa496528edbbc45d0"
    clutter = "BACKGROUND_Google"
    places = (
        "101_ObjectCategories",
        "caltech101/101_ObjectCategories",
        "caltech-101/101_ObjectCategories",
    )

    def _fetch(self, root: Path, url: str, known_hash: str | None, progress: bool) -> None:
        archive = fetch(
            url,
            root,
            "caltech-101.zip",
            known_hash=known_hash,
            max_bytes=2**29,
            check=check_archive,
            progress=progress,
        )
        outer = root / ".caltech-101"
        shutil.rmtree(outer, ignore_errors=True)  # of a run that was cut off
        try:
            extract(archive, outer, max_bytes=2**30, max_files=1000, progress=progress)
            inner = next(outer.rglob("101_ObjectCategories.tar.gz"), None)
            if inner is None:
                raise FileNotFoundError(f"{archive} has no 101_ObjectCategories.tar.gz in it")
            extract(inner, root / "caltech101", max_bytes=2**30, max_files=20_000, progress=progress)
        finally:
            shutil.rmtree(outer, ignore_errors=True)
        archive.unlink()


class Caltech256(_Caltech):
    """Caltech-256 (Griffin, Holub & Perona, Caltech technical report 7694, 2007): 256 classes of at least 80 photos.

    Parameters as of `Caltech101`; `root` is the folder that holds 256_ObjectCategories, also within caltech256, the
    download is 1.2 GB, and the class that is no object is 257.clutter. Class names come without their numbers.

    >>> sw.training.Caltech256.homepage
    'https://data.caltech.edu/records/nyy15-4j048'
    """

    licence = "as stated in its record, https://doi.org/10.22002/D1.20087"
    citation = (
        "G. Griffin, A. Holub and P. Perona, Caltech-256 object category dataset, Technical report 7694, "
        "California Institute of Technology, 2007; doi:10.22002/D1.20087"
    )
    homepage = "https://data.caltech.edu/records/nyy15-4j048"
    url = "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar"
    known_hash = "md5:67b4f42ca05d46448c6bb8ecd2220f6d"
    clutter = "257.clutter"
    places = ("256_ObjectCategories", "caltech256/256_ObjectCategories")

    def _name(self, folder: str) -> str:
        number, _, name = folder.partition(".")
        return name if number.isdecimal() and name else folder

    def _fetch(self, root: Path, url: str, known_hash: str | None, progress: bool) -> None:
        archive = fetch(
            url,
            root,
            "256_ObjectCategories.tar",
            known_hash=known_hash,
            max_bytes=2**32,
            check=check_archive,
            progress=progress,
        )
        extract(archive, root / "caltech256", max_bytes=2**32, max_files=50_000, progress=progress)
        archive.unlink()
