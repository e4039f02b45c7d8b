"""What is to be shown of a drawing at one moment."""

from dataclasses import dataclass

from ...recognition import Prediction


@dataclass(frozen=True, eq=False)
class View:
    """The predictions of a drawing and the place in it that is looked at.

    predictions : one for each finished stroke. step : strokes looked at when scrubbed back, else None.
    preview : the prediction with the stroke in progress, whose id is `stroke`; None without one.
    since : the page's clock (ms) when the pen of the newest stroke was lifted, where a latency counts from.
    """

    predictions: tuple[Prediction, ...] = ()
    step: int | None = None
    preview: Prediction | None = None
    stroke: int | None = None
    since: float | None = None

    @property
    def strokes(self) -> int:
        """Number of strokes that are shown, the one in progress included."""
        if self.step is not None:
            return self.step
        return len(self.predictions) + (self.preview is not None)

    @property
    def prediction(self) -> Prediction | None:
        """The prediction that is shown; None for an empty board."""
        if self.step is None and self.preview is not None:
            return self.preview
        return self.predictions[self.strokes - 1] if self.strokes else None

    def continues(self, earlier: "View | None") -> bool:
        """Whether only the stroke in progress has grown since `earlier`."""
        return self.preview is not None and earlier is not None and earlier.stroke == self.stroke
