"""One computation of an Explorer: what it works on, how far it is, and whether it is still wanted."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from ...sketch import Sketch
    from ...visualization import Network


_SLOW = 0.3  # seconds


class Cancelled(Exception):
    """Raised inside of a computation that is no longer wanted; nobody is told."""


class Job:
    """What `Explorer._compute` is given.

    network : the Network, of which `network.module` is the torch module.
    source : the Sketch or the picture as it was given, None where there is none.
    sketch : the Sketch, None for a picture.
    image : (1, C, H, W), the source as the network takes it; None without a source.
    unfinished : whether the last stroke of the sketch is still being drawn.
    """

    Cancelled = Cancelled

    def __init__(
        self,
        network: "Network | None" = None,
        source: Any = None,
        sketch: "Sketch | None" = None,
        image: Tensor | None = None,
        unfinished: bool = False,
        preview: Callable[[Any], None] | None = None,
    ) -> None:
        self.network = network
        self.source = source
        self.sketch = sketch
        self.image = image
        self.unfinished = unfinished
        self.started = time.monotonic()
        self.superseded = False
        self._stop = threading.Event()
        self._preview = preview
        self._progress: tuple[float, float, str] = (0.0, 0.0, "")

    def __repr__(self) -> str:
        done, total, text = self._progress
        return f"<Job {text or 'under way'}, {done:g} of {total:g}{', cancelled' if self.cancelled else ''}>"

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted: raise `job.Cancelled`, or return what there is."""
        return self._stop.is_set()

    @property
    def slow(self) -> bool:
        """Whether it has taken so long that what there is so far should be shown."""
        return time.monotonic() - self.started > _SLOW

    def check(self) -> None:
        """Raise `job.Cancelled` if the result is no longer wanted."""
        if self.cancelled:
            raise Cancelled

    def progress(self, done: float, total: float, text: str = "") -> bool:
        """Tell how far the computation is; cheap, so call it after each step. True while it is still wanted.

        A `total` of 0 is one that is not known. Returned by a `callback`, it ends the computation in time.
        """
        self._progress = (float(done), float(total), text)
        return not self.cancelled

    def preview(self, result: Any) -> bool:
        """Show a result that is not complete, as the last one will be shown. True while it is still wanted."""
        if self._preview is not None and not self.cancelled:
            self._preview(result)
        return not self.cancelled

    # For the explorer

    @property
    def state(self) -> tuple[float, float, str]:
        """(done, total, text) as last told."""
        return self._progress

    def stop(self, superseded: bool = False) -> None:
        """Say that the result is not wanted; `superseded`, because a newer one is."""
        self.superseded = self.superseded or superseded
        self._stop.set()
