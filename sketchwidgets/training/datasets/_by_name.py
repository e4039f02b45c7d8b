"""The data sets that can be downloaded, by name."""

from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from sketchwidgets.training.datasets.caltech import Caltech101, Caltech256
from sketchwidgets.training.datasets.quickdraw import CLASSES, QuickDraw
from sketchwidgets.training.datasets.tu_berlin import TUBerlin

_DATA_SETS = {
    "quickdraw": (QuickDraw, {"classes", "kind", "url"}),
    "tu-berlin": (TUBerlin, {"kind", "url", "known_hash"}),
    "caltech-101": (Caltech101, {"url", "known_hash"}),
    "caltech-256": (Caltech256, {"url", "known_hash"}),
}


def download_by_name(name: str, folder: str | Path, **options: Any) -> Dataset:
    """Fetch a data set into a folder, or open it where it is there already.

    name : "quickdraw", "tu-berlin", "caltech-101" or "caltech-256".
    options : `classes` (of quickdraw, names or ["all"]), `kind`, `url`, `known_hash`, as the data set takes them.

    Raises ValueError for an unknown name or an option that the data set does not have, else as the data set.
    """
    if name not in _DATA_SETS:
        raise ValueError(f"no data set is called {name!r} (known: {', '.join(_DATA_SETS)})")
    kind, known = _DATA_SETS[name]
    unknown = sorted(set(options) - known)
    if unknown:
        raise ValueError(f"{name} has no option {unknown[0]!r}; it has {', '.join(sorted(known))}")
    if options.get("classes") == ["all"]:
        options["classes"] = CLASSES
    return kind(folder, download=True, **options)
