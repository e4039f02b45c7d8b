"""Which layers of Caffe are known, by the names of the new format and of the old one."""

from collections.abc import Callable

from . import _pointwise, _sliding
from ._at import At
from ._sliding import Made

MAKERS: dict[str, Callable[[At], Made]] = {
    "BatchNorm": _pointwise.batch_norm,
    "Bias": _pointwise.bias,
    "Clip": _pointwise.clip,
    "Concat": _pointwise.concat,
    "Convolution": _sliding.convolution,
    "Crop": _pointwise.crop,
    "Deconvolution": _sliding.deconvolution,
    "Dropout": _pointwise.dropout,
    "ELU": _pointwise.elu,
    "Eltwise": _pointwise.eltwise,
    "Flatten": _pointwise.flatten,
    "InnerProduct": _sliding.inner_product,
    "LRN": _sliding.response_norm,
    "PReLU": _pointwise.prelu,
    "Pooling": _sliding.pooling,
    "Power": _pointwise.power,
    "ReLU": _pointwise.relu,
    "Reshape": _pointwise.reshape,
    "Scale": _pointwise.scale,
    "Sigmoid": _pointwise.sigmoid,
    "Slice": _pointwise.slices,
    "Softmax": _pointwise.softmax,
    "TanH": _pointwise.tanh,
}
DATA = frozenset({"Data", "DummyData", "HDF5Data", "ImageData", "Input", "MemoryData", "WindowData"})
# Of training and measuring: left off, with what only they make.
LOSSES = frozenset(
    {
        "Accuracy",
        "ArgMax",
        "ContrastiveLoss",
        "EuclideanLoss",
        "HDF5Output",
        "HingeLoss",
        "InfogainLoss",
        "MultinomialLogisticLoss",
        "SigmoidCrossEntropyLoss",
        "Silence",
        "SoftmaxWithLoss",
    }
)
# Where the old name is not the new one in capitals.
_OLD = {
    "BNLL": "BNLL",
    "ELTWISE": "Eltwise",
    "EUCLIDEAN_LOSS": "EuclideanLoss",
    "HDF5_DATA": "HDF5Data",
    "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col",
    "LRN": "LRN",
    "MVN": "MVN",
    "ABSVAL": "AbsVal",
    "ARGMAX": "ArgMax",
    "RELU": "ReLU",
    "SOFTMAX_LOSS": "SoftmaxWithLoss",
    "TANH": "TanH",
}


def modern(old: str) -> str:
    """The type of a layer of the old format, such as INNER_PRODUCT, in the new one."""
    return _OLD.get(old) or "".join(part.capitalize() for part in old.split("_"))
