"""What every layer of a network makes of pictures, computed once and kept on the disk."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sketchwidgets._files import written_whole
from sketchwidgets.training import Fitted
from sketchwidgets.training.fitting._batches import TestBatches
from sketchwidgets.training.fitting._fitted import input_of
from sketchwidgets.training.fitting._pictures import as_pictures

_COLUMNS = 8192  # of a feature matrix in memory at once


class LayerFeatures:
    """The outputs of the first n layers with weights, for n = 1, 2, ..., of pictures that the network sees in full.

    What layer n + 1 is given: after ReLU, pool and normalisation. In float16, in the unit of their root mean square.
    """

    def __init__(self, fitted: Fitted, pictures: Any, count: int, folder: Path) -> None:
        self.folder, self.count = folder, count
        self._fitted, self._pictures = fitted, pictures

    def of(self, layer: int) -> np.ndarray:
        """(n, F) float16 of the first `layer` layers, read from the disk as it is needed.

        Raises ValueError where the network has no such layer with another one after it.
        """
        path = self._path(layer)
        if not path.exists():
            self._compute()
        if not path.exists():
            raise ValueError(f"the network has no layer {layer} with another one after it")
        found = np.load(path, mmap_mode="r")
        if found.ndim != 2 or len(found) != self.count:
            raise ValueError(f"{path} holds features of other pictures; use another folder")
        return found

    def kernel(self, layer: int) -> np.ndarray:
        """(n, n) float32, products of the features of all pictures, 1 on average for one with itself."""
        features = self.of(layer)
        total = np.zeros((self.count, self.count), np.float32)
        for first in range(0, features.shape[1], _COLUMNS):
            part = torch.from_numpy(features[:, first : first + _COLUMNS].astype(np.float32))
            total += (part @ part.T).numpy()
        return total / (float(np.trace(total)) / self.count or 1.0)

    def matrix(self, layer: int) -> np.ndarray:
        """(n, F) float32, scaled so that a row has a squared length of 1 on average."""
        features = self.of(layer).astype(np.float32)
        return features / (np.sqrt(np.square(features).sum(1).mean()) or 1.0)

    def _path(self, layer: int) -> Path:
        return self.folder / f"layer-{layer}.npy"

    def _compute(self) -> None:
        """One pass over the pictures; all files or none, so that what was cut off is made again."""
        fitted = self._fitted
        network, pictures = fitted.network, as_pictures(self._pictures)
        recipe = replace(fitted.recipe, views=replace(fitted.recipe.views, test="centre"))
        side, channels = input_of(network, recipe, pictures)
        batches = TestBatches(pictures, recipe, side, channels, fitted.mean, every_view=True)
        device = next(network.parameters()).device
        layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)][1:]
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as files, torch.inference_mode():
            for number, layer in enumerate(layers, start=1):
                path = files.enter_context(written_whole(self._path(number)))
                # Removed before the files take their names: the handles were entered later.
                files.enter_context(_kept(layer, _Rows(path, self.count)))
            for views, _ in batches:
                network(views.flatten(0, 1).to(device))


class _Rows:
    """Rows of features, one batch after the other, into a file."""

    def __init__(self, path: Path, count: int) -> None:
        self.path, self.count, self.done = path, count, 0
        self.rows: np.ndarray | None = None

    def add(self, values: Tensor) -> None:
        found = values.flatten(1).float().cpu().numpy()
        if self.rows is None:
            shape = (self.count, found.shape[1])
            self.rows = np.lib.format.open_memmap(self.path, mode="w+", dtype=np.float16, shape=shape)
            self.unit = float(np.sqrt(np.square(found).mean())) or 1.0
        most = np.finfo(np.float16).max
        self.rows[self.done : self.done + len(found)] = np.clip(found / self.unit, -most, most)
        self.done += len(found)


@contextmanager
def _kept(layer: nn.Module, rows: _Rows) -> Iterator[None]:
    """What the layer is given goes into the rows."""
    handle = layer.register_forward_pre_hook(lambda _, inputs: rows.add(inputs[0]))
    try:
        yield
        rows.rows.flush()
    finally:
        handle.remove()
