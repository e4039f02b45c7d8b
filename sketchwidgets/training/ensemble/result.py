"""The measured table of an ensemble, which draws itself."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from sketchwidgets.training.evaluation.intervals import wilson
from sketchwidgets.visualization import Chart, Figure, Section

_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class EnsembleRow:
    """One recogniser of the table.

    name : "scale 256", ..., or the fusion. kind : "network" or "fusion".
    right : recognised test images of each fold that was run; total : test images of each.
    gained, lost : over all folds, images that this one recognises and the first network does not, and the reverse.
    """

    name: str
    kind: str
    right: tuple[int, ...]
    total: tuple[int, ...]
    gained: int
    lost: int

    @property
    def accuracy(self) -> float:
        """Share of all test images that is recognised."""
        return sum(self.right) / sum(self.total)

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of `accuracy` at 95 %, over the images."""
        return wilson(sum(self.right), sum(self.total))


@dataclass(frozen=True)
class EnsembleResult:
    """Accuracy of every network and every fusion on the test folds that were run.

    rows : the networks in the order of their scales, then the fusions.
    folds : the folds that were tested on, of three; only these count.
    settings : data, counts, seed, recipe, versions, processor time: JSON values.

    >>> row = sw.training.ensemble.EnsembleRow("scale 256", "network", (80,), (100,), 0, 0)
    >>> result = sw.training.ensemble.EnsembleResult((row,), (0,), {"classes": 40})
    >>> print(result.table())
    | recogniser | top-1 | 95 % | fold 0 | against scale 256 |
    | --- | --- | --- | --- | --- |
    | scale 256 | 80.0 % | 71.1 - 86.7 | 80.0 % |  |
    """

    rows: tuple[EnsembleRow, ...]
    folds: tuple[int, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError("rows must not be empty")
        for row in self.rows:
            if not len(row.right) == len(row.total) == len(self.folds):
                raise ValueError(f"row {row.name!r} has {len(row.right)} folds, the result {len(self.folds)}")
            if not all(
                0 <= right <= total and total for right, total in zip(row.right, row.total, strict=True)
            ):
                raise ValueError(f"row {row.name!r} counts {row.right} of {row.total}")

    def __getitem__(self, name: str) -> EnsembleRow:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row {name!r}; there are {', '.join(row.name for row in self.rows)}")

    def table(self) -> str:
        """The rows in Markdown: top-1 with Wilson's interval at 95 %, each fold, images gained and lost."""
        return "\n".join(f"| {' | '.join(cells)} |" for cells in self._cells(ruler=True))

    def figure(self) -> Figure:
        """Top-1 accuracy as bars: the networks by their scale, then the fusions."""
        charts = []
        for kind, title in (
            ("network", "one network, by its scale"),
            ("fusion", "all of them, by their fusion"),
        ):
            rows = [row for row in self.rows if row.kind == kind]
            names = [row.name.removeprefix("scale ").replace(" fusion", "") for row in rows]
            bars = ("top-1", names, [100 * row.accuracy for row in rows])
            width = max(300, 18 * max(map(len, names), default=0) * len(rows) // 3)
            if rows:
                charts.append(
                    Chart([bars], "", "recognised, %", title, (0, 100), kind="bar", size=(width, 220))
                )
        caption = f"top-1 on {self._tested()}"
        return Figure("Sketch-a-Nets at several scales, alone and fused", [Section("", charts, caption)])

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready values, accuracies and intervals included."""
        rows = [
            asdict(row)
            | {"right": list(row.right), "total": list(row.total)}
            | {"accuracy": round(row.accuracy, 5), "interval": [round(x, 5) for x in row.interval]}
            for row in self.rows
        ]
        return {"folds": list(self.folds), "rows": rows, "settings": dict(self.settings)}

    def save(self, path: str | Path) -> None:
        """Write `to_dict` as JSON."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "EnsembleResult":
        """The result of a file of `save`; ValueError naming the file where it is none."""
        path = Path(path)
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"{path}: larger than {_MAX_BYTES:,} bytes")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            rows = tuple(
                EnsembleRow(
                    str(row["name"]),
                    str(row["kind"]),
                    tuple(map(int, row["right"])),
                    tuple(map(int, row["total"])),
                    int(row["gained"]),
                    int(row["lost"]),
                )
                for row in found["rows"]
            )
            return cls(rows, tuple(map(int, found["folds"])), dict(found["settings"]))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ValueError(f"{path}: not the result of an ensemble ({error!r})") from None

    def _repr_html_(self) -> str:
        head, *rows = self._cells()
        lines = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        titles = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        table = f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"
        return f"{self.figure()._repr_html_()}{table}<p>top-1 on {escape(self._tested())}</p>"

    def __repr__(self) -> str:
        best = max(self.rows, key=lambda row: row.accuracy)
        return f"EnsembleResult({len(self.rows)} rows, best {best.name} {100 * best.accuracy:.1f} %)"

    def _tested(self) -> str:
        count = sum(self.rows[0].total)
        folds = ", ".join(map(str, self.folds))
        return f"{count:,} test images of fold{'s' if len(self.folds) > 1 else ''} {folds} of three"

    def _cells(self, ruler: bool = False) -> list[list[str]]:
        first = self.rows[0]
        folds = [f"fold {fold}" for fold in self.folds]
        lines = [["recogniser", "top-1", "95 %", *folds, f"against {first.name}"]]
        lines += [["---"] * len(lines[0])] if ruler else []
        for row in self.rows:
            low, high = row.interval
            each = [f"{100 * right / total:.1f} %" for right, total in zip(row.right, row.total, strict=True)]
            change = "" if row is first else f"+{row.gained} -{row.lost}"
            spread = f"{100 * low:.1f} - {100 * high:.1f}"
            lines.append([row.name, f"{100 * row.accuracy:.1f} %", spread, *each, change])
        return lines
