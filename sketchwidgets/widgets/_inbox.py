"""Puts messages back into the order in which the page sent them."""

from collections.abc import Iterator
from typing import Any

# Held messages after which the missing one is given up. At one message a frame this is over four seconds.
PATIENCE = 256


class Inbox:
    """Reorders numbered messages of one sender.

    A kernel with subshells may hand two messages of one comm to two threads, the later one first. An undo
    overtaking the stroke that it should undo would remove the wrong one, so a message waits for its
    predecessors. Not thread-safe: the owner holds a lock.
    """

    def __init__(self) -> None:
        self.client: str | None = None
        self.seen = 0
        self._held: dict[int, Any] = {}

    def push(self, client: str | None, number: int | None, message: Any) -> Iterator[Any]:
        """Yield the messages whose turn has come. A message without a number is due at once."""
        if client is None or number is None:
            yield message
            return
        if client != self.client:
            yield from self._flush()
            self.client, self.seen = client, 0
        if number <= self.seen:
            return  # a duplicate
        self._held[number] = message
        if len(self._held) > PATIENCE:
            self.seen = min(self._held) - 1
        while self.seen + 1 in self._held:
            self.seen += 1
            yield self._held.pop(self.seen)

    def _flush(self) -> Iterator[Any]:
        held, self._held = self._held, {}
        for number in sorted(held):
            yield held[number]
