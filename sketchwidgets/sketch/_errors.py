"""The one error of this floor: what is wrong, and where."""


class SketchError(ValueError):
    """A drawing, or a file of drawings, that cannot be read, built or written.

    The message runs from the outside in: the file, the line, record or element, the stroke, the point, and at
    last what is wrong there.

    Example:
        >>> raise SketchError("x has 3 numbers and y has 2", "cats.ndjson", "line 7", "stroke 0")
        Traceback (most recent call last):
        ...
        sketchwidgets.sketch._errors.SketchError: cats.ndjson: line 7: stroke 0: x has 3 numbers and y has 2
    """

    def __init__(self, problem: str, *places: str) -> None:
        super().__init__(problem, *places)

    @property
    def problem(self) -> str:
        """What is wrong, without the place."""
        return self.args[0]

    @property
    def places(self) -> tuple[str, ...]:
        """Where, from the outside in."""
        return self.args[1:]

    def within(self, *places: str) -> "SketchError":
        """The same error seen from further out, for a reader to say which file and line it was reading."""
        return SketchError(self.problem, *places, *self.places)

    def __str__(self) -> str:
        return ": ".join((*self.places, self.problem))


def excerpt(value: object, limit: int = 40) -> str:
    """A short repr of untrusted input, fit for one line of an error message."""
    text = repr(value[: limit + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= limit + 4 else f"{text[:limit]}…"
