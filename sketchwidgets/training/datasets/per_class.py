"""So many training and test examples of every class: the protocol of the Caltech data sets."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def split_per_class(
    labels: ArrayLike, train: int, test: int | None = 50, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of `train` random examples of each class, and of up to `test` of those left.

    Zeiler & Fergus (ECCV 2014, section 5.2) train on 15 or 30 a class of Caltech-101, test on up to 50, and average the
    accuracies of the classes; of Caltech-256 they train on 15, 30, 45 or 60. Five seeds are their five folds.

    Parameters
    ----------
    labels : (n,) integers or strings.
    train : examples a class to train on, at least 1.
    test : at most so many a class to test on; None for all that are left.

    Returns sorted indices. Raises ValueError where a class has no example left to test on.

    >>> train, test = sw.training.split_per_class(np.repeat([0, 1], [40, 90]), train=30)
    >>> len(train), len(test)
    (60, 60)
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must be (n,), not {labels.shape}")
    for name, value, least in (
        ("train", train, 1),
        ("test", 1 if test is None else test, 1),
        ("seed", seed, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    chosen: list[NDArray[np.int64]] = []
    held_out: list[NDArray[np.int64]] = []
    classes, label = np.unique(labels, return_inverse=True)
    for index, name in enumerate(classes.tolist()):
        own = np.flatnonzero(label == index)
        if len(own) <= train:
            raise ValueError(f"class {name!r} has {len(own)} examples: none is left to test on after {train}")
        own = np.random.default_rng([seed, index]).permutation(own)
        chosen.append(own[:train])
        held_out.append(own[train:] if test is None else own[train : train + test])
    empty = np.empty(0, np.int64)
    return np.sort(np.concatenate([empty, *chosen])), np.sort(np.concatenate([empty, *held_out]))
