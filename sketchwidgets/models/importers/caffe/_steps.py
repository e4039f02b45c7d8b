"""Any network as a list of steps: which module makes which value from which, and of what shape."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.fx
import torch.nn.functional as F
from torch import Tensor, nn

from .._errors import NetworkFileError
from .._layers import Concat, Product, Sum
from .._network import ImportedNetwork
from . import _modules

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Step:
    """One layer: a module, the values it takes and makes, and their shapes (1, ...)."""

    name: str
    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    takes: tuple[Shape, ...]
    makes: tuple[Shape, ...]


def steps_of(
    network: nn.Module, images: Tensor, known: Callable[[nn.Module], bool]
) -> tuple[list[Step], str]:
    """The steps of one forward pass, and the name of the images.

    `known` says which modules are one step; others are looked into. Raises NetworkFileError for an operation that
    is no layer.
    """
    with torch.no_grad():
        try:
            if isinstance(network, ImportedNetwork):
                return _imported(network, images)
            return _traced(network, images, known)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            if isinstance(error, NetworkFileError):
                raise
            name, reason = type(network).__name__, str(error).split("\n\n")[0]
            raise ValueError(f"{name} cannot be run on images {tuple(images.shape)}: {reason}") from None


def _imported(network: ImportedNetwork, images: Tensor) -> tuple[list[Step], str]:
    children = dict(network.named_children())
    # Values get names of their own, in place or not; no child has a dot in its name.
    first = ".images"
    values, places = {network.input_name: images}, {network.input_name: first}
    steps = []
    for name, inputs, outputs in network.graph:
        made = children[name](*(values[value] for value in inputs))
        made = made if isinstance(made, tuple) else (made,)
        takes = tuple(tuple(values[value].shape) for value in inputs)
        taken = tuple(places[value] for value in inputs)
        own = (name,) if len(outputs) == 1 else tuple(f"{name}.{part}" for part in range(len(outputs)))
        values.update(zip(outputs, made, strict=True))
        places.update(zip(outputs, own, strict=True))
        steps.append(Step(name, children[name], taken, own, takes, tuple(tuple(m.shape) for m in made)))
    return steps, first


class _Tracer(torch.fx.Tracer):
    def __init__(self, known: Callable[[nn.Module], bool]) -> None:
        super().__init__()
        self._known = known

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return self._known(module) or super().is_leaf_module(module, name)


class _Made(tuple):
    """The shape of a tensor that a node made."""


class _Shapes(torch.fx.Interpreter):
    """Runs a traced network and notes what every node makes, of tensors only the shape."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.made: dict[torch.fx.Node, Any] = {}

    def run_node(self, node: torch.fx.Node) -> Any:
        result = super().run_node(node)
        self.made[node] = _Made(result.shape) if isinstance(result, Tensor) else result
        return result


def _traced(network: nn.Module, images: Tensor, known: Callable[[nn.Module], bool]) -> tuple[list[Step], str]:
    tracer = _Tracer(known)
    try:
        graph = tracer.trace(network)
    except Exception as error:
        raise NetworkFileError(
            f"{type(network).__name__} cannot be written: what it runs depends on the images ({error})"
        ) from None
    module = torch.fx.GraphModule(network, graph)
    module.graph.eliminate_dead_code()
    run = _Shapes(module)
    run.run(images)
    modules = dict(network.named_modules())
    steps, first = [], ""
    names: set[str] = set()
    for node in module.graph.nodes:
        if node.op == "placeholder":
            if first:
                raise NetworkFileError(f"{type(network).__name__} takes more than images: {node.name}")
            first = node.name
        elif node.op == "output":
            if not isinstance(node.args[0], torch.fx.Node):
                raise NetworkFileError(f"{type(network).__name__} returns more than one tensor")
        elif isinstance(run.made[node], _Made) and node.op != "get_attr":
            step = _step(node, modules, run.made, network)
            name, number = step.name, 2
            while name in names:  # a module that is used again
                name, number = f"{step.name}_{number}", number + 1
            names.add(name)
            steps.append(Step(name, *list(vars(step).values())[1:]))
    return steps, first


def _step(node: torch.fx.Node, modules: dict[str, nn.Module], made: dict, network: nn.Module) -> Step:
    inputs = [item for item in _flat(node.args) if isinstance(item, torch.fx.Node)]
    constants = [item for item in inputs if item.op == "get_attr"]
    inputs = [item for item in inputs if isinstance(made[item], _Made)]
    shapes = [tuple(made[item]) for item in inputs]
    if node.op == "call_module":
        name, module = node.target, modules[node.target]
    else:
        name = node.name
        label = (
            node.target
            if isinstance(node.target, str)
            else getattr(node.target, "__name__", str(node.target))
        )
        make = FUNCTIONS.get(node.target)
        module = None
        if make is not None and not constants:
            module = make(_Arguments(node, made), shapes, tuple(made[node]))
        if module is None:
            raise NetworkFileError(
                f"{type(network).__name__} cannot be written: Caffe has no layer for its {label!r} ({node.name})"
            )
    values = tuple(item.name for item in inputs)
    return Step(name, module, values, (node.name,), tuple(shapes), (tuple(made[node]),))


def _flat(items: Any) -> list[Any]:
    return [part for item in items for part in (_flat(item) if isinstance(item, list | tuple) else [item])]


# --- functions as the modules that do the same


class _Arguments:
    """The arguments of a traced call, by name and place; numbers that were computed as what they were."""

    def __init__(self, node: torch.fx.Node, made: dict[torch.fx.Node, Any]) -> None:
        def known(item: torch.fx.Node) -> Any:
            return item if isinstance(made[item], _Made) else made[item]

        self._args, self._kwargs = torch.fx.node.map_arg((node.args, node.kwargs), known)

    def get(self, name: str, place: int, default: Any = None) -> Any:
        return self._args[place] if place < len(self._args) else self._kwargs.get(name, default)


def _view(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module | None:
    if len(takes) != 1 or makes[0] != takes[0][0]:
        return None
    return nn.Flatten() if len(makes) == 2 else _modules.Reshape(makes[1:])


def _max_pool(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module:
    kernel = given.get("kernel_size", 1)
    rest = given.get("padding", 3, 0), given.get("dilation", 4, 1)
    return nn.MaxPool2d(kernel, given.get("stride", 2), *rest, ceil_mode=given.get("ceil_mode", 5, False))


def _average_pool(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module:
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    defaults = (None, None, 0, False, True, None)
    pairs = enumerate(zip(names, defaults, strict=True), start=1)
    return nn.AvgPool2d(*(given.get(name, place, default) for place, (name, default) in pairs))


def _response_norm(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module:
    return nn.LocalResponseNorm(
        given.get("size", 1), given.get("alpha", 2, 1e-4), given.get("beta", 3, 0.75), given.get("k", 4, 1.0)
    )


def _mean(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module | None:
    axes = given.get("dim", 1)
    axes = {axis % 4 for axis in ([axes] if isinstance(axes, int) else axes or ())}
    if len(takes[0]) != 4 or axes != {2, 3}:
        return None
    return (
        nn.AdaptiveAvgPool2d(1) if len(makes) == 4 else nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    )


def _clamp(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module | None:
    low, high = given.get("min", 1), given.get("max", 2)
    if low is None or high is None:
        return nn.ReLU() if low == 0 else None
    return nn.Hardtanh(low, high)


def _pad(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module | None:
    sides, mode, value = given.get("pad", 1), given.get("mode", 2, "constant"), given.get("value", 3, 0)
    if len(takes[0]) != 4 or mode != "constant" or value or not all(isinstance(side, int) for side in sides):
        return None
    return nn.ZeroPad2d((*sides, 0, 0)[:4]) if len(sides) <= 4 else None


def _sum(sign: float) -> Callable:
    def make(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module | None:
        factor = sign * given.get("alpha", 9, 1)
        if len(takes) == 1:  # and a number
            number = given.get("other", 1)
            first = isinstance(number, int | float)
            number = number if first else given.get("input", 0)
            if not isinstance(number, int | float):
                return None
            return _modules.Power(1, 1, factor * number) if first else _modules.Power(1, factor, number)
        return Sum(None if factor == 1 else (1.0, factor)) if takes[0] == takes[1] else None

    return make


def _product(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module | None:
    if len(takes) == 1:
        number = next(
            (n for n in (given.get("other", 1), given.get("input", 0)) if isinstance(n, int | float)), None
        )
        return None if number is None else _modules.Power(1, number, 0)
    if takes[0] == takes[1]:
        return Product()
    return _modules.Gate() if takes[1] == (*takes[0][:2], 1, 1) and len(takes[0]) == 4 else None


def _softmax(given: _Arguments, takes: list[Shape], makes: Shape) -> nn.Module:
    return nn.Softmax(given.get("dim", 1))


FUNCTIONS: dict[Any, Callable[[_Arguments, list[Shape], Shape], nn.Module | None]] = {
    **dict.fromkeys((F.relu, torch.relu, torch.relu_, "relu", "relu_"), lambda *_: nn.ReLU()),
    **dict.fromkeys((torch.sigmoid, F.sigmoid, "sigmoid"), lambda *_: nn.Sigmoid()),
    **dict.fromkeys((torch.tanh, F.tanh, "tanh"), lambda *_: nn.Tanh()),
    **dict.fromkeys((F.dropout, F.dropout2d, "contiguous", "clone"), lambda *_: nn.Identity()),
    **dict.fromkeys((torch.flatten, torch.squeeze, torch.reshape), _view),
    **dict.fromkeys(("flatten", "view", "reshape", "squeeze", "unsqueeze"), _view),
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), _sum(1)),
    **dict.fromkeys((operator.sub, torch.sub, "sub"), _sum(-1)),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul, "mul", "mul_"), _product),
    **dict.fromkeys((torch.cat, torch.concat), lambda g, *_: Concat(g.get("dim", 1, 0))),
    **dict.fromkeys((torch.clamp, "clamp", "clamp_", F.hardtanh), _clamp),
    **dict.fromkeys((torch.mean, "mean"), _mean),
    **dict.fromkeys((F.softmax, torch.softmax, "softmax"), _softmax),
    torch.maximum: lambda *_: _modules.Maximum(),
    F.pad: _pad,
    F.relu6: lambda *_: nn.ReLU6(),
    F.leaky_relu: lambda g, *_: nn.LeakyReLU(g.get("negative_slope", 1, 0.01)),
    F.elu: lambda g, *_: nn.ELU(g.get("alpha", 1, 1.0)),
    F.max_pool2d: _max_pool,
    F.avg_pool2d: _average_pool,
    F.adaptive_avg_pool2d: lambda g, *_: nn.AdaptiveAvgPool2d(g.get("output_size", 1)),
    F.local_response_norm: _response_norm,
}
