"""Files of version 5 in the details in which MATLAB's differ from SciPy's: byte order, text, short elements."""

import struct

import numpy as np
import pytest

import sketchwidgets as sw

MATRIX, INT8, UINT16, INT32, UINT32, SINGLE, DOUBLE, UTF8 = 14, 1, 4, 5, 6, 7, 9, 16


class Writer:
    """Writes as MATLAB does: what fits into four bytes goes into the tag, text is UTF-16 or UTF-8."""

    def __init__(self, order, text_type):
        self.order, self.text_type = order, text_type

    def element(self, kind, data):
        if 0 < len(data) <= 4 and kind != MATRIX:
            # Length and type in one word: the length in its upper half.
            return struct.pack(self.order + "I", len(data) << 16 | kind) + data.ljust(4, b"\0")
        return struct.pack(self.order + "II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    def matrix(self, kind, shape, body, name=b""):
        flags = self.element(UINT32, struct.pack(self.order + "II", kind, 0))
        sizes = self.element(INT32, struct.pack(f"{self.order}{len(shape)}i", *shape))
        return self.element(MATRIX, flags + sizes + self.element(INT8, name) + body)

    def value(self, value, name=b""):
        if isinstance(value, dict):
            length = 32
            names = b"".join(field.encode().ljust(length, b"\0") for field in value)
            body = self.element(INT32, struct.pack(self.order + "i", length)) + self.element(INT8, names)
            return self.matrix(2, (1, 1), body + b"".join(map(self.value, value.values())), name)
        if isinstance(value, list):
            return self.matrix(1, (1, len(value)), b"".join(map(self.value, value)), name)
        if isinstance(value, str):
            data = value.encode(
                "utf-8" if self.text_type == UTF8 else "utf-16" + ("-le" if self.order == "<" else "-be")
            )
            return self.matrix(4, (1, len(value)), self.element(self.text_type, data), name)
        if value is None:
            return self.element(MATRIX, b"")
        if value.dtype == np.uint8:  # a double whose values are small is stored in bytes
            return self.matrix(6, np.atleast_2d(value).shape, self.element(2, value.tobytes("F")), name)
        kind, stored = (7, SINGLE) if value.dtype == np.float32 else (6, DOUBLE)
        data = value.astype(value.dtype.newbyteorder(self.order)).tobytes("F")
        return self.matrix(kind, value.shape, self.element(stored, data), name)

    def file(self, **variables):
        mark = b"IM" if self.order == "<" else b"MI"
        header = b"MATLAB 5.0 MAT-file".ljust(116) + bytes(8) + struct.pack(self.order + "H", 0x100) + mark
        return header + b"".join(self.value(value, name.encode()) for name, value in variables.items())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("text_type", [UINT16, UTF8])
def test_files_of_matlab_itself(order, text_type, tmp_path, numbers):
    filters = numbers(3, 2, 1, 4)
    layer = {
        "type": "conv",
        "name": "höhe",
        "weights": [filters, None],
        "stride": np.array([[2, 1]], np.uint8),
        "pad": np.array([[1.0]]),
    }
    classes = {"name": ["Ärger", "Öl", "ü", "日本"]}
    net = {"layers": [layer], "meta": {"classes": classes, "note": ""}}
    path = tmp_path / "net.mat"
    path.write_bytes(Writer(order, text_type).file(other=np.array([[1.0]]), net=net, more="text"))
    network = sw.models.from_matconvnet(path)
    ((name, convolution),) = network.named_children()
    assert name == "höhe"
    assert (convolution.stride, convolution.padding, convolution.bias) == ((2, 1), (1, 1), None)
    assert np.array_equal(convolution.weight.detach().permute(2, 3, 1, 0), filters)
    assert network.class_names == ("Ärger", "Öl", "ü", "日本")
