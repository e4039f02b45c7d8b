"""Draw, be recognised, and see every layer: the three widgets in one layout."""

import ipywidgets

from ...recognition import Session
from ...sketch import Sketch
from ...visualization import Sparsified
from ..board.sketch_pad import SketchPad
from ._engine import Loadable
from ._link import link
from .layer_panels import LayerPanels
from .recognition import Recognition


class SketchLab(ipywidgets.Box):
    """A board to draw on, what the network takes the drawing for, and what excites its layers, side by side.

    The widget appears at once; the recogniser is loaded in the background, and what is drawn meanwhile is
    recognised when it is there.

    Parameters
    ----------
    recognizer : a Recognizer, or a name or path for `Recognizer.load`, or a function without arguments that
        loads one; None for the bundled weights.
    rule : rule of the projections, "guided", "deconvnet" or "backprop".
    top : tiles of each layer, 1 to 16.
    layers : names of the layers to show, as in `sw.project`; None for those of `Network.layers`: every activation
        where there are at most six, else the last of each resolution.
    sketch : a drawing to start with.

    Its parts are `pad`, `recognition`, `panels` and `engine`. Raises TraitError for a rule or a `top` that is
    not among these, TypeError for what is no recogniser and no sketch.

    >>> lab = SketchLab()
    >>> lab.sketch = Sketch([[(100, 100), (300, 300)]])
    >>> lab.settle(), len(lab.session.predictions)
    (True, 1)
    >>> lab.close()
    """

    def __init__(
        self,
        recognizer: Loadable = None,
        *,
        rule: str = "guided",
        top: int = 9,
        layers: list[str] | None = None,
        sketch: Sketch | None = None,
    ) -> None:
        self.pad = SketchPad(sketch=sketch)
        self.recognition = Recognition(title=False)  # the board says it
        self.panels = LayerPanels(rule=rule, top=top, layers=layers)
        self.engine = link(self.pad, self.recognition, self.panels, recognizer)
        parts = {"pad": self.pad, "recognition": self.recognition, "panels": self.panels}
        for name, widget in parts.items():
            widget.add_class(f"skw-lab-{name}")
        # Two boxes, since a container cannot be laid out by its own width; the style is in the bundle.
        self._grid = ipywidgets.Box(list(parts.values()))
        self._grid.add_class("skw-lab-grid")
        super().__init__([self._grid])
        self.add_class("skw-lab")

    def __repr__(self) -> str:
        strokes = len(self.pad.drawing)
        return f"SketchLab({strokes} stroke{'' if strokes == 1 else 's'})"

    @property
    def sketch(self) -> Sketch:
        """The drawing on the board. Assigning replaces it; the board's undo brings the old one back."""
        return self.pad.sketch

    @sketch.setter
    def sketch(self, sketch: Sketch) -> None:
        self.pad.sketch = sketch

    @property
    def session(self) -> Session | None:
        """The session that follows the drawing, to be read and not to be changed; None while loading."""
        return self.engine.session

    @property
    def sparsified(self) -> Sparsified | None:
        """What the button "Fewest strokes" has found, while the board shows it; else None."""
        return self.engine.sparsified

    def settle(self, timeout: float = 60.0) -> bool:
        """Wait until all that is drawn is recognised, or has failed to be; False after `timeout` seconds."""
        return self.engine.settle(timeout)

    def close(self) -> None:
        """End the engine and close every widget of the lab."""
        if self.comm is None:
            return  # closed before, or never complete
        self.engine.close()
        for widget in (self.pad, self.recognition, self.panels, self._grid):
            widget.close()
        super().close()
