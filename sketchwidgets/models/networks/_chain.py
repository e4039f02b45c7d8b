"""Networks that are one layer after the other, under the names of their papers."""

from collections import OrderedDict
from typing import Any

from torch import Tensor, nn


class Chain(nn.Sequential):
    """Named layers in a row that end in class scores; fully connected layers are convolutions over the whole map.

    A subclass sets `input_size`, the side of the square images in pixels, `feature_size`, the length of what
    `features` returns, and `arguments`.
    """

    input_size: int
    feature_size: int

    def initialize(self) -> None:
        """Weights as He et al. (ICCV 2015) draw them for rectified layers, biases of 0."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def __getitem__(self, index: int | slice) -> Any:
        """A layer by its place; of a slice, those layers under their names as an `nn.Sequential`: they end in maps.

        The layers are the network's own, not copies.
        """
        if isinstance(index, slice):
            # nn.Sequential would make another of this class, whose arguments are no layers.
            part = nn.Sequential(OrderedDict(list(self._modules.items())[index]))
            part.training = self.training
            return part
        return super().__getitem__(index)

    def features(self, images: Tensor) -> Tensor:
        """What the last layer classifies, (n, feature_size), of images (n, channels, input_size, input_size).

        The rectified output of the last hidden layer. Dropout after it is left out. Raises ValueError for images of
        another size.
        """
        self._check(images)
        layers = list(self.children())[:-1]
        while isinstance(layers[-1], nn.Dropout):
            layers.pop()
        for module in layers:
            images = module(images)
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Class scores before the softmax, (n, classes), of images (n, channels, input_size, input_size).

        Raises ValueError for images of another size, where it matters: the layers before the fully connected ones, at
        which a hook may end the pass, take any.
        """
        maps = images
        for module in self.children():
            if isinstance(module, nn.Conv2d) and self._is_too_small(maps, module):
                self._refuse(images)
            maps = module(maps)
        # Of larger images the fully connected layers give a map, whose positions would pass for so many classes more.
        if isinstance(maps, Tensor) and tuple(maps.shape[2:]) != (1, 1):
            self._refuse(images)
        return maps.flatten(1)

    def _is_too_small(self, maps: Tensor, layer: nn.Conv2d) -> bool:
        # What traces a network, as torch.fx does, gives something else than images.
        if not isinstance(maps, Tensor):
            return False
        return maps.ndim != 4 or any(
            n + 2 * p < k for n, p, k in zip(maps.shape[2:], layer.padding, layer.kernel_size, strict=True)
        )

    def _check(self, images: Tensor) -> None:
        if isinstance(images, Tensor) and tuple(images.shape[2:]) != (self.input_size,) * 2:
            self._refuse(images)

    def _refuse(self, images: Tensor) -> None:
        side = self.input_size
        raise ValueError(
            f"{type(self).__name__} takes images (n, channels, {side}, {side}), not {tuple(images.shape)}"
        )
