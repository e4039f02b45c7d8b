"""Visualisation methods compared, and networks compared: the picture tables of Grün et al. (ICML workshop 2016).

The first table shows for one network what speaks for the class of a drawing, by methods of all three kinds: occlusion
(input modification), gradient, deconvnet, guided backprop and relevance propagation (deconvolution), inversion and
maximisation (input reconstruction). The second shows guided backprop of several networks, with untrained ones as a
control. Beside the pictures, what can be counted: how much of a map lies on the lines, how alike maps of two
classes are, and maps of a network before and after training.

What differs from the paper: drawings, where it shows photographs, through networks that were taught drawings: the
bundled ones, and AlexNet, VGG-16, GoogLeNet, ResNet-18 and EfficientNet-Lite0, which the study teaches itself. Relevance
propagation, reconstructions and all numbers are ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from sketchwidgets.sketch import Sketch
from sketchwidgets.studies._checksum import checksum, of_network
from sketchwidgets.studies._drawings import opened
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies._settings import plan_of, settings, slug_of
from sketchwidgets.studies.pictures import _maps
from sketchwidgets.studies.pictures._chosen import chosen_drawings
from sketchwidgets.studies.pictures._encoding import as_bytes, encode, reduced
from sketchwidgets.studies.pictures._networks import BUNDLED, PHOTOGRAPHS, Shown, of_photographs, open_network
from sketchwidgets.studies.pictures._plan import LITE, NetworkPlan, PicturePlan
from sketchwidgets.studies.pictures._result import MethodComparison, NetworkComparison, PictureRow
from sketchwidgets.studies.pictures._taught import learnt_from, part_of, teach
from sketchwidgets.training import DrawingSet
from sketchwidgets.visualization import Network

DIFFERENCES = (
    "drawings and networks of drawings, where the paper shows photographs through AlexNet, VGG, GoogLeNet and ResNets",
    "relevance propagation, reconstructions and all numbers are not of the paper",
)
NETWORK_DIFFERENCES = (
    "drawings, where the paper shows photographs, and networks that were taught drawings",
    "the bundled networks, EfficientNet-Lite0, untrained networks and all numbers are not of the paper",
)
SMALL_DIFFERENCES = (
    "AlexNet, VGG-16, GoogLeNet and ResNet-18 begin with random weights, not with ImageNet's, and learn few classes for a "
    "few minutes, at 128 pixels; VGG-16 has a quarter of its channels",
)
_AT_ONCE = 25
RULE = "the first held-out drawings, in a random order, that {} names right, each of another class"


def method_comparison(
    data: str | Path | DrawingSet,
    folder: str | Path = "runs/method-comparison",
    plan: PicturePlan | str = "small",
    *,
    network: Any = None,
    methods: tuple[str, ...] = _maps.METHODS,
    progress: bool = True,
    callback: Callable[[PictureRow], bool | None] | None = None,
) -> MethodComparison:
    """One network by every method, on drawings chosen at random.

    Rows that are done stay in `folder`, and a run that was cut off goes on from there.

    Parameters
    ----------
    data : labelled drawings, see `DrawingSet.load`, of classes that the network knows.
    plan : "small", "full" or a `PicturePlan` of your own.
    network : a `sw.Recognizer`, its name or path; None: the default recogniser.
    methods : rows of the table, of "occlusion", "gradient", "deconvnet", "guided backprop", "relevance", "inversion",
        "maximisation".
    progress : whether a bar is shown.
    callback : called with each row; False ends the study with the rows so far.

    Raises ValueError for an unknown method, classes that the network does not know, too few drawings that it names
    right, and a folder that holds another study.

    >>> plan = sw.studies.PicturePlan(shown=4, measured=100)
    >>> found = sw.studies.method_comparison("quickdraw345.npz", plan=plan)  # doctest: +SKIP
    """
    plan = plan_of(plan, PicturePlan)
    unknown = [method for method in methods if method not in _maps.METHODS]
    if unknown:
        raise ValueError(f"methods must be of {', '.join(_maps.METHODS)}, not {unknown[0]!r}")
    drawings = opened(data)
    kept = StudyFolder(folder, {"data": checksum(drawings)})
    name, source = next(iter(BUNDLED.items())) if network is None else ("network", network)
    shown = open_network(name, source, plan.seed)
    kept.belong_to({"network": of_network(shown.network)}, "weights")
    table = _Table(drawings, shown.network, plan, kept)
    rows: list[PictureRow] = []
    for method in tqdm(("drawing", *methods), "methods", disable=not progress):
        rows.append(table.row(Shown(shown.network), method))
        facts = {"network": shown.network.name, "methods": list(methods)}
        result = MethodComparison(tuple(rows), table.settings("method-comparison", data, **facts))
        result.save(kept.path / "result.json")
        if callback is not None and callback(rows[-1]) is False:
            break
    return result


def network_comparison(
    data: str | Path | DrawingSet,
    folder: str | Path = "runs/network-comparison",
    plan: NetworkPlan | str = "small",
    *,
    networks: Mapping[str, Any] | None = None,
    method: str = "guided backprop",
    progress: bool = True,
    callback: Callable[[PictureRow], bool | None] | None = None,
) -> NetworkComparison:
    """Guided backprop of several networks and of the same ones untrained, on drawings chosen at random.

    Networks that the plan has taught are trained first, in `folder`/networks; a run that was cut off goes on from there.

    Parameters
    ----------
    data, folder, progress, callback : as for `method_comparison`.
    plan : "small", "full" or a `NetworkPlan` of your own; one without `taught` takes a minute.
    networks : name -> recogniser, `sw.Network`, or a file of a network that a study has left. The first decides
        which drawings are shown, and must know all their classes. None: the bundled recognisers and, where the extra
        `imagenet` is installed, EfficientNet-Lite0, which has learnt photographs.
    method : that of all rows.

    Raises ValueError as `method_comparison` does.
    """
    plan = plan_of(plan, NetworkPlan)
    if method not in (_maps.MODIFICATION, *_maps.PROJECTIONS):
        raise ValueError(f"method must make a map of the drawing, not {method!r}")
    networks, left_out = dict(BUNDLED if networks is None else networks), {}
    taught, missing = (
        {one.name: one for one in plan.taught},
        "the extra sketchwidgets[imagenet] is not installed",
    )
    if twice := set(networks) & set(taught):
        raise ValueError(f"networks and plan.taught both have one called {min(twice)!r}")
    photographs = of_photographs()
    if photographs is None:
        asked = [name for name, one in taught.items() if one.network == LITE]
        left_out = {name: missing for name in asked}
        taught = {name: one for name, one in taught.items() if name not in asked}
    drawings = opened(data)
    kept = StudyFolder(folder, {"data": checksum(drawings)})
    drawings = part_of(drawings, plan)
    shown = {name: open_network(name, source, plan.seed) for name, source in networks.items()}
    known = {f"networks[{name!r}]": of_network(one.network) for name, one in shown.items()}
    kept.belong_to(known, "weights")
    table = _Table(drawings, next(iter(shown.values())).network, plan, kept)
    for name, one in tqdm(taught.items(), "taught", disable=not progress or not taught):
        shown[name] = teach(one, drawings, plan, kept, progress)
    if list(networks)[: len(BUNDLED)] == list(BUNDLED):
        if photographs is None:
            left_out[PHOTOGRAPHS] = missing
        else:
            shown[PHOTOGRAPHS] = Shown(photographs)
    asked = [(next(iter(shown)), "drawing", False)]
    asked += [(name, method, False) for name in shown]
    asked += [(name, method, True) for name, one in shown.items() if one.untrained is not None]
    differences = NETWORK_DIFFERENCES + (SMALL_DIFFERENCES if plan.scale == "small" else ())
    rows: list[PictureRow] = []
    for name, how, untrained in tqdm(asked, "networks", disable=not progress):
        one = Shown(shown[name].untrained) if untrained else shown[name]
        about = {"taught": taught[name].to_dict()} if name in taught else {}
        rows.append(table.row(one, how, counted=how == method and not untrained, **about))
        facts = {
            "networks": list(shown),
            "left_out": left_out,
            "method": method,
            "taught": {name: one.to_dict() for name, one in taught.items()},
            "taught_drawings": len(learnt_from(drawings, plan)) if taught else 0,
        }
        result = NetworkComparison(
            tuple(rows), table.settings("network-comparison", data, differences=differences, **facts)
        )
        result.save(kept.path / "result.json")
        if callback is not None and callback(rows[-1]) is False:
            break
    return result


class _Table:
    """The drawings of a table, and its rows."""

    def __init__(self, drawings: DrawingSet, first: Network, plan: PicturePlan, kept: StudyFolder) -> None:
        self.drawings, self.plan, self.kept, self.first = drawings, plan, kept, first.name
        with kept.count("choosing"):
            self.chosen = chosen_drawings(drawings, first, plan.measured, plan.seed)
        self.sketches = [Sketch(drawings.strokes(index)) for index in self.chosen]
        self.labels = [drawings.classes[drawings.label[index]] for index in self.chosen]

    def row(self, shown: Shown, method: str, counted: bool = False, **about: Any) -> PictureRow:
        """A row, from the disk where it has been made.

        counted : whether the drawings that the network names right are counted. about : what else it depends on.
        """
        name = f"{shown.network.name}, {method}"
        asked = self.plan.to_dict() | {"drawings": self._key_ids(), "network": str(shown.network)} | about

        def made() -> dict[str, Any]:
            row = self._row(shown, method)
            return (self._counted(row, shown.network) if counted else row).to_dict()

        with self.kept.count(name):
            return PictureRow.from_dict(self.kept.row(slug_of(name), asked, made))

    def _counted(self, row: PictureRow, network: Network) -> PictureRow:
        """The row with how many held-out drawings the network names right, where it knows their classes."""
        classes, known = self.drawings.classes, network.classes or ()
        if not set(classes) <= set(known):
            return row
        columns, apart, right = [known.index(name) for name in classes], self.drawings.split()[1], 0
        for first in range(0, len(apart), _AT_ONCE):
            chosen = apart[first : first + _AT_ONCE]
            images = torch.cat([network.prepare(Sketch(self.drawings.strokes(index))) for index in chosen])
            said = network.scores(images)[:, columns].argmax(1).cpu().numpy()
            right += int((said == self.drawings.label[chosen]).sum())
        return replace(row, right=right, total=len(apart))

    def _row(self, shown: Shown, method: str) -> PictureRow:
        network, plan = shown.network, self.plan
        if method == "drawing":
            images = [network.prepare(sketch) for sketch in self.sketches[: plan.shown]]
            pictures = tuple(_encoded(_maps.paper(network, image)) for image in images)
            return PictureRow(network.name, method, "drawing", pictures, captions=self._said(network, images))
        if method in _maps.RECONSTRUCTION:
            return self._reconstructed(network, method)
        pictures, under, on_ink, other, untrained = [], [], [], [], []
        captions: list[str] = []
        for place, sketch in enumerate(self.sketches):
            image = network.prepare(sketch)
            order = network.scores(image)[0].argsort(descending=True).tolist()
            label, known = self.labels[place], network.classes or ()
            target = known.index(label) if label in known else order[0]
            second = next(index for index in order if index != target)
            heat, paper = _maps.class_map(network, image, target, method), _maps.paper(network, image)
            near = _maps.near_ink(paper)
            on_ink.append(round(_maps.ink_share(heat, near), 4))
            other_heat = _maps.class_map(network, image, second, method)
            other.append(round(_maps.correlation(heat, other_heat, near), 4))
            if shown.untrained is not None:
                control = _maps.class_map(shown.untrained, image, target, method)
                untrained.append(round(_maps.correlation(heat, control, near), 4))
            if place < plan.shown:
                pictures.append(_encoded(_maps.strength(heat)))
                under.append(_encoded(paper))
                probability = float(network.scores(image)[0][target])
                captions.append(f"{network.class_name(target)} {100 * probability:.0f} %")
        numbers = (tuple(values) for values in (on_ink, other, untrained))
        return PictureRow(
            network.name, method, "heat", tuple(pictures), tuple(under), tuple(captions), *numbers
        )

    def _reconstructed(self, network: Network, method: str) -> PictureRow:
        pictures, captions = [], []
        for sketch, label in zip(self.sketches[: self.plan.shown], self.labels, strict=False):
            image, target = network.prepare(sketch), network.classes.index(label)
            made = _maps.reconstruction(network, image, target, method, self.plan.seed)
            pictures.append(_encoded(made))
            captions.append(label)
        return PictureRow(network.name, method, "picture", tuple(pictures), captions=tuple(captions))

    def _said(self, network: Network, images: list[Tensor]) -> tuple[str, ...]:
        best = [network.top(image, 1)[0][0] for image in images]
        return tuple(f"{name} {100 * probability:.0f} %" for name, probability in best)

    def _key_ids(self) -> list[str]:
        return [str(self.drawings.key_id[index]) for index in self.chosen]

    def settings(
        self, study: str, data: object, differences: tuple[str, ...] = DIFFERENCES, **facts: Any
    ) -> dict[str, Any]:
        """What was done, for the result."""
        plan = self.plan
        return settings(
            study,
            data,
            plan.scale,
            plan.seed,
            self.kept.cpu_seconds(),
            differences=differences,
            packages=("scipy",),
            rule=RULE.format(self.first),
            shown_drawings=plan.shown,
            measured_drawings=plan.measured,
            key_ids=self._key_ids(),
            classes=self.labels,
            **facts,
        )


def _encoded(values: Tensor) -> str:
    return encode(as_bytes(reduced(values.detach().cpu().float())))
