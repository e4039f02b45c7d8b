"""An evaluation as curves."""

from typing import TYPE_CHECKING

import numpy as np

from sketchwidgets.training.evaluation.shares import SHARES
from sketchwidgets.visualization import Chart, Figure, Section

if TYPE_CHECKING:
    from sketchwidgets.training.evaluation.evaluate import CalibrationQuality, Evaluation
    from sketchwidgets.training.evaluation.reliability import Reliability

_SIZE = (420, 260)
_DRAWN = "% of the strokes drawn"


def evaluation_figure(found: "Evaluation") -> Figure:
    """Right, first right and stays right over the strokes; reliability; how much is known, and how well."""
    early = Chart(
        [
            _curve("right", found.by_share),
            _curve("right once", found.first_right.by_share),
            _curve("right to the end", found.stays_right.by_share),
        ],
        _DRAWN,
        "% of the drawings",
        caption=f"{found.changes:.2f} changes of the label a drawing",
        y_range=(0, 100),
        size=_SIZE,
    )
    charts = [early]
    if found.calibration is not None:
        charts += _calibration_charts(found.calibration)
    title = f"Recognition of {found.drawings:,} drawings: {found.top1:.1%} top-1, {found.top5:.1%} top-5"
    return Figure(title, [Section("", charts)])


def _calibration_charts(found: "CalibrationQuality") -> list[Chart]:
    kinds = (("whole drawings", found.whole), ("10 to 100 %", found.shares), ("every stroke", found.steps))
    line = ("as it should be", np.array([0.0, 100.0]), np.array([0.0, 100.0]))
    errors = ", ".join(f"{name} {each.error:.3f}" for name, each in kinds)
    reliable = Chart(
        [*(_reliability(name, each) for name, each in kinds), line],
        "% confidence",
        "% right",
        caption=f"calibration error: {errors}",
        y_range=(0, 100),
        size=_SIZE,
    )
    if found.promised is None:
        return [reliable]
    coverage = {share: knows.coverage for share, knows in found.knows.items()}
    precision = {
        share: np.nan if knows.precision is None else knows.precision for share, knows in found.knows.items()
    }
    knows = Chart(
        [_curve("says it knows", coverage), _curve("right where it does", precision)],
        _DRAWN,
        "%",
        caption=f"promised: right in {found.promised:.0%} where it says that it knows",
        y_range=(0, 100),
        size=_SIZE,
    )
    return [reliable, knows]


def _curve(name: str, values: dict[int, float]) -> tuple[str, np.ndarray, np.ndarray]:
    return name, np.array(SHARES, np.float64), 100 * np.array([values[share] for share in SHARES], np.float64)


def _reliability(name: str, found: "Reliability") -> tuple[str, np.ndarray, np.ndarray]:
    # A bin of a few predictions says more about chance than about the recogniser.
    full = [i for i, count in enumerate(found.count) if count >= max(1, 0.005 * sum(found.count))]
    return (
        name,
        100 * np.array([found.confidence[i] for i in full], np.float64),
        100 * np.array([found.accuracy[i] for i in full], np.float64),
    )
