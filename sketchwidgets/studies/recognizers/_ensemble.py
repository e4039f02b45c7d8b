"""Which images the rows of an ensemble name right, from the outputs that its training leaves in the folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sketchwidgets.models import load_weights
from sketchwidgets.models.ensemble import VIEWS, FeatureFusion, JointBayesian, concatenate, fuse_scores


def said_by(folder: Path, fold: int, row: str, scales: Sequence[int], neighbours: int) -> np.ndarray | None:
    """The labels that a row of `sw.training.ensemble.train_ensemble` gives the test images of a fold, (n,) int64.

    row : "scale 256" or another one's, "score fusion", "feature fusion", "Joint Bayesian"; the last two perhaps with
    ", 2 views", the number of them that are asked. None where the folder has no outputs of this fold.
    """
    files = {scale: folder / f"fold{fold}-scale{scale}-test.safetensors" for scale in scales}
    how, _, views = row.partition(", ")
    count = int(views.split()[0]) if views else VIEWS
    if how.startswith("scale "):
        files = {scale: file for scale, file in files.items() if scale == int(how.removeprefix("scale "))}
    what = "features" if how in ("feature fusion", "Joint Bayesian") else "scores"
    if not all(file.is_file() for file in files.values()):
        return None
    means = []
    for file in files.values():
        kept = load_weights(file)[0]
        means.append(np.stack([kept[f"{what}.{view}"].numpy() for view in range(count)]).mean(0))
    seen = np.stack(means, 1)
    if how.startswith("scale "):
        return seen[:, 0].argmax(1)
    if how == "score fusion":
        return fuse_scores(seen).argmax(1)
    if how == "feature fusion":
        return FeatureFusion.load(folder / f"fold{fold}-feature-fusion.safetensors").predict(seen)
    joint = JointBayesian.load(folder / f"fold{fold}-joint-bayesian.safetensors")
    return joint.predict(concatenate(seen), neighbours)
