"""How well the classical sketch recognisers do on TU-Berlin images, threefold: a row each for the table of the papers.

    python benchmarks/classical.py ../shared/data/tuberlin40_png.npz [--rows hog fisher ...] [--out FILE] [--quick]

DATA is an .npz with images (n, h, w) uint8, black on white, label (n,) and classes. Two folds train, one tests, in turn
(`sw.training.three_folds`, seed 0). After each row and fold the result is written, and a run that was cut off goes on from
there; --fresh begins anew. Printed and kept are top-1 as the mean over the folds, Wilson's interval at 95 % over all images,
each of which is tested once, and processor seconds of one thread. --quick takes 8 classes and 15 images of each.

Most arguments are the papers' or first guesses. Chosen with a look at results on these images, so that their rows are a
little optimistic: the tolerances of star graphs and the pen that lines are drawn again with for networks (training on fold
1 and testing on fold 2, or on halves of these), and the frame of 128 pixels for orientation features (fold 0).
The numbers of the papers are for all 250 classes of TU-Berlin, 80 drawings each, which is much harder than fewer of them.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

import sketchwidgets as sw
from sketchwidgets.models import classical
from sketchwidgets.models.classical.cnn_features import layer_by_layer
from sketchwidgets.training.evaluation.intervals import wilson

OUT = Path(__file__).resolve().parents[1] / "docs" / "results" / "classical-tuberlin40.json"

# Row -> what makes the machine, what the papers have (250 classes), and of whom.
ROWS: dict[str, tuple[Callable, float, str]] = {
    "hog": (classical.HOGSVM, 56.0, "HOG-SVM, Eitz et al. 2012"),
    "structure": (classical.StructureEnsemble, 61.5, "Ensemble, Li et al. 2013"),
    "multiple_kernel": (classical.MultipleKernelSVM, 65.8, "MKL-SVM, Li et al. 2015"),
    "fisher": (classical.FisherSVM, 68.9, "FV-SP, Schneider & Tuytelaars 2014"),
}


def sketch_a_net() -> sw.Network:
    return sw.Network.of(sw.Recognizer.load("sketch-a-net-quickdraw345"))


# Row -> network, layer, arguments, the paper's number, and what it is. Features are made once for all folds.
CNN_ROWS: dict[str, tuple[Callable, str | None, dict, float | None, str]] = {
    "cnn_drawings": (
        sketch_a_net,
        "relu7",
        {"pen": 3},
        None,
        "CNN-feature-SVM: relu7 of the bundled Sketch-a-Net, trained on QuickDraw",
    ),
    "cnn_photos": (
        sw.Network.efficientnet_lite0,
        None,
        {"pen": 3},
        67.1,
        "CNN-feature-SVM: EfficientNet-Lite0, trained on ImageNet (paper: AlexNet-SVM)",
    ),
    # Layer by layer, as SVM(n) of Zeiler & Fergus 2014, table 7, on other data.
    **{
        f"cnn_{layer}": (
            sketch_a_net,
            layer,
            {"pen": 3},
            None,
            f"CNN-feature-SVM: {layer} of the bundled Sketch-a-Net",
        )
        for layer in ("pool1", "pool2", "relu3", "pool5", "relu6")
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", nargs="+", choices=[*ROWS, *CNN_ROWS], default=[*ROWS, *CNN_ROWS])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    images, labels, classes = sw.training.load_images_npz(options.data)
    if options.quick:
        kept = [np.flatnonzero(labels == k)[:15] for k in range(min(8, len(classes)))]
        images, labels = images[np.concatenate(kept)], labels[np.concatenate(kept)]
    folds = sw.training.three_folds(labels)
    about = {"data": options.data.name, "images": len(images), "classes": len(np.unique(labels))}
    results = {**about, "rows": {}}
    if options.out.is_file() and not options.fresh:
        results = json.loads(options.out.read_text())
        if {key: results.get(key) for key in about} != about:
            raise SystemExit(f"{options.out} holds results on other data; use --fresh or --out")
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for name in tqdm(options.rows, desc="rows"):
            measure = of_row if name in ROWS else of_cnn_row
            measure(name, images, labels, folds, results, options.out)
    print_table(results)


def of_row(
    name: str, images: np.ndarray, labels: np.ndarray, folds: np.ndarray, results: dict, out: Path
) -> None:
    """Fit and predict on the folds that the results do not have yet."""
    make, paper, about = ROWS[name]
    machine = make(progress=False)
    arguments = {key: value for key, value in machine.get_params(deep=False).items() if key != "progress"}
    row = start_row(results, name, about, paper, arguments)
    for fold in tqdm(range(3), desc=name, leave=False):
        if any(done["fold"] == fold for done in row["folds"]):
            continue
        train, test = folds != fold, folds == fold
        machine = make(progress=True)
        begin = time.process_time()
        machine.fit(images[train], labels[train])
        fitted = time.process_time()
        right = int((machine.predict(images[test]) == labels[test]).sum())
        spent = {
            "fit_seconds": round(fitted - begin, 1),
            "predict_seconds": round(time.process_time() - fitted, 1),
        }
        row["folds"].append({"fold": fold, "right": right, "total": int(test.sum()), **spent})
        if hasattr(machine, "weights_"):
            row["folds"][-1]["weights"] = machine.weights_.round(3).tolist()
        finish_row(row)
        write(results, out)


def of_cnn_row(
    name: str, images: np.ndarray, labels: np.ndarray, folds: np.ndarray, results: dict, out: Path
) -> None:
    """All folds at once: the features do not depend on them."""
    make, layer, arguments, paper, about = CNN_ROWS[name]
    row = start_row(results, name, about, paper, {"layer": layer, **arguments})
    if len(row["folds"]) == 3:
        return
    begin = time.process_time()
    predicted = layer_by_layer(make(), [layer], images, labels, folds, **arguments)[layer]
    row["seconds"] = round(time.process_time() - begin, 1)
    row["folds"] = [
        {
            "fold": fold,
            "right": int((predicted == labels)[folds == fold].sum()),
            "total": int((folds == fold).sum()),
        }
        for fold in range(3)
    ]
    finish_row(row)
    write(results, out)


def start_row(results: dict, name: str, about: str, paper: float | None, arguments: dict) -> dict:
    """The row as it was left, or a new one if there is none or its arguments were others."""
    arguments = json.loads(json.dumps(arguments))
    row = results["rows"].get(name)
    if row is None or row["arguments"] != arguments:
        row = {"about": about, "paper_percent_250_classes": paper, "arguments": arguments, "folds": []}
        results["rows"][name] = row
    return row


def finish_row(row: dict) -> None:
    right, total = (sum(fold[key] for fold in row["folds"]) for key in ("right", "total"))
    row["top1"] = round(float(np.mean([fold["right"] / fold["total"] for fold in row["folds"]])), 4)
    row["interval"] = [round(bound, 4) for bound in wilson(right, total)]
    row["complete"] = len(row["folds"]) == 3


def write(results: dict, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}")
    temporary.write_text(json.dumps(results, indent=2) + "\n")
    temporary.replace(out)


def print_table(results: dict) -> None:
    print(f"\n{results['data']}: {results['images']} images of {results['classes']} classes, 3 folds\n")
    print(
        "| row | top-1 % | 95 % | fit s | predict s | paper, 250 classes |\n| --- | --- | --- | --- | --- | --- |"
    )
    for row in results["rows"].values():
        if not row["folds"]:
            continue
        low, high = (100 * bound for bound in row["interval"])
        if "seconds" in row:
            times = [f"{row['seconds']:.0f} in all", ""]
        else:
            times = [
                f"{np.mean([fold[key] for fold in row['folds']]):.0f}"
                for key in ("fit_seconds", "predict_seconds")
            ]
        left = "" if row["complete"] else f" ({len(row['folds'])} of 3 folds)"
        paper = row["paper_percent_250_classes"] or ""
        print(
            f"| {row['about']}{left} | {100 * row['top1']:.1f} | {low:.1f} to {high:.1f} | {' | '.join(times)} | {paper} |"
        )


if __name__ == "__main__":
    main()
