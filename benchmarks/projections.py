"""What projections cost, against captum's loop over units and against one forward and backward pass.

    python benchmarks/projections.py [--quick] [--threads N]

Everything that is compared is timed in turns in one process with the same number of threads; printed are medians. The
networks have random weights: the time depends on their shapes.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import captum.attr
import numpy as np
import torch
import torchvision
from torch import Tensor, nn

import sketchwidgets as sw
from sketchwidgets.models.sketch_a_net import SketchANet

TOP = 9
ALEXNET_LAYERS = [f"features.{i}" for i in (1, 4, 7, 9, 11)]
SKETCH_A_NET_LAYERS = [f"relu{i}" for i in range(1, 6)]


def medians(repeats: int, **calls: Callable[[], object]) -> dict[str, float]:
    """Median milliseconds of each call, taken in turns after one round of warming up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn:
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(spent) for name, spent in times.items()}


def alexnet() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None).eval().requires_grad_(False), torch.rand(1, 3, 224, 224)


def sketch_a_net() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    turns = np.linspace(0, 4 * np.pi, 60)
    strokes = [np.stack([x + r * np.cos(turns), y + r * np.sin(turns)], 1) for x, y, r in _CIRCLES]
    return SketchANet().eval().requires_grad_(False), sw.rasterize([sw.Sketch(strokes)])


_CIRCLES = [(100, 100, 80), (70, 80, 12), (130, 80, 12), (100, 120, 30), (40, 180, 25), (160, 180, 25)]


def captum_loop(model: nn.Module, image: Tensor, units: sw.visualization.Projections) -> dict[str, Tensor]:
    """Guided backpropagation of every unit by captum: {layer: (top, C, H, W)}."""
    results = {}
    for layer, chosen in units.items():
        rows = []
        for channel, position in zip(chosen.channels[0].tolist(), chosen.positions[0].tolist(), strict=True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it sets hooks
                # A fresh object per call: captum keeps the hooks of every earlier call.
                method = captum.attr.NeuronGuidedBackprop(model, model.get_submodule(layer))
                rows.append(method.attribute(image, neuron_selector=(channel, *position))[0])
        results[layer] = torch.stack(rows).detach()
    return results


def against_captum(repeats: int) -> None:
    model, image = alexnet()

    def ours() -> sw.visualization.Projections:
        return sw.project(model, image, ALEXNET_LAYERS, TOP, "guided", seed="unit", ties="first")

    units = ours()
    theirs = captum_loop(model, image, units)
    difference = max(
        float((units[layer].images[0] - theirs[layer]).abs().max() / theirs[layer].abs().max())
        for layer in ALEXNET_LAYERS
    )
    spent = medians(repeats, ours=ours, captum=lambda: captum_loop(model, image, units))
    print(f"AlexNet, 5 layers x {TOP} units, guided backpropagation")
    print(f"  captum NeuronGuidedBackprop, one unit after the other  {spent['captum']:9.1f} ms")
    print(f"  sketchwidgets.project                                  {spent['ours']:9.1f} ms")
    print(
        f"  ratio                                                  {spent['captum'] / spent['ours']:9.1f}   (at least 14)"
    )
    print(f"  largest relative difference                            {difference:9.1e}   (at most 1e-5)")


def against_a_backward_pass(
    name: str, model: nn.Module, image: Tensor, layers: list[str], limit: float, repeats: int
) -> None:
    def forward() -> None:
        with torch.no_grad():
            model(image)

    def forward_backward() -> None:
        pixels = image.clone().requires_grad_()
        torch.autograd.grad(model(pixels)[0, 0], pixels)

    calls = {
        rule: lambda rule=rule: sw.project(model, image, layers, TOP, rule)
        for rule in ("deconvnet", "guided", "backprop")
    }
    spent = medians(
        repeats,
        forward=forward,
        forward_backward=forward_backward,
        record=lambda: sw.record(model, image, layers),
        **calls,
    )
    print(f"{name}, all-layer top-{TOP} panels: 5 layers x {TOP} units")
    print(f"  bare forward                                           {spent['forward']:9.1f} ms")
    print(f"  recorded forward                                       {spent['record']:9.1f} ms")
    print(
        f"  ratio                                                  {spent['record'] / spent['forward']:9.2f}"
    )
    print(f"  forward + backward of one class score                  {spent['forward_backward']:9.1f} ms")
    for rule in calls:
        ratio = spent[rule] / spent["forward_backward"]
        print(f"  all panels, {rule:<9}                                  {spent[rule]:9.1f} ms")
        print(f"  ratio                                                  {ratio:9.2f}   (at most {limit})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats")
    parser.add_argument("--threads", type=int, help="threads of arithmetic (default: PyTorch's)")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    repeats = 5 if options.quick else 25
    against_a_backward_pass("Sketch-a-Net", *sketch_a_net(), SKETCH_A_NET_LAYERS, 3.0, repeats)
    against_a_backward_pass("AlexNet", *alexnet(), ALEXNET_LAYERS, 1.6, repeats)
    against_captum(2 if options.quick else 7)


if __name__ == "__main__":
    main()
