"""A CNN without a classifier as a network."""

from torch import Tensor, nn


class FeaturesOnly(nn.Module):
    """A CNN that has only `features`, as a module that can be called; its layers keep their names."""

    def __init__(self, cnn: nn.Module) -> None:
        super().__init__()
        self._modules, self._parameters, self._buffers = cnn._modules, cnn._parameters, cnn._buffers
        self.training = cnn.training
        object.__setattr__(self, "cnn", cnn)  # not as a child: that would put "cnn." before every name

    def forward(self, images: Tensor) -> Tensor:
        return self.cnn.features(images)
