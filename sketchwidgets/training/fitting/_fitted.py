"""A network that was trained, and what it says of pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sketchwidgets.models.importers import ImportedNetwork
from sketchwidgets.training.fitting._as_network import as_network
from sketchwidgets.training.fitting._batches import TestBatches
from sketchwidgets.training.fitting._history import History, read_history
from sketchwidgets.training.fitting._module import view_scores
from sketchwidgets.training.fitting._opened import MEAN, NETWORK, open_mean, open_network
from sketchwidgets.training.fitting._own_input import fed, side_of
from sketchwidgets.training.fitting._pictures import Pictures, as_pictures
from sketchwidgets.training.fitting._recipe import Recipe
from sketchwidgets.visualization import Figure, Network


@dataclass(frozen=True, repr=False)
class Fitted:
    """What `fit` returns.

    network : as it is now, in evaluation mode, on the device that it was trained on (`fitted.network.cpu()` frees a GPU
        of it), where `scores` are made, too. classes : as they were given. recipe : too, but its views with what the
        network itself says of its input (`Views.own`).
    step, steps : how many steps are made, and of how many; fewer where the callback ended the training early.
    accuracy : share of the validation pictures that are named right with the test views of the recipe, in [0, 1]; None
        without validation or before the end. history : the curves. folder : where all of it is.
    mean : the mean picture that is subtracted, (C, size, size), or of a view (C, side, side) where an imported network
        brings it; None where there is none.
    """

    network: nn.Module
    recipe: Recipe
    classes: tuple[str, ...]
    step: int
    steps: int
    accuracy: float | None
    history: History
    folder: Path
    mean: Tensor | None = None

    @classmethod
    def load(cls, folder: str | Path) -> "Fitted":
        """What `fit` has left in a folder once it was finished, on the CPU.

        Raises FileNotFoundError where there is no such network; WeightsError (a ValueError) where it is damaged, or of a
        class that `sw.models.create` does not make: only those are built again from what is saved.

        >>> recipe = sw.training.Recipe(epochs=1, batch_size=4, views=sw.training.Views(size=32))
        >>> network = sw.models.create("lenet", classes=2)
        >>> data = np.zeros((4, 32, 32), np.uint8), np.arange(4) % 2
        >>> _ = sw.training.fit(network, data, recipe, "runs/lenet", progress=False, accelerator="cpu")
        >>> sw.training.Fitted.load("runs/lenet").as_network()
        Network('LeNet', 1 x 32 x 32)
        """
        folder = Path(folder)
        path = folder / NETWORK
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no {NETWORK} in {folder}; fit writes it when all steps are made, and the same call goes on "
                "with a training that was cut off"
            )
        network, recipe, facts = open_network(path)
        mean = open_mean(folder / MEAN, channels_of(network)) if recipe.views.mean is True else None
        classes, step, steps = tuple(facts["classes"]), facts["step"], facts["steps"]
        return cls(
            network, recipe, classes, step, steps, facts["accuracy"], read_history(folder), folder, mean
        )

    @property
    def finished(self) -> bool:
        """Whether all steps are made."""
        return self.step >= self.steps

    def as_network(self) -> Network:
        """The network with the input that it was trained on, as `sw.project` and the widgets take it.

        `sw.Network.of(fitted.network)` takes values of 0..1; the papers' recipes train on 0..255, less a mean picture.
        The classes have no names where the network has outputs beyond those of the data. Where the training has seen but
        scraps of drawings (a `views.size` that was given and is far above the network's input), a drawing is shown whole.

        `sw.project`, the widgets and the other functions that take a network take the Fitted as well, and ask it for this.
        """
        return as_network(self.network, self.recipe, self.classes, channels_of(self.network), self.mean)

    def scores(self, data: Any) -> Tensor:
        """Scores before the softmax, summed over the test views, (n, classes), of data as `fit` takes it."""
        return scores(self.network, data, self.recipe, self.mean)

    def figure(self) -> Figure:
        """The curves."""
        return self.history.figure()

    def _repr_html_(self) -> str:
        return self.figure()._repr_html_()

    def __repr__(self) -> str:
        known = "" if self.accuracy is None else f", accuracy {self.accuracy:.1%}"
        return f"Fitted({type(self.network).__name__} by {self.recipe.name}, step {self.step} of {self.steps}{known})"


@torch.no_grad()
def scores(network: nn.Module, data: Any, recipe: Recipe, mean: Tensor | None = None) -> Tensor:
    """Scores before the softmax, summed over the test views of a recipe: (n, classes) on the CPU.

    data : as `fit` takes it. mean : what is subtracted from a picture, as `Fitted.mean`.
    The network is run in evaluation mode, on the device that it is on, and left in the mode it was in.
    """
    pictures = as_pictures(data)
    recipe, own_mean = fed(network, recipe, channels_of(network))
    mean = own_mean if mean is None else mean
    side, channels = input_of(network, recipe, pictures)
    batches = TestBatches(pictures, recipe, side, channels, mean, every_view=True)
    device = next(network.parameters()).device
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        return torch.cat([view_scores(network, views.to(device)).cpu() for views, _ in batches])
    finally:
        for module, mode in modes:
            module.training = mode


def input_of(network: nn.Module, recipe: Recipe, pictures: Pictures) -> tuple[int, int]:
    """Side and channels of the network's input, with a forward pass that shows whether it fits the data."""
    side = side_of(network)
    if recipe.views.side(side) < side:
        raise ValueError(
            f"the network takes {side} pixels, and the views of the recipe are cut from {recipe.views.size}"
        )
    channels = channels_of(network)
    modes = [(module, module.training) for module in network.modules()]
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    network.eval()
    try:
        with torch.no_grad():
            made = network(torch.zeros(1, channels, side, side, device=device))
    except RuntimeError as error:
        raise ValueError(f"network cannot take (1, {channels}, {side}, {side}): {error}") from None
    finally:
        for module, mode in modes:
            module.training = mode
    if not isinstance(made, Tensor) or made.ndim != 2 or len(made) != 1:
        shape = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        raise ValueError(f"network must give scores (n, classes), not {shape} for one picture")
    if made.shape[1] < len(pictures.classes):
        raise ValueError(f"network has {made.shape[1]} classes, the data {len(pictures.classes)}")
    return side, channels


def channels_of(network: nn.Module) -> int:
    if isinstance(network, ImportedNetwork):
        return network.channels
    known = getattr(network, "arguments", None)
    if isinstance(known, dict) and isinstance(known.get("channels"), int):
        return known["channels"]
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    return 1 if first is None else first.in_channels
