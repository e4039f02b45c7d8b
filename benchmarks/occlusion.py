"""What occlusion maps cost: incremental evaluation, against batched forward passes and against captum.

    python benchmarks/occlusion.py [--quick] [--threads N] [--processor-time]

Everything that is compared is timed in turns in one process with the same number of threads; printed are medians. The
forward passes get the fastest of several batch sizes and of both memory formats, and so does captum with its
`perturbations_per_eval`. The networks have random weights and the pictures are noise or a drawing: the time depends on
their shapes, and on which pixels a patch changes. Patches of 32 pixels are FeatureVis's example; its stride is 16, and
maps as fine as in Zeiler & Fergus's figure need about 8. On a busy machine the clock also counts what others do:
there take one thread and the processor time.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import captum.attr
import numpy as np
import torch
import torchvision
from torch import Tensor, nn

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.visualization.input_modification._forward import evaluate, run_forward
from sketchwidgets.visualization.input_modification._patches import Patches, filling, grid

BATCHES = (8, 16, 32)
clock = time.perf_counter


def medians(repeats: int, **calls: Callable[[], object]) -> dict[str, float]:
    """Median milliseconds of each call, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(1e3 * (clock() - start))
    return {name: statistics.median(spent) for name, spent in times.items()}


def alexnet() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None).eval().requires_grad_(False), torch.rand(1, 3, 224, 224)


def sketch_a_net(ink: bool) -> tuple[nn.Module, Tensor]:
    """ink: a drawing; else noise, of which every patch changes every pixel."""
    torch.manual_seed(0)
    turns = np.linspace(0, 4 * np.pi, 60)
    strokes = [np.stack([x + r * np.cos(turns), y + r * np.sin(turns)], 1) for x, y, r in _CIRCLES]
    image = sw.rasterize([sw.Sketch(strokes)]) if ink else torch.rand(1, 1, 225, 225)
    return SketchANet().eval().requires_grad_(False), image


_CIRCLES = [(100, 100, 80), (70, 80, 12), (130, 80, 12), (100, 120, 30), (40, 180, 25), (160, 180, 25)]


class Plainly:
    """The same maps by forward passes of whole images, at the fastest batch size and memory format."""

    def __init__(self, model: nn.Module, image: Tensor, size: int, stride: int, fill: str) -> None:
        boxes = grid(tuple(image.shape[2:]), (size, size), (stride, stride), overhang=False).reshape(-1, 4)
        self.patches = Patches(image, filling(image, fill, 0), boxes)
        self.model = model
        _, self.layer, self.before = run_forward(model, image, None)
        self.channel = int(self.before[0].sum((1, 2)).argmax())
        some = Patches(image, self.patches.filling, boxes[: 2 * max(BATCHES)])
        spent = {
            (batch, form): min(_time(lambda b=batch, f=form: self.run(b, f, some)) for _ in range(2))
            for batch in BATCHES
            for form in (torch.contiguous_format, torch.channels_last)
        }
        self.batch, self.form = min(spent, key=spent.get)

    def run(
        self,
        batch: int | None = None,
        form: torch.memory_format | None = None,
        patches: Patches | None = None,
    ) -> None:
        patches = patches or self.patches
        form = form or self.form
        self.model.to(memory_format=form)
        image = patches.image
        patches.image = image.to(memory_format=form)
        for _, _, output in evaluate(
            self.model, patches, self.layer, self.channel, self.before, batch or self.batch
        ):
            output.softmax(1)
        patches.image = image
        self.model.to(memory_format=torch.contiguous_format)

    def __repr__(self) -> str:
        return f"batch {self.batch}, {str(self.form).removeprefix('torch.')}"


class Captum:
    """captum's Occlusion of the target's probability, at its fastest number of perturbations per evaluation."""

    def __init__(
        self, model: nn.Module, image: Tensor, size: int, stride: int, fill: str, target: int
    ) -> None:
        self.method = captum.attr.Occlusion(lambda images: model(images).softmax(1))
        baseline = filling(image, fill, 0)[None]

        def run(batch: int, image: Tensor = image, stride: int = stride) -> Tensor:
            return self.method.attribute(
                image,
                sliding_window_shapes=(image.shape[1], size, size),
                strides=(image.shape[1], stride, stride),
                baselines=baseline,
                target=target,
                perturbations_per_eval=batch,
            )

        self._run = run
        spent = {
            batch: min(_time(lambda b=batch: run(b, stride=size)) for _ in range(2))
            for batch in (1, *BATCHES)
        }
        self.batch = min(spent, key=spent.get)

    def run(self) -> Tensor:
        return self._run(self.batch)


def _time(call: Callable[[], object]) -> float:
    start = clock()
    call()
    return clock() - start


def largest_difference(model: nn.Module, image: Tensor, **options: object) -> float:
    """Between both ways, relative to the largest magnitude, over all maps."""
    ours, plain = (
        sw.occlusion(model, image, method=method, progress=False, **options)
        for method in ("incremental", "forward")
    )
    pairs = [
        (getattr(ours, name), getattr(plain, name)) for name in ("activity", "probability", "change", "heat")
    ]
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


def compare(
    title: str,
    model: nn.Module,
    image: Tensor,
    size: int,
    stride: int,
    fill: str,
    repeats: int,
) -> None:
    options = {"size": size, "stride": stride, "fill": fill}
    found = sw.occlusion(model, image, progress=False, **options)
    assert found.method == "incremental"
    plainly = Plainly(model, image, size, stride, fill)
    peer = Captum(model, image, size, stride, fill, found.target)
    spent = medians(
        repeats,
        ours=lambda: sw.occlusion(model, image, progress=False, **options),
        forward=plainly.run,
        captum=peer.run,
    )
    against_forward, against_captum = (spent[name] / spent["ours"] for name in ("forward", "captum"))
    changing = len(plainly.patches.changed())
    print(
        f"{title}: {size} px every {stride} px, fill {fill!r}, {changing} of {plainly.patches.count} patches change a pixel"
    )
    print(f"  whole forward passes ({plainly})".ljust(66) + f"{spent['forward']:9.0f} ms")
    print(
        f"  captum Occlusion ({peer.batch} perturbations per evaluation)".ljust(66)
        + f"{spent['captum']:9.0f} ms"
    )
    print("  sketchwidgets.occlusion".ljust(66) + f"{spent['ours']:9.0f} ms")
    print("  ratio to forward passes".ljust(66) + f"{against_forward:9.2f}" + "   (at least 3)")
    print("  ratio to captum".ljust(66) + f"{against_captum:9.2f}" + "   (at least 4)")
    difference = largest_difference(model, image, size=size, stride=4 * stride, fill=fill)
    print(
        "  largest relative difference of a map".ljust(66) + f"{difference:9.1e}   (at most 1e-4)", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="time everything once")
    parser.add_argument("--threads", type=int, help="threads of arithmetic (default: PyTorch's)")
    parser.add_argument("--processor-time", action="store_true", help="of all threads, instead of the clock")
    options = parser.parse_args()
    if options.processor_time:
        global clock
        clock = time.process_time
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    repeats = 1 if options.quick else 5
    compare("AlexNet 224", *alexnet(), 32, 8, "mean", repeats)
    compare("Sketch-a-Net 225, noise", *sketch_a_net(ink=False), 32, 8, "mean", repeats)
    compare("Sketch-a-Net 225, a drawing", *sketch_a_net(ink=True), 32, 8, "paper", repeats)
    # Coarser maps, for which the one recorded pass and the transforms of the kernels weigh more.
    compare("AlexNet 224", *alexnet(), 32, 16, "mean", repeats)
    compare("Sketch-a-Net 225, noise", *sketch_a_net(ink=False), 32, 16, "mean", repeats)


if __name__ == "__main__":
    main()
