"""How alike the features of two networks are: linear centred kernel alignment."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIDE = 8  # features of a map are averaged down to so many places a side: what is compared is not where to the pixel
_AT_ONCE = 50


@torch.inference_mode()
def features(network: nn.Module, images: Tensor, layers: list[str]) -> dict[str, np.ndarray]:
    """Features (n, F) float32 of each layer, maps averaged down to 8 x 8 places."""
    found: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str) -> object:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            small = F.adaptive_avg_pool2d(output, [min(_SIDE, side) for side in output.shape[2:]])
            found[name].append(small.flatten(1).float().clone())

        return network.get_submodule(name).register_forward_hook(hook)

    hooks = [keep(name) for name in layers]
    try:
        for first in range(0, len(images), _AT_ONCE):
            network(images[first : first + _AT_ONCE])
    finally:
        for hook in hooks:
            hook.remove()
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def gram(values: np.ndarray) -> np.ndarray:
    """(n, n) float64 inner products of features (n, F) less their mean."""
    values = values.astype(np.float64) - values.mean(0, dtype=np.float64)
    return values @ values.T


def alignment(first: np.ndarray, second: np.ndarray) -> float:
    """Linear CKA of two centred Gram matrices, 0 to 1 (Kornblith et al., ICML 2019, equation 4); 0 for constant features.

    1 for features that are the same up to rotation, shift and a common scale.

    >>> from sketchwidgets.studies.evolution._similarity import alignment, gram
    >>> x = np.random.default_rng(0).normal(size=(9, 3))
    >>> round(alignment(gram(x), gram(2 * x[:, ::-1] + 1)), 6)
    1.0
    """
    scale = np.sqrt((first * first).sum() * (second * second).sum())
    return float((first * second).sum() / scale) if scale > 0 else 0.0


def alignment_error(first: np.ndarray, second: np.ndarray, seed: int, draws: int = 100) -> float:
    """Standard error of `alignment` over the drawings, by the delete-half jackknife.

    The spread over random halves is that of the whole: a half has twice the variance, and shares half of it with the
    whole.
    """
    rng, n = np.random.default_rng(seed), len(first)
    values = []
    for _ in range(draws):
        half = rng.permutation(n)[: max(n // 2, 1)]
        values.append(alignment(*(_centre(one[np.ix_(half, half)]) for one in (first, second))))
    return float(np.std(values))


def _centre(inner: np.ndarray) -> np.ndarray:
    rows = inner.mean(0)
    return inner - rows - rows[:, None] + rows.mean()
