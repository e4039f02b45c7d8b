"""Puts messages back into the order in which a page sent them."""

from collections.abc import Iterator
from typing import Any

# Held messages after which the missing one is given up. At one message a frame this is over four seconds.
PATIENCE = 256
# Pages whose numbers are remembered: every reload is a new page.
PAGES = 8


class Inbox:
    """Reorders the numbered messages of each page.

    A kernel with subshells may hand two messages of one comm to two threads, the later one first. An undo
    overtaking the stroke that it should undo would remove the wrong one, so a message waits for its
    predecessors. Not thread-safe: the owner holds a lock.

    >>> inbox = Inbox()
    >>> list(inbox.push("page", 2, "undo")), list(inbox.push("page", 1, "stroke"))
    ([], ['stroke', 'undo'])
    """

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}

    @property
    def seen(self) -> dict[str, int]:
        """Page -> the number of its last message that was due."""
        return {name: page.seen for name, page in self._pages.items()}

    def push(self, client: str | None, number: int | None, message: Any) -> Iterator[Any]:
        """Yield the messages whose turn has come, counting from 1. One without a number is due at once."""
        if client is None or number is None:
            yield message
            return
        if client not in self._pages:
            self._pages[client] = _Page()
            if len(self._pages) > PAGES:
                del self._pages[next(iter(self._pages))]
        yield from self._pages[client].push(number, message)


class _Page:
    def __init__(self) -> None:
        self.seen = 0
        self._held: dict[int, Any] = {}

    def push(self, number: int, message: Any) -> Iterator[Any]:
        if number <= self.seen:
            return  # a duplicate
        self._held[number] = message
        if len(self._held) > PATIENCE:
            self.seen = min(self._held) - 1
        while self.seen + 1 in self._held:
            self.seen += 1
            yield self._held.pop(self.seen)
