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
        is_new = (
            value not in self._seen and name not in self._ran
        )  # a module that runs again names its first value
        self._ran.add(name)
        self._alive.append(output)
        # The innermost module that returns a value runs out first.
        kind = type(self._model.get_submodule(name)).__name__
        is_map = (
            output.ndim == 4 and output.shape[2] * output.shape[3] > 1
        )  # no operation: this may be recorded
        found = is_new and is_map and not any(word in kind for word in _NOT_WATCHED)
        if is_map:
            self._seen.add(value)
        if found:
            self.name = name
        return found
