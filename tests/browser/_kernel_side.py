"""What the notebooks of the tests import."""

import sketchwidgets as sw


def recognizer() -> sw.Recognizer:
    """The bundled recogniser, on the processor whatever the machine has."""
    return sw.Recognizer.load(device="cpu")
