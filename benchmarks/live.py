"""What a stroke costs: growing drawings, the session over the bare network, panels, latency in a browser, memory.

    python benchmarks/live.py                    # ratios, interleaved medians in this process
    python benchmarks/live.py --browser          # and pointer-up to painted, in a real JupyterLab and Chromium
    python benchmarks/live.py --soak 5000        # and the growth of memory over that many strokes, panels on

Everything is measured in one run and what is compared takes turns, so that another load on the machine hits both.
On a machine that others keep busy, --cpu-time counts the processor time of one thread instead of the wall clock.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import sketchwidgets as sw
from sketchwidgets._bench_command import smooth_stroke as stroke

clock = time.perf_counter
REPOSITORY = Path(__file__).resolve().parents[1]


def frame() -> np.ndarray:
    """A first stroke around the whole board, so that later ones do not change the bounding box."""
    corners = np.array([[2, 2], [398, 2], [398, 398], [2, 398], [2, 2]], float)
    return np.column_stack([corners, 16.0 * np.arange(5)])


def interleaved(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each action, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for name in actions:
        actions[name]()
    for _ in range(rounds):
        for name, action in actions.items():
            start = clock()
            action()
            times[name].append(1000 * (clock() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def report(what: str, ratio: float, limit: float, detail: str) -> None:
    print(f"{what:58} {ratio:5.2f}  (at most {limit}: {'yes' if ratio <= limit else 'NO'})   {detail}")


def growth(recogniser: sw.Recognizer, rounds: int) -> None:
    """Strokes onto a drawing that began with 1 and onto one that began with 200; both grow by one a round."""
    random = np.random.default_rng(0)
    sessions = {}
    for strokes in (1, 200):
        session = recogniser.session()
        session.add(frame())
        for _ in range(strokes - 1):
            session.add(stroke(random))
        sessions[strokes] = session
    added = [stroke(random) for _ in range(rounds + 1)]

    def adder(session: sw.Session) -> Callable[[], None]:
        waiting = iter(added)
        return lambda: session.add(
            next(waiting)
        )  # drawings of n, n + 1, ... strokes; n grows on both sides alike

    times = interleaved({str(strokes): adder(session) for strokes, session in sessions.items()}, rounds)
    report(
        "a stroke onto 200 over one onto 1",
        times["200"] / times["1"],
        1.2,
        f"{times['200']:.1f} / {times['1']:.1f} ms",
    )


def step(recogniser: sw.Recognizer, rounds: int) -> None:
    """A stroke added to a session, everything included, over the bare CNN on an image that is ready."""
    random = np.random.default_rng(1)
    session = recogniser.session()
    session.add(frame())
    image = session.image().clone()

    def bare() -> None:
        with torch.no_grad():
            recogniser.cnn.features(image)

    times = interleaved({"add": lambda: session.add(stroke(random)), "bare": bare}, rounds)
    report(
        "a session step over one bare forward of the CNN",
        times["add"] / times["bare"],
        1.25,
        f"{times['add']:.1f} / {times['bare']:.1f} ms",
    )


def panels(
    name: str,
    network: torch.nn.Module,
    image: torch.Tensor,
    limit: float,
    rounds: int,
    dtype: str | None = None,
) -> None:
    """Top 9 of the layers that are shown in one call, its forward included, over forward and backward of one logit.

    dtype : "fast", as the live panels, or None, the format of the network.
    """
    layers = sw.Network(network, size=tuple(image.shape[-2:])).layers()

    def projected() -> None:
        sw.project(network, image, layers, top=9, rule="guided", dtype=dtype)

    def forward_backward() -> None:
        leaf = image.clone().requires_grad_()
        logits = network(leaf)
        torch.autograd.grad(logits[0, int(logits.argmax())], leaf)

    times = interleaved({"panels": projected, "logit": forward_backward}, rounds)
    report(
        f"{len(layers)} layers x top 9 of {name}{', fast' if dtype else ''} over forward+backward",
        times["panels"] / times["logit"],
        limit,
        f"{times['panels']:.1f} / {times['logit']:.1f} ms",
    )


def waits(recogniser: sw.Recognizer, rounds: int) -> None:
    """How long a stroke that comes while panels are projected waits at most, with turns and without."""
    image = sketch_image(recogniser)
    layers = sw.Network(recogniser.cnn, size=tuple(image.shape[-2:])).layers()
    whole: dict[str, list[float]] = {layer: [] for layer in layers}
    steps: dict[str, list[float]] = {layer: [] for layer in layers}
    for _ in range(rounds):
        recording = sw.record(recogniser.cnn, image, layers)
        for layer in layers:
            turns = recording.project_in_turns(layer, 9, "guided", dtype="fast")
            times, projection = [], None
            while projection is None:
                start = clock()
                projection = next(turns)
                times.append(1000 * (clock() - start))
            whole[layer].append(sum(times))
            steps[layer].append(max(times))
    longest, step = (max(statistics.median(times) for times in of.values()) for of in (whole, steps))
    print(f"{'the longest step of a projection, of its slowest layer':58} {step:.1f} of {longest:.1f} ms")


def sketch_image(recogniser: sw.Recognizer) -> torch.Tensor:
    random = np.random.default_rng(2)
    session = recogniser.session()
    for _ in range(8):
        session.add(stroke(random))
    return session.image()


def alexnet() -> torch.nn.Module:
    import torchvision

    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None).eval().requires_grad_(False)


def soak(recogniser: sw.Recognizer, strokes: int) -> None:
    """Draw on a pad with everything linked and a page that confirms; compare the memory after a tenth and at the end."""
    import psutil

    pad, recognition, layer_panels = sw.SketchPad(), sw.Recognition(), sw.LayerPanels()
    engine = sw.link(pad, recognition, layer_panels, recogniser)
    for widget in (pad, layer_panels):
        _play_page(widget)
    random = np.random.default_rng(3)
    process = psutil.Process()
    sizes = {}
    first = min(500, strokes // 10)
    start = time.perf_counter()
    for count in range(1, strokes + 1):
        points = np.column_stack([stroke(random), np.ones(20)]).astype(np.float32)
        content = {"type": "points", "stroke": 2 * count, "first": 0, "end": True, "up_ms": 0.0}
        pad._receive(pad, content, [points.tobytes()])
        if not engine.settle(120):
            raise SystemExit(f"stroke {count} was not recognised in 120 s")
        if count in (first, strokes) or count % 500 == 0:
            sizes[count] = process.memory_info().rss / 2**20
            rate = count / (time.perf_counter() - start)
            print(f"    {count:6} strokes  {sizes[count]:7.1f} MiB  {rate:.1f} strokes a second", flush=True)
    grown = sizes[strokes] / sizes[first] - 1
    print(
        f"{f'growth of memory from stroke {first} to {strokes}':58} {grown:5.1%}  (below 5 %: {grown < 0.05})"
    )
    engine.close()


def _play_page(widget: sw.SketchPad | sw.LayerPanels) -> None:
    """Confirm every frame of a widget as a page would."""

    def send(content: dict, buffers: object = None) -> None:
        if content.get("frame") is not None:
            widget._receive(widget, {"type": "ack", "frame": content["frame"], "latency_ms": None}, None)

    widget.send = send
    widget._receive(widget, {"type": "hello"}, None)


def browser(strokes: int) -> None:
    """Draw in a real JupyterLab and collect what the page measured, from pointer-up to painted."""
    sys.path.insert(0, str(REPOSITORY / "tests" / "browser"))
    import tempfile

    import _chromium
    from _lab import jupyterlab
    from _page import NotebookPage, Window
    from _pointer import Hand
    from playwright.sync_api import sync_playwright

    found = _chromium.find()
    if found is None:
        raise SystemExit("no Chromium found: run `python tests/browser/_chromium.py --install`")
    cells = ["import sketchwidgets as sw\nlab = sw.SketchLab()\nlab", ""]
    random = np.random.default_rng(4)
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyterlab(Path(folder)) as server,
        sync_playwright() as driver,
    ):
        chromium = driver.chromium.launch(executable_path=str(found), args=_chromium.ARGUMENTS)
        notebook = NotebookPage(Window(chromium), server, "live.ipynb", cells)
        notebook.open()
        notebook.run(0)
        hand = Hand(notebook.page, notebook.output(0).locator(".skw-canvas"))
        notebook.ask("lab.settle(300)")
        for count in range(1, strokes + 1):
            hand.stroke(stroke(random))
            notebook.page.wait_for_timeout(150)
            deadline = time.monotonic() + 60
            while notebook.ask("len(lab.engine.latencies['panels'])") < count and time.monotonic() < deadline:
                notebook.page.wait_for_timeout(100)
        for name, values in notebook.ask("lab.engine.latencies").items():
            median, p95 = np.percentile(values, [50, 95])
            what = f"pointer-up to painted {name}, {len(values)} strokes"
            print(f"{what:58} median {median:.0f} ms, p95 {p95:.0f} ms")
        notebook.close()
        chromium.close()


def ratios(recogniser: sw.Recognizer, rounds: int) -> None:
    growth(recogniser, rounds)
    step(recogniser, rounds)
    few = max(10, rounds // 4)
    networks = {
        "the recogniser": recogniser,
        "Sketch-a-Net": sw.Recognizer.load("sketch-a-net-quickdraw345", "cpu"),
    }
    for name, of in networks.items():
        for dtype in (None, "fast"):
            panels(name, of.cnn, sketch_image(of), 3.0, few, dtype)
    waits(recogniser, few)
    random = torch.Generator().manual_seed(0)
    panels("AlexNet", alexnet(), torch.rand(1, 3, 224, 224, generator=random), 1.6, few)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=100, help="measurements of each side of a ratio, 0 for none"
    )
    parser.add_argument("--threads", type=int, default=None, help="threads of torch")
    parser.add_argument(
        "--cpu-time", action="store_true", help="processor time of one thread, for a busy machine"
    )
    parser.add_argument("--browser", action="store_true", help="measure latencies in JupyterLab and Chromium")
    parser.add_argument("--strokes", type=int, default=40, help="strokes drawn in the browser")
    parser.add_argument(
        "--soak", type=int, default=0, metavar="N", help="draw N strokes and watch the memory"
    )
    options = parser.parse_args()
    if options.cpu_time:
        global clock
        clock = time.thread_time
        options.threads = 1
    if options.threads:
        torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{'processor' if options.cpu_time else 'wall'} time, medians of {options.rounds} in turns"
    )
    recogniser = sw.Recognizer.load(device="cpu")
    if options.rounds:
        ratios(recogniser, options.rounds)
    if options.browser:
        browser(options.strokes)
    if options.soak:
        soak(recogniser, options.soak)


if __name__ == "__main__":
    main()
