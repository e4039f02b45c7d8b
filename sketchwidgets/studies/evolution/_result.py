"""Checkpoints of a training: what they name right, and how far each layer is from what it will be."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sketchwidgets.studies._orderings import Measured, Ordering
from sketchwidgets.studies._result import StudyResult, results_folder
from sketchwidgets.training.evaluation.intervals import wilson
from sketchwidgets.visualization import Chart, FeatureEvolution, Figure, Section

SOURCE = "Zeiler & Fergus (ECCV 2014), figure 4: AlexNet's successor on ImageNet, epochs 1 to 64"
_EARLY = (5, 2, 1)  # epochs that are "a few", of the paper's; the first that is not the last one counts


@dataclass(frozen=True)
class Checkpoint:
    """The network after an epoch.

    epoch, step : passes over the data, optimiser steps. right, total : held-out drawings that are named right.
    similarity : layer -> linear CKA of its features and those of the last epoch, 0 to 1. error : its standard error.
    changed : layer -> share of the followed channels that another training drawing excites most than at the checkpoint
        before; None for the first.
    """

    epoch: int
    step: int
    right: int
    total: int
    similarity: Mapping[str, float]
    error: Mapping[str, float]
    changed: Mapping[str, float] | None

    def __post_init__(self) -> None:
        if not 0 <= self.right <= self.total or self.total < 1:
            raise ValueError(f"{self.name} counts {self.right} of {self.total}")
        if set(self.similarity) != set(self.error):
            raise ValueError(f"{self.name} has similarities and errors of different layers")

    @property
    def name(self) -> str:
        """Such as "epoch 5"."""
        return f"epoch {self.epoch}"

    @property
    def accuracy(self) -> float:
        """Share of the held-out drawings that is named right."""
        return self.right / self.total

    def measured(self, layer: str) -> Measured:
        """The similarity of a layer with its last state, and its 95 % interval."""
        value, half = self.similarity[layer], 1.959964 * self.error[layer]
        bounds = max(0.0, value - half), min(1.0, value + half)
        return Measured(f"{layer} at {self.name}", *(round(x, 3) for x in (value, *bounds)))

    def gone(self, layer: str, start: "Checkpoint") -> Measured:
        """How much of its way from `start` to its last state a layer has gone, in per cent, and its 95 % interval.

        The way is that of the similarity, from what it was at the start to 1: of a layer that is like its last state before
        it has learnt anything, the similarity alone says nothing. Negative where it has gone away from it.
        """
        before = start.similarity[layer]
        if before >= 1:
            return Measured(f"{layer} at {self.name}", 0.0, 0.0, 0.0)
        left = (1 - self.similarity[layer]) / (1 - before)
        # Of left, by both similarities, as if they were measured independently.
        half = 1.959964 * math.hypot(self.error[layer], left * start.error[layer]) / (1 - before)
        return Measured(
            f"{layer} at {self.name}", *(round(100 * (1 - x), 1) for x in (left, left + half, left - half))
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values, with the accuracy and its 95 % interval."""
        fields = {
            key: dict(value) if isinstance(value, Mapping) else value for key, value in vars(self).items()
        }
        interval = [round(bound, 4) for bound in wilson(self.right, self.total)]
        return fields | {"accuracy": round(self.accuracy, 4), "interval": interval}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Checkpoint":
        """Inverse of `to_dict`; ValueError, KeyError, TypeError or AttributeError for anything else."""
        by_layer = [
            None if values[key] is None else {str(k): float(v) for k, v in values[key].items()}
            for key in ("similarity", "error", "changed")
        ]
        return cls(*(int(values[key]) for key in ("epoch", "step", "right", "total")), *by_layer)


@dataclass(frozen=True)
class TrainingEvolution(StudyResult[Checkpoint]):
    """How a Sketch-a-Net and its layers come to be what they are.

    rows : the checkpoints, ascending. settings : data, counts, seed, recipe, versions, processor time: JSON values.
    What excites the channels at each of them is a `sw.FeatureEvolution` in a folder beside the result.
    """

    _row: ClassVar[type] = Checkpoint
    _file: ClassVar[str] = "training-evolution.json"
    published: ClassVar[Mapping[str, Any]] = {
        "statement": "lower layers converge within a few epochs, upper ones only after 40 to 50",
        "source": SOURCE,
    }

    @property
    def layers(self) -> tuple[str, ...]:
        """From the first to the last."""
        return tuple(self.rows[0].similarity)

    @classmethod
    def evolution(cls) -> FeatureEvolution:
        """What excited the channels in the run of `measured`, for `sw.EvolutionPlayer`."""
        return FeatureEvolution.open(results_folder() / "training-evolution")

    def orderings(self) -> tuple[Ordering, ...]:
        """Whether after a few epochs the two lowest layers have gone more of their way than the two uppermost."""
        start = self.get("epoch 0")
        known = [row for epoch in _EARLY if (row := self.get(f"epoch {epoch}")) not in (None, self.rows[-1])]
        if not known or start is None or len(self.layers) < 4:
            return ()
        early = known[0]
        return tuple(
            Ordering(
                f"After epoch {early.epoch} {low} has gone more of its way to its last state than {high}, in per cent.",
                early.gone(low, start),
                early.gone(high, start),
                source=SOURCE,
            )
            for low in self.layers[:2]
            for high in self.layers[-2:]
        )

    def figure(self) -> Figure:
        """Accuracy at each checkpoint, and how far each layer has come."""
        epochs = [row.epoch for row in self.rows]
        right = Chart(
            [("held out", epochs, [100 * row.accuracy for row in self.rows])],
            "epochs",
            "named right, %",
            f"of {self.rows[0].total:,} held-out drawings",
            (0, 100),
            size=(420, 260),
        )
        start = self.get("epoch 0")
        ways = []
        if start is not None and len(self.rows) > 1:
            ways = [
                Chart(
                    [(k, epochs, [row.gone(k, start).value for row in self.rows]) for k in self.layers],
                    "epochs",
                    "of its way, %",
                    "how far each layer has come since the start",
                    size=(420, 260),
                )
            ]
        similar = Chart(
            [(layer, epochs, [row.similarity[layer] for row in self.rows]) for layer in self.layers],
            "epochs",
            "similarity with the last epoch",
            "linear CKA of each layer's features",
            (0, 1),
            size=(420, 260),
        )
        return Figure("A Sketch-a-Net from scratch", [Section("", [right, similar, *ways])])

    def _cells(self) -> list[list[str]]:
        head = ["epoch", "steps", "named right (95 %)", *(f"{layer}" for layer in self.layers)]
        lines = []
        for row in self.rows:
            low, high = (100 * bound for bound in wilson(row.right, row.total))
            said = f"{100 * row.accuracy:.1f} % ({low:.1f} to {high:.1f})"
            lines.append(
                [str(row.epoch), str(row.step), said, *(f"{row.similarity[k]:.2f}" for k in self.layers)]
            )
        return [head, *lines]

    def __repr__(self) -> str:
        last = self.rows[-1]
        return f"TrainingEvolution({len(self.rows)} checkpoints, {last.name} {100 * last.accuracy:.1f} %)"
