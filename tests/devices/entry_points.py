"""The public entry points, each run once on the device that `given` has; for `run_entry_points.py`.

An entry point returns what is to be compared: tensors, arrays and numbers, in lists, mappings and dataclasses.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn
from torchvision.models import squeezenet1_1

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.models.ensemble import MultiScale
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.studies.online import _study
from sketchwidgets.studies.online._cnn import ReadyCNN
from sketchwidgets.studies.online._plan import StudyCNN
from sketchwidgets.training.inputs.features import PrefixFeatures
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe, RecurrentTraining

HOUSE = [
    [(40, 95), (41, 195), (162, 196), (161, 94)],
    [(25, 97), (101, 28), (178, 98), (24, 97)],
    [(80, 195), (80, 150), (110, 150), (110, 195)],
]
LAYERS = ["stage1.0.relu2", "stage3.0.relu2"]
RULES = ("deconvnet", "guided", "backprop", "relevance")

ENTRY_POINTS: dict[str, Callable[[], Any]] = {}


def entry_point(name: str) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    def kept(function: Callable[[], Any]) -> Callable[[], Any]:
        ENTRY_POINTS[name] = function
        return function

    return kept


class Given:
    """What entry points are given, made when first asked for."""

    def __init__(self) -> None:
        self.device: Any = "cpu"
        self.made: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.made:
            self.made[name] = make()
        return self.made[name]

    @property
    def house(self) -> Any:
        return self.once("house", lambda: sw.Sketch(HOUSE))

    @property
    def recognizer(self) -> Any:
        """The bundled one."""
        return self.once("recognizer", lambda: sw.Recognizer.load(device=self.device))

    @property
    def squeezenet(self) -> Any:
        """A network of torchvision as a `sw.Network`, with random weights."""
        return self.once(
            "squeezenet",
            lambda: sw.Network(
                seeded(lambda: squeezenet1_1().eval()).to(self.device), size=64, mean=0.5, std=0.25
            ),
        )

    @property
    def small(self) -> Any:
        """Two convolutions with an average pool whose windows are not all of one size."""

        def make() -> nn.Module:
            pool = nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False)
            return nn.Sequential(
                nn.Conv2d(1, 6, 5, 2, 1),
                nn.ReLU(),
                pool,
                nn.Conv2d(6, 4, 3),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(196, 3),
            )

        return self.once("small", lambda: seeded(make).eval().to(self.device, torch.float32))

    @property
    def images(self) -> Any:
        """(4, 1, 33, 33), on the device."""
        return seeded(lambda: torch.rand(4, 1, 33, 33)).to(self.device)


given = Given()


def seeded(make: Callable[[], Any]) -> Any:
    """What `make` makes from the same random numbers on every device: on the CPU."""
    torch.manual_seed(3)
    return make()


def shown(result: Any) -> Any:
    """A result after it has been looked at, as by Jupyter."""
    repr(result)
    result._repr_html_()
    return result


@entry_point("recognize")
def _recognize() -> Any:
    return [given.recognizer.recognize(given.house), given.recognizer.recognize_many([given.house] * 2)]


@entry_point("session")
def _session() -> Any:
    session = given.recognizer.session()
    for stroke in given.house:
        session.add(stroke)
    session.undo()
    looked = [session.preview(HOUSE[2]), session.image(1), session.image()]
    return [*looked, session.add(HOUSE[2])]


@entry_point("sparsify")
def _sparsify() -> Any:
    return shown(sw.sparsify(given.recognizer, given.house, progress=False))


def _project(rule: str) -> Any:
    bundled = sw.project(given.recognizer, given.house, LAYERS, top=3, rule=rule)
    photo = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    torchvision = sw.project(given.squeezenet, photo, ["features.3.expand3x3_activation"], top=2, rule=rule)
    small = sw.project(given.small, given.images, ["1", "4"], top=2, rule=rule)
    autograd = sw.project(given.small, given.images, ["4"], top=2, rule=rule, path="autograd")
    everything = [bundled, torchvision, small, autograd]
    for projections in everything:
        shown(projections)
        for layer in projections.values():
            together = {part.device.type for part in _tensors_of(layer)}
            assert together == {torch.device(given.device).type}, f"{layer} is on {together}"
    return [[_tensors_of(layer) for layer in one.values()] for one in everything]


def _tensors_of(layer: Any) -> list[Any]:
    return [layer.images, layer.boxes, layer.channels, layer.positions, layer.activations, layer.dead]


for _rule in RULES:
    ENTRY_POINTS[f"project-{_rule}"] = lambda rule=_rule: _project(rule)


@entry_point("trace")
def _trace() -> Any:
    trace = shown(sw.trace(given.small, given.images[:1], "4", channel=1))
    return [[step.signals for step in trace.steps], trace.position]


@entry_point("receptive-field")
def _receptive_field() -> Any:
    found = sw.receptive_field(given.recognizer, LAYERS[0], given.house, fixed_gates=True)
    return [shown(found).mask, found.box, found.position]


@entry_point("occlusion")
def _occlusion() -> Any:
    options = {"size": 32, "stride": 24, "layer": LAYERS[0], "progress": False}
    small = {"size": 8, "stride": 4, "layer": "3", "fill": "noise", "progress": False}
    both = [
        sw.occlusion(given.recognizer, given.house, **options),
        sw.occlusion(given.small, given.images[:1], **small),
        sw.occlusion(given.small, given.images[:1], method="forward", **small),
    ]
    return [
        [shown(one).activity, one.probability, one.change, one.heat, one.boxes, one.channel] for one in both
    ]


@entry_point("stroke-occlusion")
def _stroke_occlusion() -> Any:
    return shown(sw.stroke_occlusion(given.recognizer, given.house, layers=LAYERS, top=3, progress=False))


@entry_point("stroke-attribution")
def _stroke_attribution() -> Any:
    found = [sw.stroke_attribution(given.recognizer, given.house)]
    for how in ("gradient", "projection"):
        found.append(
            sw.stroke_attribution(given.recognizer, given.house, layer=LAYERS[1], channel=3, method=how)
        )
    return [[shown(one).strokes, one.points, one.push, one.projection] for one in found]


@entry_point("switch-off")
def _switch_off() -> Any:
    off = sw.switch_off(given.recognizer, given.house, {LAYERS[0]: [1, 2]}, to="paper")
    return [shown(off), shown(sw.switch_off(given.small, given.images[:1], {"3": None}))]


@entry_point("ablation")
def _ablation() -> Any:
    both = [
        sw.ablation(given.recognizer, given.house, LAYERS[:1], progress=False),
        sw.ablation(given.small, given.images[:1], progress=False),
    ]
    return [[shown(one).layers, one.channels] for one in both]


@entry_point("maximize")
def _maximize() -> Any:
    options = {"shape": (1, 33, 33), "progress": False, "steps": 3}
    found = [
        sw.maximize(given.small, "4", [1, 2], method=how, **options)
        for how in ("sketch", "simonyan", "yosinski-d")
    ]
    found.append(sw.maximize(given.recognizer, LAYERS[1], [1], steps=2, progress=False))
    return [[shown(one).images, one.objective, one.activation] for one in found]


@entry_point("invert")
def _invert() -> Any:
    found = [
        sw.invert(given.recognizer, given.house, LAYERS[0], steps=2, repeats=2, progress=False),
        sw.invert(given.small, given.images[:1], "4", method="mahendran", steps=3, loss="l1", progress=False),
    ]
    return [[shown(one).images, one.objective, one.error] for one in found]


@entry_point("atlas")
def _atlas() -> Any:
    drawings = sw.SketchImages([given.house] * 3, [0, 1, 0], **given.recognizer.preprocessing.to_dict())
    both = [
        sw.atlas(given.recognizer, drawings, LAYERS[:1], top=2, progress=False),
        sw.atlas(given.small, given.images, ["4"], top=2, progress=False),
    ]
    return [[(units.channels, units.images, units.activations) for units in one.values()] for one in both]


@entry_point("evolution")
def _evolution() -> Any:
    weights = given.small.state_dict()
    later = {name: tensor * 1.5 for name, tensor in weights.items()}
    found = sw.evolution({1: weights, 2: later}, given.small, given.images, ["4"], 2, progress=False)
    return [(units.channels, units.images, units.activations) for units in found.values()]


@entry_point("first-layer")
def _first_layer() -> Any:
    filters = shown(sw.first_layer(given.recognizer))
    fits = sw.gabor_fit(filters.weights[:1], null=False, progress=False)
    return [filters.weights, filters.spatial, fits.r2]


@entry_point("invariance")
def _invariance() -> Any:
    found = sw.invariance(given.recognizer, [given.house], "rotation", [0, 30], progress=False)
    return [shown(found).distances, found.norms, found.scores]


@entry_point("correspondence")
def _correspondence() -> Any:
    other = sw.Sketch([np.float32(stroke)[:, ::-1] for stroke in HOUSE])
    pair = [given.house, other]
    found = sw.correspondence(given.recognizer, pair, strokes={"roof": [[1], [1]]}, progress=False)
    return [shown(found).hamming, found.total, list(found.masked.values())]


@entry_point("live-panels")
def _live_panels() -> Any:
    sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
    from _stage import Stage, strokes

    stage = Stage(given.recognizer)
    try:
        stage.draw(*strokes(3))
        stage.settle()
        stage.panels_of(3)
        # They come in several messages, as many as there was time for.
        layers = {
            layer["name"]: layer["tiles"]
            for message in stage.panels_page.of("panels")
            if message["step"] == 3
            for layer in message["layers"]
        }
        shown_of = ("channel", "position", "box", "activation", "scale")
        tiles = [[tile[name] for name in shown_of] for name in sorted(layers) for tile in layers[name]]
        return [stage.engine.session.predictions, tiles]
    finally:
        stage.close()


@entry_point("ensemble")
def _ensemble() -> Any:
    nets = seeded(lambda: [SketchANet(3) for _ in range(2)])
    ensemble = MultiScale(nets, (256, 64)).eval().to(given.device)
    grey = seeded(lambda: torch.randint(0, 256, (2, 60, 50), dtype=torch.uint8))
    with torch.no_grad():
        return [
            ensemble.outputs(ensemble.prepare(images), views=1)
            for images in (grey.numpy(), grey.to(given.device))
        ]


@entry_point("files")
def _files() -> Any:
    with TemporaryDirectory() as folder:
        net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))).eval().to(given.device)
        sw.models.to_matconvnet(net, f"{folder}/net.mat", input_size=8)
        given.recognizer.save(f"{folder}/net.safetensors")
        opened = sw.Recognizer.load(f"{folder}/net.safetensors", "cpu")
        return [sw.models.from_matconvnet(f"{folder}/net.mat").state_dict(), opened.recurrent.state_dict()]


@entry_point("picture-tables")
def _picture_tables() -> Any:
    labels, key_ids = np.arange(60) % 3, np.arange(60, dtype=np.uint64) * 25 + (np.arange(60) % 4 > 0)
    points = np.random.default_rng(5).uniform(0, 255, (480, 2)).astype(np.float32)
    drawings = sw.training.DrawingSet(
        points, None, np.full(120, 4), np.full(60, 2), labels, key_ids, ("cat", "dog", "bee")
    )
    recognizer = _of_scribbles(drawings)
    methods = ("gradient", "relevance")
    networks = {"net": recognizer}
    options = {"progress": False, "network": recognizer, "methods": methods}
    with TemporaryDirectory() as folder:
        one = sw.studies.method_comparison(
            drawings, f"{folder}/1", sw.studies.PicturePlan(shown=1, measured=2), **options
        )
        several = sw.studies.network_comparison(
            drawings,
            f"{folder}/2",
            sw.studies.NetworkPlan(shown=1, measured=2),
            networks=networks,
            progress=False,
        )
    return [one.rows, several.rows]


def _of_scribbles(drawings: sw.training.DrawingSet) -> sw.Recognizer:
    """A recogniser of random weights, whose classes are moved so that it names some drawings right."""
    cnn = seeded(lambda: sw.models.SketchResNet(3, widths=(4, 8), blocks=(1, 1), norm=False)).eval()
    preprocessing = Preprocessing(96, 87.0, 2.0)
    network = sw.Network(cnn, size=96, preprocessing=preprocessing)
    images = [network.prepare(sw.Sketch(drawings.strokes(index))) for index in drawings.split()[1]]
    with torch.no_grad():
        scores = cnn(torch.cat(images))
        *_, last = (part for part in cnn.modules() if isinstance(part, nn.Linear | nn.Conv2d))
        last.bias.sub_(scores.median(0).values)
    recurrent = seeded(lambda: sw.models.RecurrentClassifier(8, 6, 3))
    return sw.Recognizer(cnn, recurrent, drawings.classes, preprocessing, given.device)


@entry_point("online-study")
def _online_study() -> Any:
    """Its parts on the device: by itself it takes CUDA or the CPU, and trains by Lightning."""
    features = np.random.default_rng(1).normal(size=(40, 8)).astype(np.float16)
    labels = np.arange(10) % 3
    held_out = PrefixFeatures(features, np.full(10, 4), labels)
    network = seeded(lambda: sw.models.RecurrentClassifier(8, 6, 3)).to(given.device)
    cnn = seeded(lambda: sw.models.SketchResNet(3, widths=(4, 8), blocks=(1, 1), norm=False))
    asked = StudyCNN("net", "somewhere")
    ready = ReadyCNN(asked, cnn, Preprocessing(96, 87.0, 2.0))
    ready.device, ready.network = torch.device(given.device), ready.network.to(given.device)
    *_, ready.classifier = (
        part for part in ready.network.modules() if isinstance(part, nn.Linear | nn.Conv2d)
    )
    assert ready.milliseconds() > 0
    assert _study._step_milliseconds(network, ready.device) > 0
    return [_study._measure(scores, held_out, 3, ready.device) for scores in (network, ready.scores)]


@entry_point("training-step")
def _training_step() -> Any:
    recipe = RecurrentRecipe(hidden_size=8, strokes={}, image_to="output", averaging=0.9)
    training = seeded(lambda: RecurrentTraining(3, 77 + 8, 10, recipe)).to(given.device)
    training.log = lambda *_, **__: None
    optimizer = torch.optim.AdamW(training.network.parameters(), 1e-3)
    features = seeded(lambda: torch.rand(2, 4, 85)).to(given.device)
    labels, lengths = (torch.tensor(values, device=given.device) for values in ([0, 1], [2, 4]))
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = training.training_step((features, labels, lengths), 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses
