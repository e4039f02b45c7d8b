"""Switch parts of a network off, and ask it again."""

from typing import Any

from torch import nn

from sketchwidgets.recognition import Recognizer

from .._failures import explained
from ..network import Network
from ._off import Off, Switched, check_channels, check_to, checked_off, off_values
from ._results import SwitchedOff
from ._subject import subject_of


def switch_off(
    model: nn.Module | Network | Recognizer | None,
    images: Any,
    off: Off,
    to: str = "zero",
) -> SwitchedOff:
    """What a network says with some of its layers or channels off, beside what it says with everything on.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, or a `sw.Recognizer`, None for the bundled one. It is not
        changed. Of a Recognizer, layers of its CNN are off at every stroke; its memory, which takes in what the CNN
        says, is left as it is.
    images : for a module (n, C, H, W) or (C, H, W), floating point; for a Network those, prepared, or a drawing or a
        picture as `Network.prepare` takes it; for a Recognizer a `Sketch`.
    off : for each layer, a name of `named_modules()`, the channels that are off, or None for all of them. A layer is
        any module that returns maps (n, c, h, w) or numbers (n, c); of one that runs more than once, the first run.
    to : what is said by what is off. "zero": 0 everywhere. "paper": what it says of the empty input, a blank canvas
        (for a module, the median of the first image's border), so that nothing behind it meets sums that it never saw.

    Returns a `SwitchedOff` with the class probabilities (n, classes) before and after; of a Recognizer a row for each
    stroke. The network is asked as it was trained, and nothing is trained again: unlike the removed layers of table 3
    in Zeiler & Fergus (ECCV 2014), whose rest was trained without them. Raises ValueError or TypeError, naming the
    argument.

    >>> sketch = sw.Sketch([[(0, 0), (30, 0), (30, 30), (0, 30), (0, 0)], [(10, 40), (20, 40)]])
    >>> found = sw.switch_off(None, sketch, {"relu1": [3, 17], "stage2.1.relu2": None})
    >>> found.before.shape, found.after.shape
    ((2, 345), (2, 345))
    """
    to = check_to(to)
    subject = subject_of(model, images, "images")
    off = checked_off(subject.module, off)
    with explained(subject.module, subject.frames):
        values = off_values(subject, list(off), to) if off else {}
    check_channels(off, values)
    before = subject.outputs(subject.forward)
    after = subject.outputs(Switched(subject.forward, off, values))
    return SwitchedOff(
        off, to, subject.every(before), subject.every(after), subject.classes, subject.recognises
    )
