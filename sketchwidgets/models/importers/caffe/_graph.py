"""The layers of a NetParameter in order, those of the test phase only, with every value named once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from .._errors import NetworkFileError
from ._files import quoted, short
from ._layer_kinds import DATA, LOSSES, modern

TEST = 1


@dataclass(frozen=True)
class Node:
    """One layer. `inputs` and `outputs` are values: a layer that works in place makes a new one."""

    name: str
    kind: str
    layer: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """The layers that compute, what each data layer or `input:` makes, and where each blob's last value is."""

    nodes: list[Node]
    data: list[Node]
    blobs: dict[str, str]  # the name of a blob in the file -> its last value
    silenced: frozenset[str]  # values that the file says are of no use
    left_out: list[tuple[str, str]]


def test_graph(net: Any, file: str) -> Graph:
    """The graph of the test phase. NetworkFileError names a layer that takes what no layer before it makes."""
    layers = _layers(net, file)
    current: dict[str, str] = {}
    taken: set[str] = set()
    versions: Counter[str] = Counter()
    graph = Graph([], [], current, frozenset(), [])

    def make(blob: str) -> str:
        value = blob
        while value in taken:
            versions[blob] += 1
            value = f"{blob}#{versions[blob] + 1}"
        taken.add(value)
        current[blob] = value
        return value

    if net.input:
        graph.data.append(Node(net.input[0], "input", net, (), tuple(make(blob) for blob in net.input)))
    for layer, kind in layers:
        tops = tuple(layer.top)
        if kind in DATA:
            graph.data.append(Node(layer.name, kind, layer, (), tuple(make(blob) for blob in tops)))
            continue
        where = f"{file}: layer {quoted(layer.name)} ({short(kind, 60)})"
        missing = [blob for blob in layer.bottom if blob not in current]
        if missing:
            raise NetworkFileError(f"{where}: takes {quoted(missing[0])}, which no layer before it makes")
        inputs = tuple(current[blob] for blob in layer.bottom)
        if kind == "Split":
            if len(inputs) != 1:
                raise NetworkFileError(
                    f"{file}: layer {quoted(layer.name)} (Split): takes {len(inputs)} inputs"
                )
            # Only names: each top is the bottom itself.
            current.update(dict.fromkeys(tops, inputs[0]))
            continue
        if len(set(tops)) != len(tops) or (not tops and kind not in LOSSES):
            raise NetworkFileError(f"{where}: its tops are {short(list(tops))}")
        graph.nodes.append(Node(layer.name, kind, layer, inputs, tuple(make(blob) for blob in tops)))
    return _without_losses(graph)


def _without_losses(graph: Graph) -> Graph:
    """Losses left off, and a softmax that only they, or nothing, takes the result of."""
    nodes, used, silenced, left_out = [], set(), set(), []
    for node in reversed(graph.nodes):
        if node.kind in LOSSES:
            if node.kind == "Silence":
                silenced.update(node.inputs)
            else:
                left_out.append((node.name, f"{node.kind}: of training and measuring"))
        elif node.kind == "Softmax" and not used.intersection(node.outputs):
            left_out.append((node.name, "Softmax: the scores before it are returned"))
        else:
            nodes.append(node)
            used.update(node.inputs)
    return replace(graph, nodes=nodes[::-1], silenced=frozenset(silenced), left_out=left_out[::-1])


def _layers(net: Any, file: str) -> list[tuple[Any, str]]:
    """(layer, type in the new format) of those that the test phase includes."""
    if net.layer and net.layers:
        raise NetworkFileError(f"{file}: has layers of the new format (layer) and of the old one (layers)")
    found = []
    for layer in net.layer:
        found.append((layer, layer.type))
    for place, layer in enumerate(net.layers):
        if layer.HasField("layer"):
            raise NetworkFileError(
                f"{file}: layer {quoted(layer.layer.name)}: a format from before 2014; Caffe's upgrade_net_proto_text "
                "and upgrade_net_proto_binary convert it"
            )
        number = layer.type
        if not number:
            raise NetworkFileError(
                f"{file}: layer {quoted(layer.name or str(place))}: its type is missing or unknown"
            )
        label = layer.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[number].name
        found.append((layer, modern(label)))
    return [(layer, kind) for layer, kind in found if _included(layer, net.state, file)]


def _included(layer: Any, state: Any, file: str) -> bool:
    """Whether the layer is in the network in the test phase, by its rules to include or exclude it."""
    if layer.include and layer.exclude:
        raise NetworkFileError(f"{file}: layer {quoted(layer.name)}: has rules to include and to exclude it")
    if layer.include:
        return _any_met(layer.include, state)
    return not _any_met(layer.exclude, state)


def _any_met(rules: Iterable[Any], state: Any) -> bool:
    return any(
        (not rule.HasField("phase") or rule.phase == TEST)
        and (not rule.HasField("min_level") or state.level >= rule.min_level)
        and (not rule.HasField("max_level") or state.level <= rule.max_level)
        and set(rule.stage) <= set(state.stage)
        and not set(rule.not_stage) & set(state.stage)
        for rule in rules
    )
