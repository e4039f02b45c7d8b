"""Which map is watched when the user does not say."""

from torch import Tensor, nn

_NOT_WATCHED = ("Pool", "Identity", "Dropout", "Flatten", "Upsample", "ZeroPad")


class LastMap:
    """Told of every module that has run, knows the last that returned a map of more than one position, not pooled."""

    def __init__(self, model: nn.Module) -> None:
        self.name: str | None = None
        self._model = model
        self._ran: set[str] = set()
        self._seen: set[tuple[int, int]] = set()
        self._alive: list[Tensor] = []  # an id must not be used again

    def offer(self, name: str, output: object) -> bool:
        """Whether this module is the last so far."""
        if not isinstance(output, Tensor):
            return False
        value = (id(output), output._version)  # an in-place activation makes another value of the same tensor
        # The innermost module that returns a value runs out first; one that runs again names its first value only.
        if value in self._seen or name in self._ran:
            return False
        self._ran.add(name)
        self._seen.add(value)
        self._alive.append(output)
        kind = type(self._model.get_submodule(name)).__name__
        # Shapes and no operation: this pass may be recorded.
        is_map = output.ndim == 4 and output.shape[2] * output.shape[3] > 1
        found = is_map and not any(word in kind for word in _NOT_WATCHED)
        if found:
            self.name = name
        return found
