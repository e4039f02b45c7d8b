"""What the notebooks of the tests import."""

import sketchwidgets as sw


def recognizer() -> sw.Recognizer:
    """The bundled recogniser; where no weights are bundled, networks with random ones."""
    try:
        return sw.Recognizer.load(device="cpu")
    except FileNotFoundError:
        import torch

        torch.manual_seed(0)
        cnn = sw.models.create("sketch_a_net", classes=4)
        recurrent = sw.models.create("recurrent_classifier", input_size=512, hidden_size=64, classes=4)
        return sw.Recognizer(
            cnn, recurrent, ["cat", "dog", "fish", "house"], sw.recognition.Preprocessing(), "cpu"
        )
