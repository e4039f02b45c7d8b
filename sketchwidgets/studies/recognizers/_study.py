"""Sketch recognisers compared: table 2 of the Sketch-a-Net papers (Yu et al., BMVC 2015 and IJCV 2017).

Each recogniser learns from two thirds of TU-Berlin's images and is asked about the last third, in turn; what is reported
is the mean of the three accuracies.

What differs from the papers, whatever the scale: the images are pictures without strokes, so that there is one channel
and not six of the stroke order, and no deformation of strokes; which third an image is in was never published; "full" is
pre-trained on QuickDraw's drawings and not on edge maps of photographs, and has five networks, one for each
scale, where the paper has four; "1.0" is one network, not five. The classical machines are written anew after their
papers. Humans were asked by Eitz et al. (2012) about all 250 classes: a line to compare with, not a row.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from sketchwidgets.models import kept_generators
from sketchwidgets.studies._checksum import checksum
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies._settings import plan_of, settings
from sketchwidgets.studies.recognizers._methods import Images, measured
from sketchwidgets.studies.recognizers._plan import Contestant, RecognizersPlan
from sketchwidgets.studies.recognizers._result import ComparedRecognizer, RecognizerComparison
from sketchwidgets.training.datasets import load_images_npz, three_folds

DIFFERENCES = (
    "one channel instead of six of the stroke order, and no deformation of strokes: the images have no strokes",
    "folds of our own: which third an image is in was never published",
    "Sketch-a-Net, full: pre-trained on QuickDraw's drawings instead of edge maps; five scales, not four networks",
    "Sketch-a-Net 1.0: one network instead of five that are fused",
    "the classical machines are written anew after their papers",
)
SMALLER = (
    "as many classes as the file has, where the papers have 250",
    "AlexNet and Sketch-a-Net 1.0: a quarter of their width, 60 epochs of AdamW instead of 500 of SGD",
    "LeNet, AlexNet-Sketch and Sketch-a-Net 1.0: one view of a test image instead of ten",
    "AlexNet-SVM: EfficientNet-Lite0 instead of AlexNet, both trained on ImageNet",
    "Sketch-a-Net, full: four epochs from the bundled Sketch-a-Net",
)


def sketch_recognizers(
    data: str | Path,
    folder: str | Path = "runs/sketch-recognizers",
    plan: RecognizersPlan | str = "small",
    *,
    progress: bool = True,
    callback: Callable[[ComparedRecognizer], bool | None] | None = None,
) -> RecognizerComparison:
    """Train and measure each sketch recogniser on the three folds of a file of images.

    Everything that is done stays in `folder`: a run that was cut off goes on from there, folds and networks that are
    trained are not trained again, and a plan with more rows trains only what is new. `folder`/ensemble may be that of an
    earlier `sw.training.ensemble.train_ensemble` on the same data, which refuses any other. `folder`/result.json has
    the rows so far.

    Parameters
    ----------
    data : an .npz of `load_images_npz`, black on white, as TU-Berlin's.
    plan : "small", "full" or a `RecognizersPlan` of your own.
    progress : whether bars are shown.
    callback : called with each row; False ends the study with the rows so far.

    Raises ValueError for an unknown plan, a file that does not fit, and a folder that holds another study;
    FileNotFoundError where there is no data.

    >>> images = np.full((12, 40, 40), 255, np.uint8)
    >>> for i in range(6):  # lines along and across
    ...     images[i, 15 + i, 5:35] = images[6 + i, 5:35, 15 + i] = 0
    >>> np.savez("lines.npz", images=images, label=np.repeat([0, 1], 6), classes=["along", "across"])
    >>> recipe = sw.training.Recipe(epochs=2, batch_size=4, views=sw.training.Views(size=32))
    >>> lenet = sw.studies.Contestant("LeNet", "network", "two epochs", {"network": "lenet", "size": 32}, recipe)
    >>> plan = sw.studies.RecognizersPlan((lenet,))
    >>> sw.studies.sketch_recognizers("lines.npz", "study", plan, progress=False)["LeNet"].total
    (4, 4, 4)
    """
    plan = plan_of(plan, RecognizersPlan)
    study = _Study(Path(data), folder, plan, progress)
    rows: list[ComparedRecognizer] = []
    with kept_generators():
        for contestant in tqdm(plan.contestants, desc="recognisers", unit="row", disable=not progress):
            rows.append(study.row(contestant))
            result = RecognizerComparison(tuple(rows), study.settings())
            result.save(study.folder.path / "result.json")
            if callback is not None and callback(rows[-1]) is False:
                break
    return result


class _Study:
    """What the rows share: images and folds."""

    def __init__(self, path: Path, folder: str | Path, plan: RecognizersPlan, progress: bool) -> None:
        self.plan, self.progress = plan, progress
        images, labels, classes = load_images_npz(path)
        known = checksum((images, labels, classes))
        if plan.per_class is not None:
            if any(row.method == "ensemble" for row in plan.contestants):
                raise ValueError(
                    "per_class must be None where an ensemble is compared, which takes all images"
                )
            kept = np.concatenate(
                [np.flatnonzero(labels == k)[: plan.per_class] for k in range(len(classes))]
            )
            images, labels = images[kept], labels[kept]
        self.data = Images(path, images, labels, classes, three_folds(labels, plan.seed))
        self.folder = StudyFolder(folder, {"data": known})

    def row(self, row: Contestant) -> ComparedRecognizer:
        """The recogniser measured, from the disk where that has been done."""
        asked = self._asked(row)

        def measure() -> dict[str, Any]:
            return measured(row, self.data, self.folder, self.plan.seed, asked, self.progress).to_dict()

        return replace(
            ComparedRecognizer.from_dict(self.folder.row(row.slug, asked, measure)), about=row.about
        )

    def settings(self) -> dict[str, Any]:
        """What was done, for the result."""
        plan, data = self.plan, self.data
        return settings(
            "sketch-recognizers",
            data.path,
            plan.scale,
            plan.seed,
            self.folder.cpu_seconds(),
            differences=DIFFERENCES + (SMALLER if plan.scale != "full" else ()),
            packages=("scikit-learn", "scikit-image"),
            classes=list(data.classes),
            images=len(data.images),
            protocol="two folds train, one tests, in turn; the mean of the three accuracies",
            contestants={row.name: row.to_dict() for row in plan.contestants},
        )

    def _asked(self, row: Contestant) -> dict[str, Any]:
        return {
            **row.to_dict(),
            "classes": list(self.data.classes),
            "images": len(self.data.images),
            "seed": self.plan.seed,
        }
