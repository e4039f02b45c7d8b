"""The fewest strokes that keep a drawing's label: how many that is, and what it costs.

    python benchmarks/sparsify.py drawings.npz [--all] [--count 100] [--limit 4095] [--weights FILE] [--json RESULT]

Of the first drawings of the validation part (`DrawingSet.split`) of a file, or of --all of one that the recogniser has
not learnt from: the share of strokes needed by the smallest choice found, and by the shortest beginning that settles
the label, with 95 % intervals by bootstrap; how many are proven the smallest; images through the network, and how long
they took. The label kept is the recogniser's own, right or wrong; drawings that it gets right are a group of their own.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

import sketchwidgets as sw
from sketchwidgets.training import DrawingSet


def interval(values: np.ndarray) -> list[float]:
    """The mean, and its 95 % interval by bootstrap."""
    rng = np.random.default_rng(0)
    means = rng.choice(values, (2000, len(values))).mean(1) if len(values) else np.array([np.nan])
    return [round(float(x), 4) for x in (values.mean(), *np.percentile(means, [2.5, 97.5]))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("drawings", type=Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--limit", type=int, default=4095)
    parser.add_argument("--weights", default=None)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recognizer = sw.Recognizer.load(arguments.weights)
    drawings = DrawingSet.load(arguments.drawings)
    rows = []
    indices = np.arange(len(drawings)) if arguments.all else drawings.split()[1]
    for index in indices[: arguments.count]:
        drawing, label = sw.Sketch(drawings.strokes(index)), drawings.classes[int(drawings.label[index])]
        start = time.perf_counter()
        result = sw.sparsify(recognizer, drawing, limit=arguments.limit, progress=False)
        rows.append(
            (
                len(drawing),
                len(result.kept),
                result.prefix,
                result.proven,
                result.name == label,
                result.recognized,
                time.perf_counter() - start,
                result.probability,
                result.steps[-1],
            )
        )
        print(f"{index:4} {label:20} {result.sentence()}", flush=True)
    strokes, kept, prefix, proven, right, images, seconds, after, before = np.array(rows, np.float64).T
    groups = {"all": strokes > 0, "of 4 strokes and more": strokes >= 4, "recognised rightly": right > 0}
    found = {
        "recognizer": repr(recognizer),
        "drawings": f"{arguments.drawings.name}, {'all' if arguments.all else 'validation'}",
        "limit": arguments.limit,
        "proven": int(proven.sum()),
        "images a drawing, median": float(np.median(images)),
        "images a drawing, most": int(images.max()),
        "seconds a drawing, median": round(float(np.median(seconds)), 2),
        "probability before and after": [round(float(before.mean()), 3), round(float(after.mean()), 3)],
        "groups": {
            name: {
                "drawings": int(some.sum()),
                "strokes": round(float(strokes[some].mean()), 2),
                "kept": round(float(kept[some].mean()), 2),
                "share kept": interval((kept / strokes)[some]),
                "share of the shortest beginning": interval((prefix / strokes)[some]),
            }
            for name, some in groups.items()
        },
    }
    print(json.dumps(found, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
