"""What projections cost: all layers x the 9 strongest units, over captum's loop and over one forward and backward pass.

    python benchmarks/projections.py                                  # all networks; captum's loop over VGG-16 takes long
    python benchmarks/projections.py --networks alexnet sketch_a_net --repeats 15
    python benchmarks/projections.py --cpu-time                       # one thread, its processor time: for a busy machine

Everything that is compared is timed in turns in one process with the same number of threads; printed are medians. The
networks have random weights: the time depends on their shapes. captum's loop calls NeuronGuidedBackprop for one unit
after the other, with units that are known beforehand; ours includes finding them.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import captum.attr
import numpy as np
import torch
import torchvision
from torch import Tensor, nn

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.visualization import Projections

TOP = 9
clock = time.perf_counter


@dataclass(frozen=True)
class Network:
    """What is measured of a network; a bound of None is not stated.

    captum : at least so many times faster than captum's loop; captum_bfloat16 : the same with the signal in bfloat16.
    backward : at most so many times one forward and backward pass.
    """

    title: str
    make: Callable[[], tuple[nn.Module, Tensor]]
    layers: list[str]
    captum: float
    captum_bfloat16: float | None = None
    backward: float | None = None
    repeats: int = 9


def photo_network(name: str) -> Callable[[], tuple[nn.Module, Tensor]]:
    def make() -> tuple[nn.Module, Tensor]:
        torch.manual_seed(0)
        model = getattr(torchvision.models, name)(weights=None)
        return model.eval().requires_grad_(False), torch.rand(1, 3, 224, 224)

    return make


def sketch_a_net() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    turns = np.linspace(0, 4 * np.pi, 60)
    strokes = [np.stack([x + r * np.cos(turns), y + r * np.sin(turns)], 1) for x, y, r in _CIRCLES]
    return SketchANet().eval().requires_grad_(False), sw.rasterize([sw.Sketch(strokes)])


_CIRCLES = [(100, 100, 80), (70, 80, 12), (130, 80, 12), (100, 120, 30), (40, 180, 25), (160, 180, 25)]

NETWORKS = {
    "alexnet": Network(
        "AlexNet", photo_network("alexnet"), [f"features.{i}" for i in (1, 4, 7, 9, 11)], 16, backward=1.5
    ),
    "sketch_a_net": Network(
        "Sketch-a-Net", sketch_a_net, [f"relu{i}" for i in range(1, 6)], 13, backward=3.0
    ),
    "resnet18": Network(
        "ResNet-18",
        photo_network("resnet18"),
        [f"layer{i}.{j}" for i in range(1, 5) for j in (0, 1)],
        8,
        repeats=5,
    ),
    "vgg16": Network(
        "VGG-16",
        photo_network("vgg16"),
        [f"features.{i}" for i in (1, 3, 6, 8, 11, 13, 15, 18, 20, 22, 25, 27, 29)],
        10,
        captum_bfloat16=16,
        repeats=2,
    ),
}


def medians(repeats: int, calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median milliseconds of each call, taken in turns."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = clock()
            call()
            times[name].append(1e3 * (clock() - start))
    return {name: statistics.median(spent) for name, spent in times.items()}


def captum_loop(model: nn.Module, image: Tensor, units: Projections) -> dict[str, Tensor]:
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


def difference(ours: Projections, theirs: dict[str, Tensor]) -> float:
    """The largest difference over all layers, relative to the largest value."""
    return max(
        float((ours[layer].images[0] - images).abs().max() / images.abs().max())
        for layer, images in theirs.items()
    )


def measure(network: Network, repeats: int | None) -> None:
    model, image = network.make()

    def forward() -> None:
        with torch.no_grad():
            model(image)

    def forward_backward() -> None:
        pixels = image.clone().requires_grad_()
        torch.autograd.grad(model(pixels)[0, 0], pixels)

    def ours(**options: object) -> Projections:
        return sw.project(model, image, network.layers, TOP, "guided", signal="unit", ties="first", **options)

    def panels(rule: str) -> Callable[[], Projections]:
        return lambda: sw.project(model, image, network.layers, TOP, rule)

    calls: dict[str, Callable[[], object]] = {"forward": forward, "forward + backward": forward_backward}
    calls["recorded forward"] = lambda: sw.record(model, image, network.layers)
    calls |= {f"panels, {rule}": panels(rule) for rule in ("deconvnet", "guided", "backprop")}
    calls["panels for captum"] = ours
    if network.captum_bfloat16:
        calls["panels, bfloat16"] = lambda: ours(dtype=torch.bfloat16)
    for call in calls.values():
        call()
    units = ours()
    off = difference(units, captum_loop(model, image, units))
    calls["captum's loop"] = lambda: captum_loop(model, image, units)
    spent = medians(repeats or network.repeats, calls)

    print(f"{network.title}, {len(network.layers)} layers x {TOP} units, guided unless stated")
    for name in calls:
        if name != "panels for captum":
            print(f"  {name:52} {spent[name]:9.1f} ms")
    at_least("captum over ours", spent["captum's loop"] / spent["panels for captum"], network.captum)
    if network.captum_bfloat16:
        ratio = spent["captum's loop"] / spent["panels, bfloat16"]
        at_least("captum over ours in bfloat16", ratio, network.captum_bfloat16)
        rounded = ours(dtype=torch.bfloat16)
        exact = {layer: units[layer].images[0] for layer in network.layers}
        print(f"  {'largest relative difference of bfloat16':52} {difference(rounded, exact):9.1e}")
    if network.backward:
        for rule in ("deconvnet", "guided", "backprop"):
            ratio = spent[f"panels, {rule}"] / spent["forward + backward"]
            verdict = "yes" if ratio <= network.backward else "NO"
            name = f"{rule} over forward + backward"
            print(f"  {name:52} {ratio:9.2f}     at most {network.backward}: {verdict}")
    print(
        f"  {'largest relative difference from captum':52} {off:9.1e}     at most 1e-5: {'yes' if off <= 1e-5 else 'NO'}"
    )


def at_least(name: str, ratio: float, bound: float) -> None:
    print(f"  {name:52} {ratio:9.1f}     at least {bound:g}: {'yes' if ratio >= bound else 'NO'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--repeats", type=int, help="measurements of each side (default: 9 to 2, by network)")
    parser.add_argument("--threads", type=int, help="threads of arithmetic (default: PyTorch's)")
    parser.add_argument("--cpu-time", action="store_true", help="processor time of one thread")
    options = parser.parse_args()
    if options.cpu_time:
        global clock
        clock = time.thread_time
        options.threads = 1
    if options.threads:
        torch.set_num_threads(options.threads)
    kind = "processor" if options.cpu_time else "wall"
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {kind} time")
    for name in options.networks:
        measure(NETWORKS[name], options.repeats)


if __name__ == "__main__":
    main()
