"""How far a long computation is, told to a bar and to a callback."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._progress import says_stop


@dataclass(frozen=True)
class AtlasProgress:
    """The state that a callback of `sw.atlas` or `sw.evolution` gets.

    stage : "images" while the data set is read, "projections" while the winning images are projected.
    done, total : images so far and in all; total is None for a loader that does not tell its length.
    epoch : the epoch at work, in an evolution.
    """

    stage: str
    done: int
    total: int | None
    epoch: int | float | None = None


Callback = Callable[[AtlasProgress], bool | None]


class Teller:
    """Shows a bar and asks the callback; `stopped` once the callback has returned False."""

    def __init__(self, shown: bool, callback: Callback | None) -> None:
        self._shown, self._callback = shown, callback
        self.stopped = False
        self.epoch: int | float | None = None

    def bar(self, stage: str, done: int, total: int | None) -> Any:
        text = stage if self.epoch is None else f"epoch {self.epoch:g}: {stage}"
        from tqdm.auto import tqdm

        return tqdm(total=total, initial=done, desc=text, unit="image", disable=not self._shown)

    def tell(self, stage: str, done: int, total: int | None) -> bool:
        """Whether to go on."""
        if self._callback is not None:
            state = AtlasProgress(stage, done, total, self.epoch)
            self.stopped = says_stop(self._callback(state)) or self.stopped
        return not self.stopped
