"""What may be given for a network, and the module that is looked into."""

from typing import Any

from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer


def known(model: Any) -> Any:
    """The bundled recogniser for None; the Network of what brings one, as a `sw.training.Fitted`; else what is given."""
    if model is None:
        return Recognizer.load()
    if isinstance(model, nn.Module):
        return model  # its own affair, should it have a method of that name
    make = getattr(model, "as_network", None)
    return make() if callable(make) else model


def module_of(model: Any) -> Any:
    """The module of a `sw.Network`, the CNN of a `sw.Recognizer`, that of the bundled one for None; else what is given."""
    model = known(model)
    if isinstance(model, nn.Module):
        return model
    if isinstance(model, Recognizer):
        cnn = model.cnn
        return cnn if type(cnn).forward is not nn.Module.forward else FeaturesOnly(cnn)
    inner = getattr(model, "module", None)
    return inner if isinstance(inner, nn.Module) else model


class FeaturesOnly(nn.Module):
    """A CNN that has only `features`, as a module that can be called; its layers keep their names."""

    def __init__(self, cnn: nn.Module) -> None:
        super().__init__()
        self._modules, self._parameters, self._buffers = cnn._modules, cnn._parameters, cnn._buffers
        self.training = cnn.training
        object.__setattr__(self, "cnn", cnn)  # not as a child: that would put "cnn." before every name

    def forward(self, images: Tensor) -> Tensor:
        return self.cnn.features(images)
