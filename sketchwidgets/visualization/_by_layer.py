"""What several results have in common: values by the name of a layer."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

Value = TypeVar("Value")


class ByLayer(Mapping[str, Value]):
    """A read-only mapping from layer name to value, in the order of the forward pass."""

    def __init__(self, layers: Mapping[str, Value]) -> None:
        self._layers = dict(layers)

    def __getitem__(self, layer: str) -> Value:
        try:
            return self._layers[layer]
        except KeyError:
            raise KeyError(f"no layer {layer!r}; there are {', '.join(self._layers)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)
