"""The command `sketchwidgets bench`: how long a stroke and its panels take on this machine."""

import json
import statistics
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sketchwidgets import __version__

if TYPE_CHECKING:
    import numpy as np

    from sketchwidgets.recognition import Recognizer

_STROKES = 12  # of a drawing; QuickDraw's have 6 in the median, and a class draws on
_BOARD = 400.0  # pixels of the side of the board
_TOP = 9
# Milliseconds: up to 100 an answer seems to come at once (Card, Moran & Newell, The Psychology of Human-Computer
# Interaction, 1983, ch. 2); the pen is off the paper for about 400 between two strokes.
_AT_ONCE, _BETWEEN_STROKES = 100.0, 400.0


def bench(
    recognizer: Annotated[
        str | None,
        typer.Option(
            help="Name of bundled weights, or the path of a file.", show_default="sketchwidgets-quickdraw345"
        ),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps; auto is what the lab takes.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of torch.", show_default="torch's")
    ] = None,
    rounds: Annotated[int, typer.Option(min=2, help="Drawings of twelve strokes that are drawn.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON, for programs.")] = False,
) -> None:
    """Say how long a stroke and its panels take here, and how much memory, before a class of thirty finds out.

    Times are of the kernel alone: the browser and the way to it come on top.
    """
    import torch

    from sketchwidgets.recognition import Recognizer

    if threads is not None:
        torch.set_num_threads(threads)
    loaded = Recognizer.load(recognizer, device)
    found = measure(loaded, rounds)
    said = {
        "sketchwidgets": __version__,
        "torch": torch.__version__,
        "device": str(loaded.device),
        "threads": torch.get_num_threads(),
        "recognizer": str(loaded.card.get("name", "unnamed")),
        "rounds": rounds,
        "milliseconds": found,
        "mebibytes": _own_mebibytes(),
    }
    typer.echo(json.dumps(said) if as_json else _as_table(said))


def measure(recognizer: "Recognizer", rounds: int = 10) -> dict[str, dict[str, float]]:
    """Milliseconds {"median", "p95"} of "stroke", "cnn", "panels" and "forward_backward", taken in turns.

    stroke : points in, prediction out, everything included. cnn : a bare pass of the CNN on an image that is ready.
    panels : the nine strongest maps of every layer that the lab shows, projected as it does. forward_backward : a bare
    pass down to the first scores and back of the same image, to compare panels with.

    >>> import sketchwidgets as sw
    >>> from sketchwidgets._bench_command import measure
    >>> sorted(measure(sw.Recognizer.load(), rounds=2))
    ['cnn', 'forward_backward', 'panels', 'stroke']
    """
    import numpy as np
    import torch

    from sketchwidgets.visualization.network import Network
    from sketchwidgets.visualization.projection import project

    random = np.random.default_rng(0)
    cnn, network = recognizer.cnn, Network.of(recognizer)
    layers = network.layers()
    times: dict[str, list[float]] = {"stroke": [], "cnn": [], "panels": [], "forward_backward": []}

    def timed(name: str, action: Callable[[], Any]) -> None:
        _wait_for(recognizer.device)
        start = time.perf_counter()
        action()
        _wait_for(recognizer.device)
        times[name].append(1000 * (time.perf_counter() - start))

    def bare(image: torch.Tensor) -> None:
        with torch.no_grad():
            cnn.features(image)

    def forward_backward(image: torch.Tensor) -> None:
        leaf = image.clone().requires_grad_()
        features = cnn.features(leaf)
        torch.autograd.grad(features[0, int(features[0].argmax())], leaf)

    for _ in range(rounds + 1):
        session = recognizer.session()
        for _ in range(_STROKES):
            stroke = smooth_stroke(random)
            timed("stroke", lambda session=session, stroke=stroke: session.add(stroke))
            image = session.image().clone()
            timed("cnn", lambda image=image: bare(image))
        for _ in range(3):
            timed(
                "panels",
                lambda image=image: project(network, image, layers, top=_TOP, rule="guided", dtype="fast"),
            )
            timed("forward_backward", lambda image=image: forward_backward(image))
    return {name: _summary(values[len(values) // (rounds + 1) :]) for name, values in times.items()}


def smooth_stroke(random: "np.random.Generator", points: int = 20) -> "np.ndarray":
    """A smooth stroke somewhere on the board, (points, 3): x, y, milliseconds."""
    import numpy as np

    start, turn = random.uniform(60, _BOARD - 60, 2), random.uniform(0, 2 * np.pi)
    angles = turn + np.cumsum(random.normal(0, 0.2, points))
    path = start + np.cumsum(4 * np.column_stack([np.cos(angles), np.sin(angles)]), axis=0)
    return np.column_stack([np.clip(path, 5, _BOARD - 5), 16.0 * np.arange(points)])


def _wait_for(device: Any) -> None:
    """Accelerators compute while the program goes on; a time counts once they have done."""
    if device.type != "cpu":
        import torch

        torch.accelerator.synchronize(device)


def _summary(times: list[float]) -> dict[str, float]:
    """Median and 95th percentile; the first drawing, which warms everything up, is not among `times`."""
    return {
        "median": round(statistics.median(times), 3),
        "p95": round(statistics.quantiles(times, n=20, method="inclusive")[-1], 3),
    }


def _own_mebibytes() -> int:
    """Memory of the process; on Linux without the libraries, which are there once for all kernels."""
    import psutil

    used = psutil.Process().memory_info()
    return round((used.rss - getattr(used, "shared", 0)) / 2**20)


def _as_table(said: dict[str, Any]) -> str:
    found = said["milliseconds"]
    lines = [
        f"{said['recognizer']} on {said['device']}, {said['threads']} thread{'s' * (said['threads'] != 1)} "
        f"of torch {said['torch']}; "
        f"{said['rounds']} drawings of {_STROKES} strokes",
        f"{'':52}  median  95 of 100",
    ]
    texts = {
        "stroke": "a stroke, from its points to the prediction",
        "cnn": "  one bare pass of the CNN, to compare with",
        "panels": "panels of every layer, nine feature maps each",
        "forward_backward": "  one pass forward and back, to compare with",
    }
    lines += [
        f"{text:52}  {found[name]['median']:6.1f}    {found[name]['p95']:6.1f} ms"
        for name, text in texts.items()
    ]
    lines.append(f"{'memory of its own that a kernel takes, about':52}  {said['mebibytes']:6.0f} MiB")
    stroke, panels = found["stroke"]["p95"], found["panels"]["p95"]
    if stroke > _AT_ONCE:
        lines.append(
            "Predictions will lag behind the pen here; a smaller recogniser, or fewer programs beside it, helps."
        )
    elif panels > _BETWEEN_STROKES:
        lines.append("Predictions come at once; panels come late, and fewer layers make them faster.")
    else:
        lines.append("Predictions come at once, and panels before the next stroke.")
    return "\n".join(lines)
