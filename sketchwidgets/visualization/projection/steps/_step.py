"""What the tape is made of: operations that know how to pass a signal down.

`Step.pull(signal, sweep)` takes the signal on the step's output and returns the signals on its inputs. The
signal is either in windows or on the whole map (`Windows.full`); the result is the same either way.
Pointwise steps (`_pointwise`) keep the place, sliding ones (`_sliding`: convolution, pools) move and widen it,
most others (`_shaping`) need the whole map.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from .._errors import UnsupportedOperation
from ..windows._windows import Windows

if TYPE_CHECKING:
    from ..recording._tape import Tape
    from ..windows._sweep import Sweep

Signals = list[tuple[int, Windows]]


class Step:
    """An operation of the forward pass: the values it read and the value it made."""

    is_convolution = False
    is_activation = False
    is_scale = False

    def __init__(self, inputs: Sequence[int]) -> None:
        self.inputs = tuple(inputs)
        self.output = -1  # set by the tape

    def is_channels_last(self, tape: "Tape") -> bool:
        """Whether the output is a map with axes (n, h, w, c); most steps keep the axes as they are."""
        return any(tape.channels_last[value] for value in self.inputs)

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        """The signals on the inputs that make up the signal on the output."""
        raise NotImplementedError


class Unknown(Step):
    """An operation the tape cannot take apart."""

    def __init__(self, inputs: Sequence[int], name: str, where: str = "") -> None:
        super().__init__(inputs)
        self.name = name
        self.where = where  # " in the Softsign 'features.1'"

    def pull(self, signal: Windows, sweep: "Sweep") -> Signals:
        raise UnsupportedOperation(self.name + self.where)


def whole(signal: Windows, size: tuple[int, int] | None) -> Tensor:
    """The signal on the whole of a value; `size` of the value if it is a map."""
    return signal.signal if size is None else signal.pasted(size).signal
