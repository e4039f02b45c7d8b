"""Which modules can be written for Caffe, and by what."""

from collections.abc import Callable

from torch import nn

from .. import _layers
from . import _modules
from . import _write_pointwise as pointwise
from . import _write_sliding as sliding
from ._writer import Place

WRITERS: dict[type[nn.Module], Callable[[Place], None]] = {
    nn.AdaptiveAvgPool2d: sliding.adaptive_pool,
    nn.AdaptiveMaxPool2d: sliding.adaptive_pool,
    nn.AvgPool2d: sliding.average_pool,
    nn.BatchNorm1d: pointwise.batch_norm,
    nn.BatchNorm2d: pointwise.batch_norm,
    nn.Conv2d: sliding.convolution,
    nn.ConvTranspose2d: sliding.transposed_convolution,
    nn.Dropout: pointwise.dropout,
    nn.Dropout2d: pointwise.dropout,
    nn.ELU: pointwise.elu,
    nn.Flatten: pointwise.flatten,
    nn.Hardtanh: pointwise.clip,
    nn.Identity: pointwise.same,
    nn.LeakyReLU: pointwise.leaky_relu,
    nn.Linear: sliding.linear,
    nn.LocalResponseNorm: sliding.response_norm,
    nn.MaxPool2d: sliding.max_pool,
    nn.PReLU: pointwise.prelu,
    nn.ReLU: pointwise.relu,
    nn.ReLU6: pointwise.clip,
    nn.Sigmoid: pointwise.sigmoid,
    nn.Softmax: pointwise.softmax,
    nn.Tanh: pointwise.tanh,
    nn.ZeroPad2d: sliding.zero_padding,
    _layers.Concat: pointwise.concat,
    _layers.CropLike: pointwise.crop_like,
    _layers.CroppedConvTranspose2d: sliding.transposed_convolution,
    _layers.PaddedAvgPool2d: sliding.padded_pool,
    _layers.PaddedConv2d: sliding.convolution,
    _layers.PaddedMaxPool2d: sliding.padded_pool,
    _layers.Product: pointwise.product,
    _layers.Scale: pointwise.scale,
    _layers.Sum: pointwise.eltwise_sum,
    _modules.AvgPool2d: sliding.average_pool,
    _modules.Gate: pointwise.gate,
    _modules.GlobalMaxPool2d: sliding.global_max_pool,
    _modules.InnerProduct: sliding.linear,
    _modules.MaxPool2d: sliding.max_pool,
    _modules.Maximum: pointwise.maximum,
    _modules.Part: pointwise.part,
    _modules.Power: pointwise.power,
    _modules.Reshape: pointwise.reshape,
    _modules.Shift: pointwise.shift,
    _modules.Slice: pointwise.slices,
    _modules.SpatialResponseNorm: sliding.spatial_response_norm,
}
