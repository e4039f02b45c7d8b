"""Makes widgets that stand alone work together."""

from weakref import WeakValueDictionary

from ..board.sketch_pad import SketchPad
from ._engine import LiveEngine, Loadable
from .layer_panels import LayerPanels
from .recognition import Recognition

_engines: WeakValueDictionary[str, LiveEngine] = WeakValueDictionary()  # by the model id of their pad


def link(
    pad: SketchPad,
    recognition: Recognition | None = None,
    panels: LayerPanels | None = None,
    recognizer: Loadable = None,
) -> LiveEngine:
    """Recognise what is drawn on a pad, and show it in charts and in panels, each where it is given.

    `recognizer` is a Recognizer, a name or path for `Recognizer.load`, a function that loads one, or None for
    the bundled weights; it is loaded in the background. The link lasts until the pad or the engine is closed.
    A pad that was linked before is linked anew.

    Raises TypeError for something that is not a widget of that kind.

    >>> pad, panels = sw.SketchPad(), sw.LayerPanels(rule="deconvnet")
    >>> engine = sw.link(pad, panels=panels)
    """
    for name, widget, kind in (
        ("pad", pad, SketchPad),
        ("recognition", recognition, Recognition),
        ("panels", panels, LayerPanels),
    ):
        if not isinstance(widget, kind) and (widget is not None or kind is SketchPad):
            raise TypeError(f"{name} must be a {kind.__name__}, not {type(widget).__name__}")
    earlier = _engines.get(pad.model_id)
    engine = LiveEngine(recognizer, pad, recognition, panels)
    if earlier is not None:
        earlier.close()
    _engines[pad.model_id] = engine
    return engine
