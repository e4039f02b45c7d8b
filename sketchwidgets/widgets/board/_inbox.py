"""Puts messages back into the order in which a page sent them."""

from collections.abc import Iterator
from typing import Any

# Held messages after which the missing one is given up. A page sends again what was lost, after a second or a few; at
# one message a frame this is over half a minute.
PATIENCE = 4096
# Pages whose numbers are remembered: every reload is a new page.
PAGES = 32


class Inbox:
    """Reorders the numbered messages of each page, and takes each number once.

    A kernel with subshells may hand two messages of one comm to two threads, the later one first. An undo
    overtaking the stroke that it should undo would remove the wrong one, so a message waits for its
    predecessors. A page sends again what it thinks was lost. Not thread-safe: the owner holds a lock.

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
        yield from self._page(client).push(number, message)

    def confirmed(self, client: str, number: int) -> Iterator[Any]:
        """Go on behind `number`, which the page was told; yield the messages whose turn it makes.

        News only of a page that was forgotten meanwhile, whose messages would wait for those from before.
        """
        yield from self._page(client).skip_to(number)

    def _page(self, client: str) -> "_Page":
        page = self._pages.pop(client, None) or _Page()
        self._pages[client] = page  # the last one: pages that were not heard of for long are forgotten first
        if len(self._pages) > PAGES:
            del self._pages[next(iter(self._pages))]
        return page


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
        yield from self._due()

    def skip_to(self, number: int) -> Iterator[Any]:
        if number > self.seen:
            self.seen = number
            self._held = {n: message for n, message in self._held.items() if n > number}
        yield from self._due()

    def _due(self) -> Iterator[Any]:
        while self.seen + 1 in self._held:
            self.seen += 1
            yield self._held.pop(self.seen)
