"""What the notebooks of the tests import."""

from dataclasses import replace

import sketchwidgets as sw


def recognizer(name: str | None = None) -> sw.Recognizer:
    """The bundled recogniser, on the processor whatever the machine has; it always says its label, for tests to see."""
    found = sw.Recognizer.load(name, device="cpu")
    if found.calibration is not None:
        found.calibration = replace(found.calibration, thresholds=(0.0,))
    return found


def sketch_a_net() -> sw.Recognizer:
    """The bundled recogniser whose CNN is a plain chain of layers with known names."""
    return recognizer("sketch-a-net-quickdraw345")
