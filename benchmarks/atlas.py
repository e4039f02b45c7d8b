"""What an atlas costs while it reads a data set, against the bare forward pass of the same batches.

    python benchmarks/atlas.py [--quick] [--threads N] [--device cuda]

An atlas looks at every activation of every layer, reduces it and merges it into the running top nine. Both are timed
in turns in one process on the same batches; printed are medians. The networks have random weights: the time depends
on their shapes. The images are random, which is the hardest case: the top nine change in every batch.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torchvision
from torch import Tensor, nn

from sketchwidgets.models import SketchANet
from sketchwidgets.visualization.feature_atlas._progress import Teller
from sketchwidgets.visualization.feature_atlas._source import as_source
from sketchwidgets.visualization.feature_atlas._stream import Reading, read_all
from sketchwidgets.visualization.feature_atlas._subject import find_subject

TOP = 9
LIMIT = 0.85


def medians(repeats: int, device: str, **calls: Callable[[], object]) -> dict[str, float]:
    """Median seconds of each call, taken in turns after one round of warming up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if device == "cuda":
                torch.cuda.synchronize()
            if turn:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(spent) for name, spent in times.items()}


def compare(
    name: str,
    model: nn.Module,
    images: Tensor,
    layers: list[str] | None,
    batch: int,
    repeats: int,
    device: str,
) -> None:
    model, batches = model.eval().to(device), list(images.to(device).split(batch))
    subject = find_subject(model, images[:1], layers, None, None)
    source = as_source(batches)

    @torch.inference_mode()
    def bare() -> None:
        for part in batches:
            model(part)

    def reading() -> None:
        read_all(subject, source, TOP, None, Reading({}), Teller(False, None), lambda: None)

    spent = medians(repeats, device, bare=bare, atlas=reading)
    channels = sum(facts.channels for facts in subject.layers.values())
    print(f"{name}, {len(subject.layers)} layers, {channels} channels, batches of {batch}")
    print(f"  bare forward               {len(images) / spent['bare']:9.1f} images a second")
    print(f"  atlas, reading             {len(images) / spent['atlas']:9.1f} images a second")
    print(f"  ratio                      {spent['bare'] / spent['atlas']:9.2f}   (at least {LIMIT})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats")
    parser.add_argument("--threads", type=int, help="threads of arithmetic (default: PyTorch's)")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {options.device}, {torch.get_num_threads()} threads")
    repeats = 3 if options.quick else 11
    torch.manual_seed(0)
    count = 64 if options.device == "cpu" else 2048
    drawings = (torch.rand(count, 1, 225, 225) > 0.9).float()
    relus = [f"relu{i}" for i in range(1, 8)]
    compare("Sketch-a-Net", SketchANet(), drawings, relus, 32, repeats, options.device)
    photos = torch.rand(count // 2, 3, 224, 224)
    compare("ResNet-18", torchvision.models.resnet18(weights=None), photos, None, 16, repeats, options.device)


if __name__ == "__main__":
    main()
