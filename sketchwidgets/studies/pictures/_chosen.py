"""Which drawings a table shows: none is picked by hand."""

import numpy as np

from sketchwidgets.sketch import Sketch
from sketchwidgets.training import DrawingSet
from sketchwidgets.visualization import Network


def chosen_drawings(drawings: DrawingSet, network: Network, count: int, seed: int) -> list[int]:
    """Numbers of held-out drawings: the first, in a random order, that the network names right, one of a class.

    Raises ValueError where the network does not know a class of the drawings, or too few are named right.
    """
    if network.classes is None or not set(drawings.classes) <= set(network.classes):
        raise ValueError(f"data has classes that {network.name} does not know")
    found: dict[int, int] = {}
    for index in np.random.default_rng(seed).permutation(drawings.split()[1]).tolist():
        label = int(drawings.label[index])
        if label in found:
            continue
        best = int(network.scores(network.prepare(Sketch(drawings.strokes(index))))[0].argmax())
        if network.classes[best] == drawings.classes[label]:
            found[label] = index
            if len(found) == count:
                return list(found.values())
    raise ValueError(
        f"{network.name} names drawings of only {len(found)} classes right among those held out, {count} are wanted"
    )
