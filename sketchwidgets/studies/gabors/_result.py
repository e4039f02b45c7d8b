"""How well Gabor functions describe trained and untrained first filters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._result import StudyResult
from sketchwidgets.visualization import Chart, Figure, Section

KINDS = ("trained", "untrained", "noise", "smooth noise")
SOURCE = "Yu et al. (IJCV 2017), figure 8: shown side by side, without numbers"


@dataclass(frozen=True)
class FittedFilters:
    """R² of the best Gabor of each of some filters.

    network : whose first layer it is, or is like. kind : "trained", "untrained", "noise" or "smooth noise", which has the
        mean power spectrum of the trained filters. size : (height, width) in pixels.
    r2 : of each filter, ascending, at most 1; those of several seeds in one. seeds : how many.
    threshold : of R² above which a filter counts as Gabor-like.
    """

    network: str
    kind: str
    size: tuple[int, int]
    r2: tuple[float, ...]
    seeds: int
    threshold: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if not self.r2 or not all(value <= 1 for value in self.r2):
            raise ValueError(f"{self.name}: r2 must be numbers of at most 1")
        object.__setattr__(self, "r2", tuple(sorted(self.r2)))

    @property
    def name(self) -> str:
        """Such as "Sketch-a-Net, trained"."""
        return f"{self.network}, {self.kind}"

    @property
    def gabor_like(self) -> int:
        """Filters above the threshold."""
        return sum(value > self.threshold for value in self.r2)

    def median(self) -> Measured:
        """The median R² with its 95 % interval, from the order statistics, whatever the distribution."""
        from scipy.stats import binom

        n = len(self.r2)
        below = int(binom.ppf(0.025, n, 0.5))
        bounds = (self.r2[max(below - 1, 0)], self.r2[min(n - below, n - 1)])
        low, high = (round(value, 3) for value in bounds)
        return Measured(self.name, round(float(np.median(self.r2)), 3), low, high)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with the median and the count above the threshold."""
        median = self.median()
        return {
            "network": self.network,
            "kind": self.kind,
            "size": list(self.size),
            "r2": list(self.r2),
            "seeds": self.seeds,
            "threshold": self.threshold,
            "filters": len(self.r2),
            "gabor_like": self.gabor_like,
            "median": median.value,
            "median_interval": [median.low, median.high],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "FittedFilters":
        """Inverse of `to_dict`; ValueError, KeyError or TypeError for anything else."""
        height, width = values["size"]
        return cls(
            str(values["network"]),
            str(values["kind"]),
            (int(height), int(width)),
            tuple(map(float, values["r2"])),
            int(values["seeds"]),
            float(values["threshold"]),
        )


@dataclass(frozen=True)
class FiltersAndGabors(StudyResult[FittedFilters]):
    """Whether first filters are Gabors, and more so than filters that have learnt nothing.

    rows : for each network its trained filters, and after them what they are compared with.
    settings : seeds, threshold, versions, processor time, and networks that were left out, with the reason: JSON values.

    >>> trained = sw.studies.FittedFilters("net", "trained", (7, 7), (0.7, 0.8, 0.9), 1, 0.75)
    >>> untrained = sw.studies.FittedFilters("net", "untrained", (7, 7), (0.3, 0.4, 0.75), 1, 0.75)
    >>> sw.studies.FiltersAndGabors((trained, untrained)).above("net", "untrained")
    (0.889, 0.2)
    """

    _row: ClassVar[type] = FittedFilters
    _file: ClassVar[str] = "filters-and-gabors.json"
    published: ClassVar[Mapping[str, Any]] = {
        "statement": "the first filters of Sketch-a-Net look like Gabor filters",
        "source": SOURCE,
    }

    @property
    def networks(self) -> tuple[str, ...]:
        """In the order in which they were fitted."""
        return tuple(dict.fromkeys(row.network for row in self.rows))

    def above(self, network: str, kind: str) -> tuple[float, float]:
        """The probability that a trained filter's R² is above one of another kind, ties half, and the two-sided p-value.

        Mann and Whitney's U, as a share of all pairs.
        """
        from scipy.stats import mannwhitneyu

        first, second = self[f"{network}, trained"].r2, self[f"{network}, {kind}"].r2
        found = mannwhitneyu(first, second)
        return round(float(found.statistic) / (len(first) * len(second)), 3), float(f"{found.pvalue:.2g}")

    def orderings(self) -> tuple[Ordering, ...]:
        """Whether the median R² of trained filters is above that of each kind that has learnt nothing."""
        return tuple(
            Ordering(
                f"{row.network}: trained filters are more like Gabors than {_PHRASES[row.kind]}.",
                self[f"{row.network}, trained"].median(),
                row.median(),
                source=SOURCE,
                control=True,  # the papers show filters beside Gabors, and none that are untrained
            )
            for row in self.rows
            if row.kind != "trained"
        )

    def figure(self) -> Figure:
        """For each network, the share of its filters whose R² is above a value, and the histogram of R²."""
        sections = []
        for network in self.networks:
            rows = [row for row in self.rows if row.network == network]
            height, width = rows[0].size
            title = f"{network}: {len(rows[0].r2)} filters of {height} x {width}"
            sections.append(Section(title, [_cumulative(rows), _histogram(rows)]))
        return Figure("Gabors fitted to first filters", sections)

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready values, the tests between trained and other filters included."""
        tests = [
            dict(
                zip(
                    ("network", "kind", "probability", "p"),
                    (network, kind, *self.above(network, kind)),
                    strict=True,
                )
            )
            for network in self.networks
            for kind in KINDS[1:]
            if self.get(f"{network}, {kind}") is not None
        ]
        return super().to_dict() | {"mann_whitney": tests}

    def _cells(self) -> list[list[str]]:
        head = ["filters", "size", "number", "median R² (95 %)", "Gabor-like", "trained above (p)"]
        lines = []
        for row in self.rows:
            median = row.median()
            share = 100 * row.gabor_like / len(row.r2)
            test = ""
            if row.kind != "trained":
                probability, p = self.above(row.network, row.kind)
                test = f"{100 * probability:.0f} % ({p:.1g})"
            lines.append(
                [
                    row.name,
                    f"{row.size[0]} x {row.size[1]}",
                    f"{len(row.r2):,}",
                    f"{median.value:.2f} ({median.low:.2f} to {median.high:.2f})",
                    f"{row.gabor_like:,} ({share:.0f} %)",
                    test,
                ]
            )
        return [head, *lines]

    def __repr__(self) -> str:
        return f"FiltersAndGabors({len(self.networks)} networks, {len(self.rows)} rows)"


_PHRASES = {
    "untrained": "before training",
    "noise": "noise is",
    "smooth noise": "noise that is as smooth is",
}


def _cumulative(rows: list[FittedFilters]) -> Chart:
    places = np.linspace(0, 1, 101)
    series = [
        (row.kind, places, [100 * float(np.mean(np.array(row.r2) > place)) for place in places])
        for row in rows
    ]
    marks = [(rows[0].threshold, f"{rows[0].threshold:g}")]
    return Chart(
        series, "R²", "filters above, %", "share of the filters above an R²", (0, 100), marks, size=(420, 260)
    )


def _histogram(rows: list[FittedFilters]) -> Chart:
    edges = np.linspace(0, 1, 11)
    series = [
        (
            row.kind,
            edges[:-1].round(1),
            100 * np.histogram(np.clip(row.r2, 0, 1), edges)[0] / len(row.r2),
        )
        for row in rows
    ]
    return Chart(series, "R², from", "filters, %", "in steps of 0.1", kind="bar", size=(420, 260))
