"""SimpleNN: a cell array of layers, each a struct, run one after the other.

Older files have `filters` and `biases` in a layer, newer ones a cell array `weights` (of batch normalization also the
moments). What is missing has the value that `vl_simplenn_tidy` of MatConvNet 1.0-beta25 gives it.
"""

from .._errors import NetworkFileError
from .._network import Layer
from ._blocks import BUILDERS, Params
from ._fields import Fields, describe, is_empty
from ._values import Unreadable, Value

_KINDS = {
    "conv": "conv",
    "convt": "convt",
    "pool": "pool",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "normalize": "lrn",
    "lrn": "lrn",
    "bnorm": "bnorm",
    "dropout": "dropout",
    "softmax": "softmax",
}
_LOSSES = {"loss", "softmaxloss"}
_LEFT_OFF = {**dict.fromkeys(_LOSSES, "a loss"), "softmax": "the scores before it are returned"}


def read_simplenn(
    layers: list[Value], channels: int | None, file: str
) -> tuple[list[Layer], list[tuple[str, str]]]:
    """(layers, left out) of a network for images of so many channels (None: those of the first filters)."""
    structs = [Fields(layer, f"{file}: layer {number}") for number, layer in enumerate(layers, 1)]
    kinds = [fields.text("type") for fields in structs]
    names = (
        [fields.text("name", f"layer{number}") for number, fields in enumerate(structs, 1)]
        if any(fields.has("name") for fields in structs)
        else _numbered(kinds)
    )
    last = len(structs)
    left_out = []
    while last and kinds[last - 1] in _LEFT_OFF:
        last -= 1
        left_out.insert(0, (names[last], _LEFT_OFF[kinds[last]]))
    built = []
    for number, (fields, kind, name) in enumerate(zip(structs[:last], kinds, names, strict=False), 1):
        fields.where = f"{file}: layer {number} ({name!r}, {kind!r})"
        if kind == "custom":
            code = fields.values.get("forward")
            what = describe(code) if isinstance(code, str | Unreadable) else "a function handle"
            raise fields.fail(f"a custom layer is MATLAB code, {what} in 'forward', and is not run")
        if kind in _LOSSES:
            raise fields.fail("a loss between layers")
        if kind not in _KINDS:
            raise fields.fail(f"layers of the type {kind!r} are not known here")
        block = BUILDERS[_KINDS[kind]](fields, _params(fields), (channels,))
        channels = block.channels
        built.append(Layer(name, block.module, (f"x{number - 1}",), (f"x{number}",)))
    if not built:
        raise NetworkFileError(f"{file}: no layer that computes anything")
    return built, left_out


def _params(fields: Fields) -> Params:
    weights = fields.values.get("weights")
    if weights is None and not is_empty(fields.values.get("filters")):
        weights = [fields.values[name] for name in ("filters", "biases", "moments") if name in fields.values]
    if is_empty(weights):
        return []
    if not isinstance(weights, list):
        raise fields.fail(f"'weights' should be a cell array, is {describe(weights)}")
    return weights


def _numbered(kinds: list[str]) -> list[str]:
    """Names for layers without: type and place in the file, from 1, as papers about them count."""
    return [f"{kind}{number}" for number, kind in enumerate(kinds, 1)]
