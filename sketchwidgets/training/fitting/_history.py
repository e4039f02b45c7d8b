"""What a training has logged, as curves."""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sketchwidgets.visualization import Chart, Figure, Section

LOG = "log"
_MAX_BYTES = 256 * 2**20
_VALIDATION = "validation_"


@dataclass(frozen=True)
class History:
    """Curves of a training: name -> (steps, values), float64, steps ascending.

    The names are as they are logged: "loss", "accuracy", "rate", "validation_loss", "validation_accuracy", ...

    >>> history = History({"loss": (np.arange(3.0), np.array([2.0, 1.0, 0.5]))})
    >>> history["loss"][1].min()
    np.float64(0.5)
    """

    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]

    def __getitem__(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.curves[name]

    def __contains__(self, name: str) -> bool:
        return name in self.curves

    def figure(self) -> Figure:
        """Loss and accuracy over the steps, of training and validation."""
        charts = []
        for name, y_range in (("loss", None), ("accuracy", (0.0, 1.0))):
            kinds = ((name, "training"), (_VALIDATION + name, "validation"))
            series = [(kind, *self.curves[key]) for key, kind in kinds if key in self.curves]
            if series:
                charts.append(Chart(series, "step", name, y_range=y_range))
        return Figure("Training", [Section("", charts)] if charts else [])

    def _repr_html_(self) -> str:
        return self.figure()._repr_html_()

    def __repr__(self) -> str:
        steps = max((int(x[-1]) + 1 for x, _ in self.curves.values() if len(x)), default=0)  # the first is 0
        return f"History({', '.join(sorted(self.curves))}; {steps} steps)"


def read_history(folder: str | Path) -> History:
    """The curves of all runs of a training in one folder; where a run was cut off, those of the next one go on.

    Raises FileNotFoundError where there is no folder, ValueError for a log that is damaged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    rows: dict[str, dict[int, float]] = {}
    for path in sorted(folder.glob(f"{LOG}/version_*/metrics.csv"), key=_version):
        found = _read(path)
        first = min((min(points) for points in found.values() if points), default=None)
        if first is None:
            continue
        for points in rows.values():  # what the run before did after its last checkpoint is done again
            for step in [step for step in points if step >= first]:
                del points[step]
        for name, points in found.items():
            rows.setdefault(name, {}).update(points)
    curves = {}
    for name, points in rows.items():
        if points:
            steps = sorted(points)
            curves[name] = np.array(steps, np.float64), np.array([points[s] for s in steps], np.float64)
    return History(curves)


def _version(path: Path) -> int:
    found = re.fullmatch(r"version_(\d{1,9})", path.parent.name)
    return int(found[1]) if found else -1


def _read(path: Path) -> dict[str, dict[int, float]]:
    """Name -> step -> value of one log of Lightning's."""
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"{path}: larger than {_MAX_BYTES:,} bytes")
    found: dict[str, dict[int, float]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            step = _number(row.get("step"))
            if step is None:
                continue  # the last line of a run that was killed may be cut short
            for name, text in row.items():
                value = _number(text) if name not in ("step", "epoch") and isinstance(name, str) else None
                if value is not None:
                    if not 0 <= step < 1e12:
                        raise ValueError(f"{path}, line {number}: step {step}")
                    found.setdefault(name, {})[int(step)] = value
    return found


def _number(text: Any) -> float | None:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return (
        None
        if math.isinf(value) or (math.isnan(value) and not str(text).lower().startswith("nan"))
        else value
    )
