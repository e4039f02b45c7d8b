"""Which layers of several networks look at parts of about the same size."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from ...visualization import Network, receptive_field

_MOST = 1.0  # octaves by which fields of one row may differ
_BLOCK = 0.15  # octaves that a whole block may be further off than one branch in it


class Field(NamedTuple):
    """A layer and its receptive field: its side in pixels, and as a share of the input's side."""

    layer: str
    side: int
    share: float
    preferred: bool


def fields(network: Network) -> list[Field]:
    """The receptive fields of all layers of a network, in the order of the forward pass."""
    few = network.layers()
    names = [name for name, _ in network.module.named_modules()]
    wanted = sorted({*few, *network.layers(every=True)}, key=names.index)
    found = receptive_field(network.module, wanted, network.size)
    return [
        Field(layer, max(field.size), max(field.size) / max(network.size), layer in few)
        for layer, field in found.items()
    ]


def align(reference: Sequence[Field], others: Sequence[Field]) -> list[Field | None]:
    """For each field of `reference` the nearest in size of `others`, each at most once; None where none is near.

    Sizes are compared as shares of the input, by their logarithm; more than a factor of 2 apart is not near.

    >>> from sketchwidgets.widgets.projections._alignment import Field, align
    >>> rows = [Field("a", 10, 0.1, True), Field("b", 50, 0.5, True)]
    >>> align(rows, [Field("x", 12, 0.12, True), Field("y", 400, 4.0, True)])
    [Field(layer='x', side=12, share=0.12, preferred=True), None]
    """
    pairs = sorted(
        (abs(math.log2(other.share / row.share)) + (0 if other.preferred else _BLOCK), i, j)
        for i, row in enumerate(reference)
        for j, other in enumerate(others)
    )
    chosen: dict[int, int] = {}
    for distance, i, j in pairs:
        if distance <= _MOST and i not in chosen and j not in chosen.values():
            chosen[i] = j
    return [others[chosen[i]] if i in chosen else None for i in range(len(reference))]


def by_network(networks: Sequence[Network], cache: dict[nn.Module, list[Field]]) -> list[list[Field | None]]:
    """For each network a field, or None, for each default layer of the first one."""
    for network in networks:
        if network.module not in cache:
            cache[network.module] = fields(network)
    first = cache[networks[0].module]
    rows = [field for field in first if field.preferred]
    return [rows, *(align(rows, cache[network.module]) for network in networks[1:])]
