"""The last stage of a training: the weights as they are shipped, calibrated and measured, with their model card."""

from pathlib import Path

import numpy as np

from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.evaluation.calibrate import PRECISION, WHOLE, calibrate, calibration_halves
from sketchwidgets.training.evaluation.evaluate import evaluate
from sketchwidgets.training.evaluation.scribbles import claims, scribbles
from sketchwidgets.training.recognizers.card import model_card

_SCRIBBLES = 400


def publish(
    recognizer: Recognizer,
    path: str | Path,
    drawings: DrawingSet,
    held_out: np.ndarray,
    timed: DrawingSet | None = None,
    *,
    int8_above: int | None = None,
    precision: float = PRECISION,
    whole: float = WHOLE,
    progress: bool = True,
) -> Recognizer:
    """Write a trained recogniser to `path` and its model card beside it (.md), and return what is in the file.

    What is calibrated and measured are the rounded weights, read back. The calibration is fitted on one half of the
    drawings held out, by key_id (`calibration_halves`), and reported on the other half; accuracies, which do not depend
    on it, are those of all of them. Drawings with times are only measured on.

    Parameters
    ----------
    recognizer : its `card` has all facts that `model_card` takes but those that are measured here.
    path : a .safetensors file; an older one is replaced.
    drawings, held_out : drawings, and the indices of those that were not trained on.
    timed : raw drawings with times, none of which was trained on; None for none.
    int8_above : see `models.save_weights`. precision, whole : see `calibrate`. progress : show progress bars.

    Raises ValueError for a path of another suffix, before anything is done, and as `calibrate` and `evaluate` do.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"path must end in .safetensors, not {path.name!r}")
    recognizer.save(path, int8_above=int8_above)
    shipped = Recognizer.load(path)
    fit, _ = calibration_halves(drawings, held_out)
    shipped.calibration = calibrate(
        shipped, drawings, fit, precision=precision, whole=whole, progress=progress
    )
    found = evaluate(shipped, drawings, held_out, progress, calibrated_on=fit)
    facts = {**recognizer.card, "measured": {"simplified": found.to_dict()}}
    if timed is not None:
        facts["measured"]["raw, timed"] = evaluate(shipped, timed, progress=progress).to_dict()
    facts["scribbles"] = claims(shipped, scribbles(_SCRIBBLES))
    shipped.card = facts
    # From the first weights: rounding what is rounded already would round once more.
    recognizer.card, recognizer.calibration = facts, shipped.calibration
    recognizer.save(path, int8_above=int8_above)
    path.with_suffix(".md").write_text(model_card(facts, path.stat().st_size), encoding="utf-8")
    return Recognizer.load(path)
