"""Feature evolution of a real run: figure 4 of Zeiler and Fergus (ECCV 2014).

A Sketch-a-Net is trained from scratch. At some epochs, for some channels of every layer, the training drawing that excites
the channel most is projected to the pixels, which `sw.EvolutionPlayer` shows. Beside the pictures there are two numbers
for each of these epochs: the accuracy, and for each layer how like its features are to those of the last epoch.

What differs from the paper, whatever the scale: a Sketch-a-Net and drawings instead of a network of photographs. At
small scale, too: ten classes, half of the channels, forty epochs of AdamW with a rate that falls to zero, so that
all layers come to rest in the end, and the strongest drawing among four hundred, not among all.
"""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from sketchwidgets.models import assign_weights, create, load_weights, seeded
from sketchwidgets.studies._checksum import checksum
from sketchwidgets.studies._drawings import of_classes, opened
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies._settings import plan_of, settings
from sketchwidgets.studies.evolution._plan import EvolutionPlan
from sketchwidgets.studies.evolution._result import Checkpoint, TrainingEvolution
from sketchwidgets.studies.evolution._similarity import alignment, alignment_error, features, gram
from sketchwidgets.training import DrawingSet, RecordEvolution, fit
from sketchwidgets.training.fitting._fitted import scores
from sketchwidgets.training.fitting._pictures import EXTENT, PEN
from sketchwidgets.visualization import FeatureEvolution, SketchImages, evolution

DIFFERENCES = (
    "a Sketch-a-Net and QuickDraw's drawings instead of a network of photographs",
    "the first filters begin smaller than usual, by the factor first_filters",
    "the strongest drawing is looked for among `images` training drawings, in their centre view",
)
LAYERS = ("relu1", "relu2", "relu3", "relu4", "relu5", "relu6", "relu7")
_ONE_IN = 5  # so many drawings, one is held out
EVOLUTION = "evolution"


def training_evolution(
    data: str | Path | DrawingSet,
    folder: str | Path = "runs/training-evolution",
    plan: EvolutionPlan | str = "small",
    *,
    progress: bool = True,
    callback: Callable[[Checkpoint], bool | None] | None = None,
) -> TrainingEvolution:
    """Train a Sketch-a-Net from scratch, and look at it at several epochs.

    Everything stays in `folder`: a run that was cut off goes on from there. `folder`/result.json is the result, and
    `folder`/evolution what `sw.EvolutionPlayer` opens.

    Parameters
    ----------
    data : labelled drawings, see `DrawingSet.load`. Every fifth, by its key_id, is held out.
    plan : "small", "full" or an `EvolutionPlan` of your own.
    progress : whether bars are shown.
    callback : called with each row; False ends the study with the rows so far.

    Raises ValueError for an unknown plan, classes that the data lacks, and a folder that holds another run.

    >>> from sketchwidgets.studies import EvolutionPlan
    >>> points = np.random.default_rng(0).uniform(0, 255, (80, 2))
    >>> strokes = np.full(20, 4), np.full(10, 2), np.arange(10) % 2, np.arange(10)
    >>> drawings = sw.training.DrawingSet(points, None, *strokes, ("cat", "dog"))
    >>> recipe = sw.training.Recipe(epochs=1, batch_size=8)
    >>> plan = EvolutionPlan((), 1 / 16, recipe=recipe, moments=(0, 1), channels=1, images=2, compared=2)
    >>> sw.studies.training_evolution(drawings, "run", plan, progress=False).rows[-1].total
    2
    """
    plan = plan_of(plan, EvolutionPlan)
    run = _Run(opened(data), Path(folder), plan, progress)
    run.train()
    shown = run.evolution()
    rows: list[Checkpoint] = []
    for place, moment in enumerate(tqdm(plan.moments, "checkpoints", disable=not progress)):
        rows.append(run.row(place, moment, shown))
        result = TrainingEvolution(tuple(rows), run.settings(data))
        result.save(run.folder.path / "result.json")
        if callback is not None and callback(rows[-1]) is False:
            break
    return result


class _Run:
    """The drawings of a plan, and the folder of the training."""

    def __init__(self, drawings: DrawingSet, folder: Path, plan: EvolutionPlan, progress: bool) -> None:
        self.drawings = of_classes(drawings, plan.classes or drawings.classes)
        self.plan, self.progress = plan, progress
        self.learnt, self.apart = self.drawings.split(_ONE_IN)
        if not len(self.learnt) or not len(self.apart):
            raise ValueError(f"data: {len(self.drawings)} drawings are too few to keep some apart")
        rng = np.random.default_rng(plan.seed)
        self.searched = np.sort(rng.permutation(self.learnt)[: plan.images])
        self.compared = np.sort(rng.permutation(self.apart)[: plan.compared])
        self.folder = StudyFolder(folder, {"data": checksum(self.drawings)})
        steps = max(1, len(self.learnt) // plan.recipe.batch_size)  # of an epoch, as `fit` counts them
        self.record = RecordEvolution(folder / "moments", plan.moments, "network", epoch_steps=steps)
        self._images: torch.Tensor | None = None
        self._last: dict[str, np.ndarray] = {}

    def network(self) -> nn.Module:
        """As it is before training."""
        with seeded(self.plan.seed):
            network = create("sketch_a_net", classes=len(self.drawings.classes), width=self.plan.width)
        with torch.no_grad():
            network.conv1.weight.mul_(self.plan.first_filters)
        return network

    def at(self, moment: int) -> nn.Module:
        """As it was recorded at the end of an epoch, in evaluation mode."""
        network, path = self.network(), self.record.path(moment)
        assign_weights(network, load_weights(path)[0], str(path))
        return network.eval()

    def train(self) -> None:
        """All epochs, unless that has been done."""
        self.folder.row("training", self._asked(), self._train)

    def _train(self) -> dict[str, Any]:
        last = self.plan.moments[-1]
        with self.folder.count("training"):
            found = fit(
                self.network(),
                (self.drawings, self.learnt),
                self.plan.recipe,
                self.folder.path / "fit",
                callback=lambda progress: progress.epoch < last,
                callbacks=[self.record],
                every=100,
                progress=self.progress,
            )
        return {"steps": found.step}

    def evolution(self) -> FeatureEvolution:
        """The strongest drawing of some channels at each moment, from the disk where that has been done."""
        folder = self.folder.path / EVOLUTION
        if (folder / "atlas.json").exists():
            return FeatureEvolution.open(folder)
        with self.folder.count("evolution"):
            found = evolution(
                self.record.folder,
                self.network().eval(),
                self.pictures(self.searched),
                LAYERS,
                self.plan.channels,
                seed=self.plan.seed,
                classes=self.drawings.classes,
                progress=self.progress,
            )
        found.save(folder)
        return found

    def pictures(self, indices: np.ndarray) -> SketchImages:
        """Drawings as the centre view of the training shows them."""
        side, size = self.network().input_size, self.plan.recipe.views.size
        size = size or side
        sketches = [self.drawings.strokes(index) for index in indices]
        frame = {"size": side, "extent": EXTENT * size, "stroke_width": max(1.0, PEN * size)}
        return SketchImages(sketches, self.drawings.label[indices].tolist(), **frame)

    def row(self, place: int, moment: int, shown: FeatureEvolution) -> Checkpoint:
        """A checkpoint measured, from the disk where that has been done."""
        found = self.folder.row(
            f"epoch-{moment:05d}", self._asked(), lambda: self._row(place, moment, shown).to_dict()
        )
        return Checkpoint.from_dict(found)

    def _row(self, place: int, moment: int, shown: FeatureEvolution) -> Checkpoint:
        plan = self.plan
        with self.folder.count("checkpoints"):
            network = self.at(moment)
            said = scores(network, (self.drawings, self.apart), plan.recipe).argmax(1).numpy()
            right = int((said == self.drawings.label[self.apart]).sum())
            last, now = self._features(plan.moments[-1]), self._features(moment)
        similarity = {name: round(alignment(now[name], last[name]), 4) for name in LAYERS}
        error = {name: round(alignment_error(now[name], last[name], plan.seed), 5) for name in LAYERS}
        changed = None
        if place:
            changed = {
                name: round(float(shown.changed(name)[:, place].double().mean()), 4) for name in LAYERS
            }
        facts = load_weights(self.record.path(moment))[1]
        return Checkpoint(moment, int(facts["step"]), right, len(said), similarity, error, changed)

    def _features(self, moment: int) -> dict[str, np.ndarray]:
        """Gram matrices of every layer over the drawings that are compared."""
        if moment == self.plan.moments[-1] and self._last:
            return self._last
        if self._images is None:
            pictures = self.pictures(self.compared)
            self._images = torch.stack([image for image, _ in pictures.__getitems__(range(len(pictures)))])
        found = {name: gram(v) for name, v in features(self.at(moment), self._images, list(LAYERS)).items()}
        if moment == self.plan.moments[-1]:
            self._last = found
        return found

    def _asked(self) -> dict[str, Any]:
        counts = {"learnt": len(self.learnt), "apart": len(self.apart)}
        return {**self.plan.to_dict(), **counts, "scale": None, "classes": list(self.drawings.classes)}

    def _chosen(self) -> str | None:
        """The plan's classes as the command takes them, None for those of its scale."""
        plan = self.plan
        if plan.scale not in ("small", "full") or plan.classes == plan_of(plan.scale, EvolutionPlan).classes:
            return None
        return shlex.quote(",".join(plan.classes) or "all")

    def settings(self, data: object) -> dict[str, Any]:
        """What was done, for the result."""
        plan = self.plan
        return settings(
            "training-evolution",
            data,
            plan.scale,
            plan.seed,
            self.folder.cpu_seconds(),
            options={"classes": self._chosen()},
            differences=DIFFERENCES,
            training_drawings=len(self.learnt),
            measured_drawings=len(self.apart),
            searched_drawings=len(self.searched),
            compared_drawings=len(self.compared),
            **{name: value for name, value in plan.to_dict().items() if name not in ("seed", "scale")},
        )
