"""The command `sketchwidgets recognize`: what drawings in files are taken for."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sketchwidgets._command_errors import say_error

if TYPE_CHECKING:
    from sketchwidgets.recognition import Prediction
    from sketchwidgets.sketch import Sketch

# Named, because "not JSON" would be all that is said of them.
_PICTURES = {".bmp", ".gif", ".jpeg", ".jpg", ".pdf", ".png", ".tif", ".tiff", ".webp"}
_BEGINNING = 1024  # bytes that tell SVG from JSON, comments and a byte order mark before it included


def recognize(
    drawing: Annotated[
        list[Path],
        typer.Argument(
            help="Drawings: SVG; QuickDraw's ndjson, raw or simplified, or .bin; stroke-3 or stroke-5 in a .npy."
        ),
    ],
    index: Annotated[int, typer.Option(min=0, help="Which drawing of a QuickDraw file, counted from 0.")] = 0,
    top: Annotated[int, typer.Option(min=1, help="Names of each drawing.")] = 5,
    strokes: Annotated[
        bool, typer.Option("--strokes", help="Also the best name after every stroke.")
    ] = False,
    recognizer: Annotated[
        str | None,
        typer.Option(
            help="Name of bundled weights, or the path of a file.", show_default="sketchwidgets-quickdraw345"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A line of JSON for each drawing, for programs.")
    ] = False,
) -> None:
    """Say what drawings are taken for: the most probable names, and whether the recogniser stands by the first.

    A file that cannot be read is said so, and the others follow; the exit status is then 1.
    """
    from sketchwidgets.recognition import Recognizer

    loaded = Recognizer.load(recognizer)
    failed: Exception | None = None
    for number, path in enumerate(drawing):
        try:
            predictions = loaded.recognize(read_drawing(path, index))
        except (ValueError, OSError) as error:
            say_error(error)
            failed = error
            continue
        if as_json:
            typer.echo(json.dumps(_as_json(path, index, predictions, top, strokes), ensure_ascii=False))
        else:
            text = _as_table(path, predictions, top, strokes)
            typer.echo(text if number == 0 else f"\n{text}")
    if failed is not None:
        raise typer.Exit(1) from failed


def read_drawing(path: Path, index: int = 0) -> "Sketch":
    """The drawing of a file, by its ending and by how it begins; `index` is that of a drawing in a QuickDraw file.

    Raises SketchError and OSError that name the file.
    """
    from sketchwidgets.sketch import Sketch, SketchError

    suffix = path.suffix.lower()
    if suffix in _PICTURES:
        raise SketchError(
            "has pixels or pages and no strokes: give SVG, QuickDraw's files or .npy", str(path)
        )
    with open(path, "rb") as file:  # also what cannot be opened is said here, the same for all formats
        beginning = file.read(_BEGINNING)
    svg = suffix == ".svg" or beginning.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
    if not svg and suffix != ".npy":
        return Sketch.from_quickdraw(path, index)
    if index:
        raise SketchError(f"has one drawing, number 0: there is no number {index}", str(path))
    return Sketch.from_svg(path) if svg else _read_offsets(path)


def _read_offsets(path: Path) -> "Sketch":
    """Of a stroke-3 or stroke-5 array, told apart by their columns."""
    import numpy as np

    from sketchwidgets.sketch import Sketch, SketchError

    try:
        with open(path, "rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise SketchError(f"not an array of numbers: {error}", str(path)) from None
    try:
        return Sketch.from_stroke5(array) if array.shape[-1:] == (5,) else Sketch.from_stroke3(array)
    except SketchError as error:
        raise error.within(str(path)) from None


def _as_table(path: Path, predictions: "list[Prediction]", top: int, strokes: bool) -> str:
    last = predictions[-1]
    doubt = "" if last.known else ", not known yet"
    lines = [f"{path}: {len(predictions)} stroke{'s' * (len(predictions) != 1)}{doubt}"]
    best = last.top(top)
    names = [name for name, _ in best]
    if strokes:
        names += [prediction.label for prediction in predictions]
    wide = max(map(len, names))
    lines += [f"  {name:<{wide}}  {_percent(share)}" for name, share in best]
    if strokes:
        lines.append("  after each stroke:")
        digits = len(str(len(predictions)))
        for step in predictions:
            doubt = "" if step.known else "  not known yet"
            lines.append(f"  {step.step:>{digits}}  {step.label:<{wide}}  {_percent(step.confidence)}{doubt}")
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:5.1f} %"


def _as_json(
    path: Path, index: int, predictions: "list[Prediction]", top: int, strokes: bool
) -> dict[str, Any]:
    last = predictions[-1]
    said: dict[str, Any] = {
        "file": str(path),
        "index": index,
        "strokes": len(predictions),
        "known": last.known,
        "top": [{"name": name, "probability": round(share, 6)} for name, share in last.top(top)],
    }
    if strokes:
        said["steps"] = [
            {
                "stroke": step.step,
                "name": step.label,
                "probability": round(step.confidence, 6),
                "known": step.known,
            }
            for step in predictions
        ]
    return said
