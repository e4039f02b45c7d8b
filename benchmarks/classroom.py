"""A class that draws on one server: kernels side by side, with the threads that are free against all of torch's.

    python benchmarks/classroom.py                 # 12 kernels, a stroke about every second in each
    python benchmarks/classroom.py --kernels 30

Each kernel is a process with a board, a recognition, layer panels and an engine, as `sw.SketchLab` has them, and a page
that confirms at once; the browser's own work is not in it. The two ways take turns, as often as --rounds says.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np
from live import _play_page

import sketchwidgets as sw
from sketchwidgets._bench_command import smooth_stroke as stroke
from sketchwidgets.widgets.parts import _threads

STROKES_OF_A_DRAWING = 10


def draw(seed: int, begin: float, seconds: float, all_threads: bool) -> None:
    """One kernel: strokes with pauses of 0.5 to 1.5 s from the time `begin` on; prints milliseconds as JSON."""
    if all_threads:
        _threads.free_processors = lambda: sys.maxsize
    pad, recognition, panels = sw.SketchPad(), sw.Recognition(), sw.LayerPanels()
    engine = sw.link(pad, recognition, panels, sw.Recognizer.load(device="cpu"))
    shown: list[float] = []
    show = engine._predictions.show
    engine._predictions.show = lambda view: (shown.append(time.perf_counter()), show(view))
    for widget in (pad, panels):
        _play_page(widget)
    engine.settle(60)
    random = np.random.default_rng(seed)
    time.sleep(max(0.0, begin - time.time()) + random.uniform(0, 1))
    end = time.perf_counter() + seconds
    found: dict[str, list[float | None]] = {"prediction": [], "panels": []}
    count = 0
    while time.perf_counter() < end:
        count += 1
        if count % STROKES_OF_A_DRAWING == 0:
            pad.clear()
        points = np.column_stack([stroke(random), np.ones(20)]).astype(np.float32)
        pause = random.uniform(0.5, 1.5)
        shown.clear()
        start = time.perf_counter()
        content = {"type": "points", "stroke": 2 * count, "first": 0, "end": True, "up_ms": 0.0}
        pad._receive(pad, content, [points.tobytes()])
        settled = engine.settle(pause)
        took = time.perf_counter() - start
        found["prediction"].append(1000 * (shown[0] - start) if shown else None)
        found["panels"].append(1000 * took if settled else None)
        time.sleep(max(0.0, pause - took))
    print(json.dumps(found))
    engine.close()


def lesson(kernels: int, seconds: float, all_threads: bool, starting: float) -> dict[str, list[float | None]]:
    """Milliseconds of all kernels, None for what the next stroke came before."""
    begin = time.time() + starting
    command = [sys.executable, __file__, "--begin", str(begin), "--seconds", str(seconds)]
    command += ["--all-threads"] * all_threads
    started = [
        subprocess.Popen([*command, "--seed", str(seed)], stdout=subprocess.PIPE, text=True)
        for seed in range(kernels)
    ]
    found: dict[str, list[float | None]] = {"prediction": [], "panels": []}
    for kernel in started:
        said, _ = kernel.communicate()
        if kernel.returncode:
            raise SystemExit("a kernel failed; what it said is above")
        for name, values in json.loads(said).items():
            found[name] += values
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kernels", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=30, help="of a lesson")
    parser.add_argument("--rounds", type=int, default=2, help="lessons of each kind, in turns")
    parser.add_argument("--begin", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--all-threads", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.begin is not None:
        draw(options.seed, options.begin, options.seconds, options.all_threads)
        return
    ways = {"all threads": True, "free processors": False}
    found = {way: {"prediction": [], "panels": []} for way in ways}
    for _ in range(options.rounds):
        for way, all_threads in ways.items():
            times = lesson(options.kernels, options.seconds, all_threads, 3.0 * options.kernels)
            for name, values in times.items():
                found[way][name] += values
    print(
        f"{options.kernels} kernels on {os.cpu_count()} processors, {options.rounds} lessons of each kind in turns"
    )
    medians = {}
    for way, times in found.items():
        for name, values in times.items():
            # What the next stroke came before counts as longer than all that was seen.
            longest = [float("inf") if value is None else value for value in values]
            medians[way, name] = statistics.median(longest)
            late = sum(value is None for value in values) / len(values)
            print(
                f"{way:16} {name:11} {len(values):5} strokes  median {medians[way, name]:6.0f} ms  "
                f"p95 {np.percentile(longest, 95, method='higher'):6.0f} ms  not before the next stroke {late:.1%}"
            )
    for name in ("prediction", "panels"):
        ratio = medians["all threads", name] / medians["free processors", name]
        print(f"{f'all threads over free processors, median to {name}':58} {ratio:.2f}")


if __name__ == "__main__":
    main()
