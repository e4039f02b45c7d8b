"""New drawings of one's own drawing, while it is drawn: strokes removed, deformed, and sorted by their order."""

from typing import Any

import ipywidgets
from traitlets import Float, Int, TraitError, link, validate

from ..explorer._explorer import Explorer
from ..explorer._job import Job
from ..parts._controls import number, slider
from ._augmentation_figure import AugmentationLook

_MOST_SEED = 999_999
_RANGES = {"alpha": (0.0, 5.0), "beta": (0.0, 5.0), "strength": (0.0, 4.0)}


class AugmentationExplorer(Explorer):
    """Shows what training on strokes makes of a drawing (Yu et al., BMVC 2015 and IJCV 2017), live.

    Rows: the drawing without 10 to 60 % of its strokes; deformed stroke by stroke, as a whole, and both, six times
    each; and the six channels of the order of its strokes. See `sw.sketch.remove_strokes`, `deform_strokes`,
    `deform_sketch` and `stroke_order_channels`, which make one of each.

    Parameters
    ----------
    source : a SketchPad or SketchLab, which is followed live, or a Sketch.
    alpha, beta : what the order and the length of a stroke count for its removal, 0 to 5.
    strength : of the deformations, 0 to 4; 1 is the authors'.
    seed : of what is random, 0 to 999,999; the same drawing and seed give the same pictures. The button takes the next.

    All but `source` are traits. `result` holds the new drawings. Raises TypeError for what is no source, TraitError
    for values out of range.

    >>> sketch = sw.Sketch([[(0, 0), (50, 20), (100, 0)], [(50, 20), (50, 90)], [(40, 95), (60, 95)]])
    >>> explorer = sw.AugmentationExplorer(sketch, strength=2)
    >>> explorer.settle()
    True
    >>> [len(each) for each in explorer.result.removed]
    [3, 2, 2, 2, 1, 1]
    >>> explorer.close()
    """

    alpha = Float(0.5)
    beta = Float(2.0)
    strength = Float(1.0)
    seed = Int(0)

    _needs_network = False
    _invitation = "Draw a stroke to see new drawings of yours."

    def __init__(
        self,
        source: Any = None,
        *,
        alpha: float = 0.5,
        beta: float = 2.0,
        strength: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.alpha, self.beta, self.strength, self.seed = alpha, beta, strength, seed
        super().__init__(source=source, controls=self._make_controls())
        self.observe(self.refresh, ["alpha", "beta", "strength", "seed"])

    def __repr__(self) -> str:
        return f"AugmentationExplorer({type(self.source).__name__}, seed={self.seed})"

    @validate("alpha", "beta", "strength")
    def _in_range(self, proposal: dict[str, Any]) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        low, high = _RANGES[name]
        if not low <= value <= high:
            raise TraitError(f"{name} must be between {low:g} and {high:g}, not {value}")
        return value

    @validate("seed")
    def _a_seed(self, proposal: dict[str, Any]) -> int:
        if not 0 <= proposal["value"] <= _MOST_SEED:
            raise TraitError(f"seed must be between 0 and {_MOST_SEED:,}, not {proposal['value']}")
        return proposal["value"]

    def again(self) -> None:
        """Other random numbers: the next seed."""
        self.seed = (self.seed + 1) % (_MOST_SEED + 1)

    def _compute(self, job: Job) -> AugmentationLook:
        if job.sketch is None:
            raise ValueError("source is a picture, which has no strokes; give a SketchPad or a Sketch")
        return AugmentationLook.of(job.sketch, self.alpha, self.beta, self.strength, self.seed)

    def _make_controls(self) -> list[ipywidgets.Widget]:
        controls: list[ipywidgets.Widget] = []
        for name, text, tip in (
            ("alpha", "α order", "the higher, the more late strokes go"),
            ("beta", "β length", "the higher, the more short strokes go"),
            ("strength", "Deformation", "1 is that of the paper"),
        ):
            control = slider(text, *_RANGES[name], tooltip=tip)
            link((self, name), (control, "value"))
            controls.append(control)
        seed = number("Seed", 0, _MOST_SEED)
        link((self, "seed"), (seed, "value"))
        button = ipywidgets.Button(
            description="Again", icon="refresh", tooltip="other random numbers", layout={"width": "90px"}
        )
        button.on_click(lambda _button: self.again())
        return [*controls, seed, button]
