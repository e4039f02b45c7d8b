"""The panels of one recorded pass, in short turns, so that a stroke that comes meanwhile need not wait for a layer."""

import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ._recorder import Take

# Seconds of work after which the layers that are done are shown, and no longer kept back for the rest.
_PATIENCE = 0.04

# Seconds of a turn, after which the drawing is looked at again.
_TURN = 0.008


class Refinement:
    """Projects the layers of a recording one by one, those in sight first, and says when some can be sent.

    Parameters
    ----------
    take : the recorded pass.
    rule : rule of the projection, "deconvnet", "guided" or "backprop".
    top : tiles of a layer.
    visible : names of the layers in sight; None where the page has not said yet. They come first.
    everything : whether layers out of sight are computed too.
    clock : monotonic seconds; replaced in tests.

    Signals go down in bfloat16 where the processor is quicker at it: next to what a tile can show, the difference is
    nothing.
    """

    def __init__(
        self,
        take: Take,
        rule: str,
        top: int,
        visible: Collection[str] | None = None,
        everything: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.take = take
        self.rule = rule
        self.top = top
        self.started = False  # whether a message was sent
        self._clock = clock
        self._worked = 0.0
        self._ready: list[tuple[str, Any]] = []
        self._layer: tuple[str, Iterator[Any]] | None = None  # under way
        names = take.recording.layers
        seen = [name for name in names if visible is None or name in visible]
        hidden = [name for name in names if name not in seen]
        self._waiting = seen + hidden if everything else seen

    def __repr__(self) -> str:
        to_go = len(self._waiting) + (self._layer is not None)
        return f"<Refinement {self.rule}, {to_go} layers to go, {len(self._ready)} to send>"

    @property
    def computed(self) -> bool:
        """Whether every layer is projected."""
        return not self._waiting and self._layer is None

    @property
    def done(self) -> bool:
        """Whether every layer is projected and handed out."""
        return self.computed and not self._ready

    @property
    def due(self) -> bool:
        """Whether it is time to send what is ready."""
        return bool(self._ready) and (self.computed or self._worked >= _PATIENCE)

    def prefer(self, visible: Collection[str]) -> None:
        """Move the layers in sight to the front."""
        self._waiting.sort(key=lambda name: name not in visible)

    def advance(self) -> None:
        """Project for a turn, to the end of a layer at most."""
        start = self._clock()
        if self._layer is None:
            name = self._waiting.pop(0)
            project = self.take.recording.project_in_turns
            self._layer = name, project(name, self.top, self.rule, dtype="fast")
        name, steps = self._layer
        while True:
            projection, now = next(steps), self._clock()
            if projection is not None or now - start >= _TURN:
                break
        if projection is not None:
            self._ready.append((name, projection))
            self._layer = None
        self._worked += now - start

    def hand_out(self) -> list[tuple[str, Any]]:
        """The layers to send now, (name, LayerProjection) each; they are not kept."""
        ready, self._ready, self._worked = self._ready, [], 0.0
        self.started = True
        return ready
