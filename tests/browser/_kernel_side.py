"""What the notebooks of the tests import."""

import sketchwidgets as sw


def recognizer() -> sw.Recognizer:
    """The bundled recogniser, on the processor whatever the machine has."""
    return sw.Recognizer.load(device="cpu")


def sketch_a_net() -> sw.Recognizer:
    """The bundled recogniser whose CNN is a plain chain of layers with known names."""
    return sw.Recognizer.load("sketch-a-net-quickdraw345", device="cpu")
