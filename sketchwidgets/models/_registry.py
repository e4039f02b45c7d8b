"""Names of the networks. It maps names to classes and does nothing else."""

import difflib
import inspect
from typing import Any

from torch import nn

from sketchwidgets.models.recurrent import RecurrentClassifier
from sketchwidgets.models.sketch_a_net import SketchANet

_NETWORKS: dict[str, type[nn.Module]] = {
    "recurrent_classifier": RecurrentClassifier,
    "sketch_a_net": SketchANet,
}


def list_models() -> list[str]:
    """The names that `create` knows, sorted.

    >>> import sketchwidgets as sw
    >>> "sketch_a_net" in sw.models.list()
    True
    """
    return sorted(_NETWORKS)


def create(name: str, **arguments: Any) -> nn.Module:
    """A new network by name, with fresh random weights.

    `arguments` go to the class. Raises ValueError for an unknown name and TypeError for an unknown argument.

    >>> import sketchwidgets as sw
    >>> network = sw.models.create("sketch_a_net", classes=250)
    """
    network = _NETWORKS.get(name) if isinstance(name, str) else None
    if network is None:
        close = difflib.get_close_matches(str(name), _NETWORKS, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no network is called {name!r}{hint} (known: {', '.join(list_models())})")
    try:
        inspect.signature(network).bind(**arguments)
    except TypeError as error:
        raise TypeError(f"{name} cannot be created: {error}; it takes {inspect.signature(network)}") from None
    return network(**arguments)


def name_of(network: nn.Module) -> str:
    """The name under which the class of `network` is registered; ValueError if it is not."""
    for name, known in _NETWORKS.items():
        if type(network) is known:
            return name
    known_names = ", ".join(list_models())
    raise ValueError(f"{type(network).__name__} is not a registered network (known: {known_names})")
