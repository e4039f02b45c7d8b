"""The last layer of a recogniser trained on, alone, on what it reads after every stroke.

Streams that were trained apart are added by two numbers; their common last layer can weigh each of their features anew.
Since everything before it stays, what it reads is computed once, and the training takes seconds.
"""

from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.recognizers.averaging import update_average

_WARMUP = 0.1  # of the steps


@dataclass(frozen=True)
class LastLayerRecipe:
    """How the last layer is trained on; as it stands, that of the bundled weights.

    drawings : how many of the training drawings it learns from, taken by `seed`; 0 leaves the layer as it is.
    epochs, batch_size : passes over their strokes, and strokes in a batch.
    learning_rate : of AdamW at its peak, to which it rises over a tenth of the steps, and then falls to 0 on a line.
    dropout : of what the layer reads. averaging : share of the old that stays in the average of the weights.
    late_weight : step t of T counts 1 + late_weight t/T, and every drawing the same.

    Raises ValueError, naming the one that is out of its range.
    """

    drawings: int = 12_000
    epochs: int = 3
    batch_size: int = 512
    learning_rate: float = 3e-4
    weight_decay: float = 0.05
    label_smoothing: float = 0.3
    dropout: float = 0.2
    late_weight: float = 5.0
    averaging: float = 0.999
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("drawings", "weight_decay", "late_weight", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must be at least 0, not {getattr(self, name)}")
        for name in ("epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}")
        for name in ("label_smoothing", "dropout", "averaging"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be from 0 to below 1, not {getattr(self, name)}")


def train_last_layer(
    recognizer: Recognizer,
    drawings: DrawingSet,
    indices: np.ndarray,
    recipe: LastLayerRecipe | None = None,
    *,
    progress: bool = True,
) -> nn.Linear:
    """The last layer of a recogniser, trained on from where it is; the recogniser keeps its own.

    recognizer : whose streams stay as they are. drawings, indices : those that may be learnt from, whose labels are
    those of the recogniser's classes.

    >>> from sketchwidgets.training.recognizers.last_layer import LastLayerRecipe, train_last_layer
    >>> recognizer = sw.Recognizer.load()
    >>> drawings = sw.training.DrawingSet(
    ...     np.float32([[0, 0], [9, 5], [0, 9], [9, 9]]), None, np.array([2, 2]), np.array([1, 1]),
    ...     np.array([0, 1]), np.array([1, 2]), recognizer.classes)
    >>> train_last_layer(recognizer, drawings, np.arange(2), LastLayerRecipe(epochs=1), progress=False)
    Linear(in_features=896, out_features=345, bias=True)
    """
    from tqdm.auto import tqdm

    recipe = recipe or LastLayerRecipe()
    chosen = np.random.default_rng(recipe.seed).permutation(indices)[: recipe.drawings]
    layer = deepcopy(recognizer.recurrent.output).float().requires_grad_(True)
    if not len(chosen):
        return layer.requires_grad_(False)
    read, lengths = _what_it_reads(recognizer, drawings, chosen, progress)
    label = torch.from_numpy(np.repeat(drawings.label[chosen].astype(np.int64), lengths))
    weight = _weights(lengths, recipe.late_weight)
    read, label, weight = (part.to(recognizer.device) for part in (read, label, weight))
    average = deepcopy(layer).requires_grad_(False)
    optimizer = torch.optim.AdamW(layer.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    batches = -(-len(label) // recipe.batch_size)
    total = recipe.epochs * batches
    rng = torch.Generator().manual_seed(recipe.seed)
    bar = tqdm(range(total), desc="last layer", unit="step", disable=not progress)
    for step in bar:
        if step % batches == 0:
            order = torch.randperm(len(label), generator=rng)
        rows = order[step % batches * recipe.batch_size :][: recipe.batch_size].to(label.device)
        rise, fall = (step + 1) / (_WARMUP * total), (total - step) / ((1 - _WARMUP) * total)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min(1.0, rise, fall)
        kept = torch.rand(len(rows), read.shape[1], generator=rng) >= recipe.dropout
        x = read[rows].float() * kept.to(read.device) / (1 - recipe.dropout)
        losses = F.cross_entropy(
            layer(x), label[rows], label_smoothing=recipe.label_smoothing, reduction="none"
        )
        optimizer.zero_grad()
        (losses * weight[rows]).mean().backward()
        optimizer.step()
        update_average(average, layer, recipe.averaging, step)
    return average


def _what_it_reads(
    recognizer: Recognizer, drawings: DrawingSet, indices: np.ndarray, progress: bool
) -> tuple[Tensor, np.ndarray]:
    """After every stroke, (strokes in all, numbers), float16, and the strokes of each drawing."""
    from tqdm.auto import tqdm

    found, lengths = [], []
    sketches = (drawings.strokes(index) for index in indices)
    with tqdm(
        total=len(indices), desc="what the last layer reads", unit="drawing", disable=not progress
    ) as bar:
        for read, counts in recognizer.readouts(sketches, 64, False):
            found.append(read.half().cpu())
            lengths.append(counts)
            bar.update(len(counts))
    # Read in inference mode; a copy made outside of it may be trained on.
    return torch.cat(found).clone(), np.concatenate(lengths)


def _weights(lengths: np.ndarray, late_weight: float) -> Tensor:
    """What each step counts, (sum of lengths,) float32, 1 on average."""
    weights = [1 + late_weight * np.arange(1, n + 1) / n for n in lengths]
    weights = np.concatenate([one / one.sum() for one in weights])
    return torch.from_numpy((weights / weights.mean()).astype(np.float32))
