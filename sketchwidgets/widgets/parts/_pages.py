"""The pages that talk to a widget: one notebook may be open in several, and every reload is a new one."""

import time
from collections.abc import Callable

# Seconds without a word after which a page is taken for gone. One that has a pen on the board speaks every two.
GONE = 6.0
# Pages that are remembered.
KEPT = 32


class Pages:
    """When each page was last heard of. Every method may be called from any thread.

    clock : monotonic seconds; replaced in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard: dict[str, float] = {}  # the one that spoke last is at the end

    def __repr__(self) -> str:
        return f"<Pages {', '.join(self._heard) or 'none'}>"

    def hear(self, name: str) -> None:
        """A page has said something."""
        self._heard.pop(name, None)
        self._heard[name] = self._clock()
        if len(self._heard) > KEPT:
            self._heard.pop(next(iter(self._heard)), None)

    def others(self, name: str | None) -> bool:
        """Whether any other page was ever heard of; it may be gone."""
        return any(other != name for other in tuple(self._heard))

    def gone(self, name: str | None) -> bool:
        """Whether a page has said nothing for long. One without a name cannot be told from others: it is gone."""
        heard = self._heard.get(name)
        return heard is None or self._clock() - heard > GONE

    def left_behind(self, name: str | None) -> bool:
        """Whether others have gone on without this page: all may be silent for hours, while nobody draws."""
        times = dict(self._heard)
        return name in times and max(times.values()) - times[name] > GONE
