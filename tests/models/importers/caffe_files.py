"""Caffe files as the tests write them: protobuf by hand, byte for byte, with Caffe's public field numbers.

Nothing here knows the package's description of the format, so a wrong number there is seen.
"""

import struct
from pathlib import Path

import numpy as np


def varint(number: int) -> bytes:
    """A number in 7-bit groups; a negative one as its two's complement of 64 bits."""
    number &= 2**64 - 1
    out = bytearray()
    while True:
        out.append((number & 127) | (128 if number > 127 else 0))
        number >>= 7
        if not number:
            return bytes(out)


def whole(field: int, number: int) -> bytes:
    return varint(field << 3) + varint(number)


def run(field: int, content: bytes | str) -> bytes:
    """A string, a message or a packed list."""
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(values, shape=None, style: str = "new") -> bytes:
    """A BlobProto. `style`: "new"; "old" (num, channels, height, width); "loose" (a tag a number); "double"."""
    values = np.asarray(values)
    shape = values.shape if shape is None else shape
    if style == "old":
        four = (*[1] * (4 - len(shape)), *shape)
        stated = b"".join(whole(field, side) for field, side in zip((1, 2, 3, 4), four, strict=True))
    else:
        stated = run(7, run(1, b"".join(map(varint, shape))))
    if style == "loose":
        return stated + b"".join(varint(5 << 3 | 5) + struct.pack("<f", value) for value in values.flat)
    if style == "double":
        return stated + run(8, values.astype("<f8").tobytes())
    return stated + run(5, values.astype("<f4").tobytes())


def caffemodel(weights: dict, style: str = "new", old_layers: bool = False) -> bytes:
    """A NetParameter with the blobs of every layer: {name: [array, ...]}; `old_layers`: as V1LayerParameter."""
    name_field, blobs_field, layer_field = (4, 6, 2) if old_layers else (1, 7, 100)
    out = run(1, "written by a test")
    for name, arrays in weights.items():
        layer = run(name_field, name)
        layer += b"".join(run(blobs_field, blob(array, style=style)) for array in arrays)
        out += run(layer_field, layer)
    return out


def write(folder: Path, text: str, weights: dict | None = None, **style) -> tuple[Path, Path | None]:
    """net.prototxt and net.caffemodel in a folder."""
    prototxt = folder / "net.prototxt"
    prototxt.write_text(text)
    if weights is None:
        return prototxt, None
    model = folder / "net.caffemodel"
    model.write_bytes(caffemodel(weights, **style))
    return prototxt, model


class Net:
    """A prototxt that is written layer by layer, with random weights of the right shapes."""

    def __init__(self, channels: int, height: int, width: int | None = None, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.lines = [
            f'input: "data" input_dim: 1 input_dim: {channels} input_dim: {height} input_dim: {width or height}'
        ]
        self.weights: dict[str, list[np.ndarray]] = {}
        self.layers: list[tuple[str, str, list[str], list[str], str]] = []  # what `caffe_oracle` runs

    def add(
        self, kind: str, name: str, bottoms: str, top: str | None = None, param: str = "", blobs=()
    ) -> str:
        """A layer; `bottoms` and `top` are names with spaces between them. Returns the top."""
        top = name if top is None else top
        parts = [f'bottom: "{bottom}"' for bottom in bottoms.split()] + [f'top: "{t}"' for t in top.split()]
        self.lines.append(f'layer {{ name: "{name}" type: "{kind}" {" ".join(parts)} {param} }}')
        self.layers.append((kind, name, bottoms.split(), top.split(), param))
        if len(blobs):
            self.weights[name] = [np.asarray(b, np.float32) for b in blobs]
        return top

    def conv(
        self, name: str, bottom: str, inputs: int, outputs: int, kernel=3, group: int = 1, param: str = ""
    ) -> str:
        tall, wide = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        size = f"kernel_h: {tall} kernel_w: {wide}" if tall != wide else f"kernel_size: {tall}"
        fan = inputs // group * tall * wide
        weight = self.random.standard_normal((outputs, inputs // group, tall, wide)) * np.sqrt(2 / fan)
        text = f"convolution_param {{ num_output: {outputs} group: {group} {size} {param} }}"
        return self.add("Convolution", name, bottom, None, text, [weight, self.small(outputs)])

    def fc(self, name: str, bottom: str, inputs: int, outputs: int) -> str:
        weight = self.random.standard_normal((outputs, inputs)) * np.sqrt(2 / inputs)
        text = f"inner_product_param {{ num_output: {outputs} }}"
        return self.add("InnerProduct", name, bottom, None, text, [weight, self.small(outputs)])

    def relu(self, name: str, blob: str) -> str:
        return self.add("ReLU", name, blob, blob)

    def pool(self, name: str, bottom: str, param: str) -> str:
        return self.add("Pooling", name, bottom, None, f"pooling_param {{ {param} }}")

    def small(self, count: int) -> np.ndarray:
        return self.random.standard_normal(count) * 0.1

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def write(self, folder: Path, **style) -> tuple[Path, Path]:
        return write(folder, self.text, self.weights, **style)


def alexnet(caffenet: bool = False, size: int = 67, width: int = 8) -> Net:
    """The graph of bvlc_alexnet (norm before pool), or of CaffeNet (pool before norm), narrow and small."""
    net = Net(3, size)
    w = width

    def ends(number: int, blob: str) -> str:
        steps = [
            lambda b: net.add("LRN", f"norm{number}", b, None, "lrn_param { alpha: 0.1 beta: 0.75 }"),
            lambda b: net.pool(f"pool{number}", b, "pool: MAX kernel_size: 3 stride: 2"),
        ]
        for step in reversed(steps) if caffenet else steps:
            blob = step(blob)
        return blob

    x = net.relu("relu1", net.conv("conv1", "data", 3, w, 11, param="stride: 4"))
    x = ends(1, x)
    x = ends(2, net.relu("relu2", net.conv("conv2", x, w, 2 * w, 5, group=2, param="pad: 2")))
    x = net.relu("relu3", net.conv("conv3", x, 2 * w, 3 * w, 3, param="pad: 1"))
    x = net.relu("relu4", net.conv("conv4", x, 3 * w, 2 * w, 3, group=2, param="pad: 1"))
    x = net.pool("pool5", x, "pool: MAX kernel_size: 3 stride: 2")
    after = (size - 11) // 4 + 1
    for _ in range(3):
        after = -(-(after - 3) // 2) + 1
    x = net.relu("relu6", net.fc("fc6", x, 2 * w * after**2, 32))
    x = net.add("Dropout", "drop6", x, x, "dropout_param { dropout_ratio: 0.5 }")
    net.add("Softmax", "prob", net.fc("fc8", x, 32, 10))
    return net


def inception(size: int = 30) -> Net:
    """A module of GoogLeNet between a padded stem and a global average."""
    net = Net(3, size)
    x = net.relu("conv1/relu", net.conv("conv1/7x7_s2", "data", 3, 8, 7, param="pad: 3 stride: 2"))
    x = net.pool("pool1/3x3_s2", x, "pool: MAX kernel_size: 3 stride: 2")
    x = net.add("LRN", "pool1/norm1", x, None, "lrn_param { local_size: 3 alpha: 0.2 beta: 0.75 k: 1 }")
    a = net.relu("i/relu_1x1", net.conv("i/1x1", x, 8, 4, 1))
    b = net.relu("i/relu_3x3_reduce", net.conv("i/3x3_reduce", x, 8, 6, 1))
    b = net.relu("i/relu_3x3", net.conv("i/3x3", b, 6, 8, 3, param="pad: 1"))
    c = net.relu("i/relu_5x5_reduce", net.conv("i/5x5_reduce", x, 8, 2, 1))
    c = net.relu("i/relu_5x5", net.conv("i/5x5", c, 2, 4, 5, param="pad: 2"))
    d = net.pool("i/pool", x, "pool: MAX kernel_size: 3 stride: 1 pad: 1")
    d = net.relu("i/relu_pool_proj", net.conv("i/pool_proj", d, 8, 4, 1))
    x = net.add("Concat", "i/output", f"{a} {b} {c} {d}")
    x = net.pool("pool5", x, "pool: AVE kernel_size: 3 stride: 2 pad: 1")
    x = net.pool("pool6", x, "pool: AVE global_pooling: true")
    net.add("Softmax", "prob", net.fc("classifier", x, 20, 7))
    return net


def resnet(size: int = 33) -> Net:
    """Two residual blocks with BatchNorm and Scale, the second with a stride and a projection."""
    net = Net(3, size)

    def norm(name: str, blob: str, channels: int) -> str:
        r = net.random
        factor = 999.98
        statistics = [r.standard_normal(channels) * factor, r.uniform(0.5, 2, channels) * factor, [factor]]
        net.add(
            "BatchNorm", f"bn{name}", blob, blob, "batch_norm_param { use_global_stats: true }", statistics
        )
        scale = [r.uniform(0.5, 1.5, channels), net.small(channels)]
        return net.add("Scale", f"scale{name}", blob, blob, "scale_param { bias_term: true }", scale)

    def block(name: str, x: str, inputs: int, outputs: int, stride: int) -> str:
        y = net.conv(f"res{name}_a", x, inputs, outputs, 3, param=f"pad: 1 stride: {stride} bias_term: true")
        y = net.relu(f"res{name}_a_relu", norm(f"{name}_a", y, outputs))
        y = norm(f"{name}_b", net.conv(f"res{name}_b", y, outputs, outputs, 3, param="pad: 1"), outputs)
        if stride > 1:
            x = norm(
                f"{name}_1",
                net.conv(f"res{name}_1", x, inputs, outputs, 1, param=f"stride: {stride}"),
                outputs,
            )
        return net.relu(f"res{name}_relu", net.add("Eltwise", f"res{name}", f"{x} {y}"))

    x = net.relu(
        "conv1_relu", norm("_conv1", net.conv("conv1", "data", 3, 8, 7, param="pad: 3 stride: 2"), 8)
    )
    x = net.pool("pool1", x, "pool: MAX kernel_size: 3 stride: 2")
    x = block("2a", x, 8, 8, 1)
    x = block("3a", x, 8, 16, 2)
    x = net.pool("pool5", x, "pool: AVE kernel_size: 4 stride: 1")
    net.add("Softmax", "prob", net.fc("fc", x, 16, 5))
    return net
