"""DagNN: layers with named inputs and outputs, parameters by name; in the file in any order."""

from collections import Counter

from .._errors import NetworkFileError
from .._network import Layer
from ._blocks import BUILDERS
from ._fields import Fields, is_numeric
from ._values import Value

_KINDS = {
    "Conv": "conv",
    "ConvTranspose": "convt",
    "Pooling": "pool",
    "GlobalPooling": "global pool",
    "ReLU": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "LRN": "lrn",
    "BatchNorm": "bnorm",
    "DropOut": "dropout",
    "Concat": "concat",
    "Sum": "sum",
    "Scale": "scale",
    "SoftMax": "softmax",
    "Crop": "crop",
}
_MOST_SHARED = 16  # layers to a parameter, on average


class _Node:
    """A layer of the file."""

    def __init__(self, fields: Fields, file: str) -> None:
        self.name = fields.text("name")
        kind = fields.text("type")
        self.kind = kind.removeprefix("dagnn.")
        fields.where = f"{file}: layer {self.name!r} ({kind})"
        self.fields = fields
        self.inputs = fields.texts("inputs")
        self.outputs = fields.texts("outputs")
        self.params = fields.texts("params")
        if not self.inputs or not self.outputs:
            raise fields.fail("a layer needs inputs and outputs")

    @property
    def is_loss(self) -> bool:
        """By its name, as MatConvNet's own and those that others have added end: dagnn.Loss, dagnn.EuclideanLoss."""
        return self.kind.lower().endswith(("loss", "error"))


def read_dagnn(
    net: Fields, channels: int | None, file: str
) -> tuple[list[Layer], list[tuple[str, str]], str]:
    """(layers in the order of the run, left out, name of the input) of a network."""
    nodes = [
        _Node(Fields(layer, f"{file}: layer {i}"), file) for i, layer in enumerate(net.items("layers"), 1)
    ]
    values = _parameters(net)
    nodes, left_out = _without_losses(nodes)
    _check_sharing(nodes, values, file)
    if not nodes:
        raise NetworkFileError(f"{file}: no layer that computes anything")
    made = Counter(name for node in nodes for name in node.outputs)
    twice = [name for name, count in made.items() if count > 1]
    if twice:
        raise NetworkFileError(f"{file}: two layers make the variable {twice[0]!r}")
    images = list(dict.fromkeys(name for node in nodes for name in node.inputs if name not in made))
    if len(images) != 1:
        listed = ", ".join(map(repr, images)) or "none"
        raise NetworkFileError(
            f"{file}: a network of one input is wanted; variables that no layer makes: {listed}"
        )
    channels_of: dict[str, int | None] = {images[0]: channels}
    layers = []
    for node in _in_order(nodes, images[0], file):
        if node.kind not in _KINDS:
            raise node.fields.fail("blocks of this type are not known here")
        missing = [name for name in node.params if name not in values]
        if missing:
            raise node.fields.fail(f"the parameter {missing[0]!r} is not in the file")
        params = [values[name] for name in node.params]
        fields = node.fields.struct("block")
        fields.where = node.fields.where
        block = BUILDERS[_KINDS[node.kind]](fields, params, [channels_of[name] for name in node.inputs])
        if len(node.outputs) != 1:
            raise node.fields.fail(f"a block of this type has one output, not {len(node.outputs)}")
        channels_of[node.outputs[0]] = block.channels
        layers.append(Layer(node.name, block.module, tuple(node.inputs), tuple(node.outputs)))
    return layers, left_out, images[0]


def _parameters(net: Fields) -> dict[str, Value]:
    values = {}
    for number, param in enumerate(net.items("params"), 1):
        fields = Fields(param, f"{net.where}: parameter {number}")
        values[fields.text("name")] = fields.values.get("value")
    return values


def _check_sharing(nodes: list[_Node], values: dict[str, Value], file: str) -> None:
    """Every layer gets numbers of its own, so that layers which share theirs could ask for any amount of memory."""
    sizes = {name: value.size if is_numeric(value) else 0 for name, value in values.items()}
    used = sum(sizes.get(name, 0) for node in nodes for name in node.params)
    if used > _MOST_SHARED * sum(sizes.values()) + (1 << 20):
        raise NetworkFileError(
            f"{file}: layers share parameters, and would use {used:,} numbers of {sum(sizes.values()):,}"
        )


def _without_losses(nodes: list[_Node]) -> tuple[list[_Node], list[tuple[str, str]]]:
    """Layers without losses, and without a softmax that only they take; and what was left out, with why."""
    left_out = [(node.name, "a loss") for node in nodes if node.is_loss]
    nodes = [node for node in nodes if not node.is_loss]
    taken = {name for node in nodes for name in node.inputs}
    ends = [node for node in nodes if node.kind == "SoftMax" and taken.isdisjoint(node.outputs)]
    left_out += [(node.name, "the scores before it are returned") for node in ends]
    return [node for node in nodes if node not in ends], left_out


def _in_order(nodes: list[_Node], image: str, file: str) -> list[_Node]:
    """Every layer after those that make what it takes; of those that are free, the first in the file first."""
    known = {image}
    waiting = list(nodes)
    order = []
    while waiting:
        ready = next((node for node in waiting if known.issuperset(node.inputs)), None)
        if ready is None:
            names = ", ".join(repr(node.name) for node in waiting[:5])
            raise NetworkFileError(f"{file}: the layers {names} wait for each other in a circle")
        waiting.remove(ready)
        order.append(ready)
        known.update(ready.outputs)
    return order
