"""A network read from a file of another program: named layers run in the order of their graph."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ._errors import NetworkFileError
from ._preprocessing import ImagePreprocessing


class Source(NamedTuple):
    """Where a network comes from: the format ("MatConvNet SimpleNN", "Caffe", ...) and the name of the file."""

    format: str
    file: str


@dataclass(frozen=True)
class Layer:
    """One layer of a graph: a module, the values it takes and the values it makes, by name.

    A module of several inputs is called with all of them; of several outputs it returns a tuple. An output may
    have the name of an input (a layer that works in place in the file): from there on the name is the new value.
    """

    name: str
    module: nn.Module
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class ImportedNetwork(nn.Module):
    """The layers of a file as named children, run in the order of the graph.

    Takes images (n, channels, h, w), float, prepared as `preprocessing` says, and returns what the last layer
    makes: scores before the softmax, which is left off, as (n, classes) where the last maps have one position, else
    maps (n, c, h, w). It is in eval mode: dropout passes values through, until `.train()` is called.

    Parameters
    ----------
    layers : in the order of the run. Their names become those of the children: dots are replaced by underscores,
        and a name that is taken or that a module cannot have gets a number.
    input : name of the value that the images are.
    output : name of the value to return; None: the last that is made and that no layer takes. Layers that do
        not lead to it are left out, and named in `left_out`.
    channels : of the images.
    preprocessing : what pictures need to go through first.
    class_names : names of the outputs, in order; None where the file has none.
    source : format and name of the file.
    left_out : layers of the file that are not here, and why: (name, reason) pairs.

    Attributes: `channels`, `preprocessing`, `class_names`, `source`, `left_out` hold these; `input_size` is the size
    that `preprocessing` makes; `graph` says which layer takes and makes what.

    Raises `NetworkFileError` where a layer takes a value that no layer before it makes, or where nothing is left.

    >>> from sketchwidgets.models.importers import ImagePreprocessing, ImportedNetwork, Layer, Source
    >>> layers = [Layer("conv", torch.nn.Conv2d(1, 4, 3), ("data",), ("a",)),
    ...           Layer("relu", torch.nn.ReLU(), ("a",), ("b",))]
    >>> net = ImportedNetwork(layers, input="data", channels=1, preprocessing=ImagePreprocessing((28, 28), 1),
    ...                       source=Source("by hand", "none"))
    >>> net(torch.zeros(2, 1, 28, 28)).shape, [name for name, layer in net.named_children()]
    (torch.Size([2, 4, 26, 26]), ['conv', 'relu'])
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        *,
        input: str,
        channels: int,
        preprocessing: ImagePreprocessing,
        source: Source,
        output: str | None = None,
        class_names: Sequence[str] | None = None,
        left_out: Iterable[tuple[str, str]] = (),
    ) -> None:
        super().__init__()
        if not layers:
            raise NetworkFileError(f"{source.file}: no layer that computes anything")
        self.channels = channels
        self.preprocessing = preprocessing
        self.source = source
        self.class_names = None if class_names is None else tuple(class_names)
        needed, self._output = _lead_to(layers, input, output, source.file)
        self._input = input
        self._calls: tuple[_Call, ...] = tuple(self._add_children(layers, needed))
        unused = [
            (layer.name, "does not lead to the output")
            for layer, is_needed in zip(layers, needed, strict=True)
            if not is_needed
        ]
        self.left_out = (*left_out, *unused)
        self.eval()

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the images in pixels."""
        return self.preprocessing.size

    def _add_children(self, layers: Sequence[Layer], needed: Sequence[bool]) -> Iterator["_Call"]:
        kept = [layer for layer, is_needed in zip(layers, needed, strict=True) if is_needed]
        last_use = {
            name: index for index, layer in enumerate(kept) for name in (*layer.inputs, *layer.outputs)
        }
        for index, layer in enumerate(kept):
            name = child_name(layer.name, self)
            self.add_module(name, layer.module)
            done = [
                value for value in dict.fromkeys((*layer.inputs, *layer.outputs)) if last_use[value] == index
            ]
            yield _Call(name, layer.inputs, layer.outputs, tuple(v for v in done if v != self._output))

    def forward(self, images: Tensor) -> Tensor:
        """Scores (n, classes) or maps (n, c, h, w) of prepared images (n, channels, h, w)."""
        if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] != self.channels:
            found = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
            raise ValueError(f"images must be (n, {self.channels}, h, w), not {found}")
        values: dict[str, Any] = {self._input: images}
        for call in self._calls:
            made = self._modules[call.child](*(values[name] for name in call.inputs))
            values.update(zip(call.outputs, made if len(call.outputs) > 1 else (made,), strict=True))
            for name in call.done:
                del values[name]
        result = values[self._output]
        return result.flatten(1) if result.ndim == 4 and result.shape[2:] == (1, 1) else result

    @property
    def graph(self) -> tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]:
        """(name of the child, values it takes, values it makes) of every layer, in the order of the run."""
        return tuple((call.child, call.inputs, call.outputs) for call in self._calls)

    @property
    def input_name(self) -> str:
        """What `graph` calls the images."""
        return self._input

    @property
    def output_name(self) -> str:
        """What `graph` calls the value that is returned."""
        return self._output

    def prepare(self, image: Any) -> Tensor:
        """A picture as input, (1, channels, h, w): `preprocessing.prepare` in the dtype and on the device of the network.

        image : a PIL image, or an array or tensor as `sw.Network.prepare` takes them. Drawings go through
            `sw.Network.of(network).prepare(sketch)`.
        """
        parameter = next((p for p in self.parameters() if p.is_floating_point()), torch.zeros(0))
        return self.preprocessing.prepare(image).to(parameter.device, parameter.dtype)

    def extra_repr(self) -> str:
        height, width = self.input_size
        return f"{self.source.format} {self.source.file!r}, input {self.channels} x {height} x {width}"


class _Call(NamedTuple):
    """One layer of the forward pass; `done` are the values that nothing needs after it."""

    child: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    done: tuple[str, ...]


def child_name(name: str, parent: nn.Module) -> str:
    """`name` as a child of `parent` can have it: without dots, not empty, not taken by a child or an attribute."""
    plain = name.replace(".", "_") or "layer"
    candidate, number = plain, 2
    while hasattr(parent, candidate):
        candidate = f"{plain}_{number}"
        number += 1
    return candidate


def _lead_to(layers: Sequence[Layer], input: str, output: str | None, file: str) -> tuple[list[bool], str]:
    """Which layers the output depends on, and what it is called."""
    maker: dict[str, int | None] = {input: None}
    needs: list[list[int | None]] = []
    used: set[str] = set()
    for index, layer in enumerate(layers):
        missing = [name for name in layer.inputs if name not in maker]
        if missing:
            raise NetworkFileError(
                f"{file}: layer {layer.name!r} takes {missing[0]!r}, which no layer before it makes"
            )
        needs.append([maker[name] for name in layer.inputs])
        used.update(layer.inputs)
        for name in layer.outputs:
            maker[name] = index
            used.discard(name)
    if output is None:
        loose = [name for name, index in maker.items() if index is not None and name not in used]
        if not loose:
            raise NetworkFileError(f"{file}: no layer makes an output")
        output = max(loose, key=lambda name: maker[name])
    elif maker.get(output) is None:
        made = ", ".join(repr(name) for name, index in maker.items() if index is not None)
        raise ValueError(f"output must be a value that a layer makes ({made}), not {output!r}")
    needed = [False] * len(layers)
    waiting = [maker[output]]
    while waiting:
        index = waiting.pop()
        if index is not None and not needed[index]:
            needed[index] = True
            waiting.extend(needs[index])
    return needed, output
