"""Batches by number: what is in one follows from the seed and its number alone, so that a training resumes exactly."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sketchwidgets.training.fitting._pictures import Pictures
from sketchwidgets.training.fitting._recipe import Recipe

# Pictures that share a random generator. A process draws only the groups that its part of a batch lies in, and the
# batch is the same however many processes share it.
_GROUP = 16
_MEAN_OF = 4096  # pictures; more change the mean by less than a grey value


class Batches(Dataset):
    """Item `step` is (images (b, C, side, side), labels (b,), weight): this process' part of that batch.

    `weight` times the mean loss of the part, averaged over the processes, is the mean loss of the whole batch.
    """

    def __init__(
        self,
        pictures: Pictures,
        recipe: Recipe,
        side: int,
        channels: int,
        mean: Tensor | None = None,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.pictures, self.recipe, self.side, self.channels, self.mean = (
            pictures,
            recipe,
            side,
            channels,
            mean,
        )
        self.batch_size = min(recipe.batch_size, len(pictures))
        if processes > self.batch_size:
            raise ValueError(
                f"a batch of {self.batch_size} pictures cannot be shared by {processes} processes"
            )
        self.per_epoch = len(pictures) // self.batch_size
        bounds = [self.batch_size * k // processes for k in (rank, rank + 1)]
        self.part, self.processes = range(*bounds), processes
        self._order: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))

    def __len__(self) -> int:
        return self.per_epoch * self.recipe.epochs

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor, float]:
        with one_thread():
            return self._batch(step)

    def _batch(self, step: int) -> tuple[Tensor, Tensor, float]:
        epoch, place = divmod(step, self.per_epoch)
        if self._order[0] != epoch:
            rng = np.random.default_rng([self.recipe.seed, 0, epoch])
            self._order = (epoch, rng.permutation(len(self.pictures)))
        chosen = self._order[1][place * self.batch_size : (place + 1) * self.batch_size]
        views = []
        for first in range(self.part.start // _GROUP * _GROUP, self.part.stop, _GROUP):
            rng = np.random.default_rng([self.recipe.seed, 1, step, first])
            made = self._views(chosen[first : first + _GROUP], rng)
            views.append(made[max(0, self.part.start - first) : self.part.stop - first])
        mine = chosen[self.part.start : self.part.stop]
        labels = torch.from_numpy(self.pictures.labels[mine])
        return torch.cat(views), labels, len(mine) * self.processes / self.batch_size

    def _views(self, chosen: np.ndarray, rng: np.random.Generator) -> Tensor:
        recipe = self.recipe
        pictures = self.pictures.load_changed(
            chosen, recipe.views.side(self.side), self.channels, recipe.views.ink, recipe.augmentation, rng
        )
        return recipe.views.random(pictures, self.side, rng, self.mean)


class TestBatches(Dataset):
    """Item k is (views (b, v, C, side, side), labels (b,)) of this process' part of all pictures; v is 1 or 10."""

    __test__ = False  # not a test of pytest's

    def __init__(
        self,
        pictures: Pictures,
        recipe: Recipe,
        side: int,
        channels: int,
        mean: Tensor | None = None,
        rank: int = 0,
        processes: int = 1,
        every_view: bool = False,
    ) -> None:
        self.pictures, self.recipe, self.side, self.channels, self.mean = (
            pictures,
            recipe,
            side,
            channels,
            mean,
        )
        self.every_view = every_view
        n = len(pictures)
        self.part = range(n * rank // processes, n * (rank + 1) // processes)
        self.batch_size = 16 if every_view else 128

    def __len__(self) -> int:
        return -(-len(self.part) // self.batch_size)

    def __getitem__(self, k: int) -> tuple[Tensor, Tensor]:
        if not 0 <= k < len(self):
            raise IndexError(k)
        chosen = np.array(self.part[k * self.batch_size : (k + 1) * self.batch_size])
        views = self.recipe.views
        pictures = self.pictures.load(chosen, views.side(self.side), self.channels, views.ink)
        if self.every_view:
            made = views.every(pictures, self.side, self.mean)
        else:
            made = views.centre(pictures, self.side, self.mean)[:, None]
        return made, torch.from_numpy(self.pictures.labels[chosen])


@contextmanager
def one_thread() -> Iterator[None]:
    """Arithmetic of torch on this thread alone: that of a picture is so short that threads would mostly wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _From:
    """A sampler: the numbers from `first`, counted as if the earlier ones were there, as Lightning expects."""

    def __init__(self, first: int, total: int) -> None:
        self.first, self.total = first, total

    def __len__(self) -> int:
        return self.total

    def __iter__(self):
        return iter(range(self.first, self.total))


def loader(batches: Dataset, first: int = 0, workers: int = 0) -> DataLoader:
    """The batches from number `first` on."""
    return DataLoader(
        batches,
        batch_size=None,
        sampler=_From(first, len(batches)),
        num_workers=workers,
        persistent_workers=False,
        # A generator of its own: the global one would be moved on by every loader that is made.
        generator=torch.Generator(),
        # Not "fork": it copies locks that threads of the parent may hold.
        multiprocessing_context="spawn" if workers else None,
    )


def mean_picture(pictures: Pictures, recipe: Recipe, channels: int, side: int) -> Tensor | None:
    """(C, size, size), the mean of the pictures, in the unit of the views; None where the recipe wants no such."""
    if recipe.views.mean is not True:
        return None
    size = recipe.views.side(side)
    chosen = np.unique(np.linspace(0, len(pictures) - 1, min(len(pictures), _MEAN_OF)).astype(np.int64))
    total = torch.zeros(channels, size, size, dtype=torch.float64)
    for first in range(0, len(chosen), 64):
        part = chosen[first : first + 64]
        total += pictures.load(part, size, channels, recipe.views.ink).double().sum(0)
    return (recipe.views.ordered(total) / len(chosen) * recipe.views.span).float()
