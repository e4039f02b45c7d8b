"""Networks from and for Caffe (Jia et al. 2014): prototxt and caffemodel."""

from ._read import from_caffe
from ._write import to_caffe

__all__ = ["from_caffe", "to_caffe"]
