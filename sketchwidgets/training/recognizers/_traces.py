"""What a part of a recogniser is trained on, in a few bytes: enough to see that it is asked to go on with other data."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from sketchwidgets.training.checkpoints.belonging import digest, some_of
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.fitting._pictures import StrokePictures
from sketchwidgets.training.fitting._traces import data_trace
from sketchwidgets.training.inputs.features import PrefixFeatures
from sketchwidgets.training.inputs.stroke_set import StrokeSet


def drawings_trace(drawings: DrawingSet, indices: np.ndarray) -> dict[str, Any]:
    """Digests of the names of the classes, of all labels, and of some of these drawings."""
    found = data_trace(StrokePictures(drawings, indices))
    names = digest([json.dumps(drawings.classes).encode()])
    return {"classes": names, "labels": found["labels"], "drawings": found["pictures"]}


def sequences_trace(train: PrefixFeatures | StrokeSet, classes: int) -> dict[str, Any]:
    """The number of classes, and digests of the steps and labels of all drawings, and of the contents of some."""
    found = {"classes": classes, "steps": digest([np.asarray(train.steps, np.int64).tobytes()])}
    if isinstance(train, StrokeSet):
        changes = None if train.augmentation is None else asdict(train.augmentation)
        made = json.dumps([train.samples, changes])
        return {**drawings_trace(train.drawings, train.indices), **found, "changes": digest([made.encode()])}
    some = some_of(len(train))
    first = np.cumsum(train.steps) - train.steps
    rows = np.concatenate([np.arange(first[i], first[i] + train.steps[i]) for i in some])
    values = np.ascontiguousarray(train.features[rows])
    labels = digest([np.asarray(train.label, np.int64).tobytes()])
    described = digest([f"{train.features.shape} {values.dtype}".encode(), values.tobytes()])
    return {**found, "labels": labels, "features": described}
