"""Damaged and hostile Caffe files: a clear error that names file, layer and field, and nothing huge is allocated."""

import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from caffe_files import Net, blob, caffemodel, run, varint, whole, write
from hypothesis import given
from hypothesis import strategies as st

import sketchwidgets as sw
from sketchwidgets.models.importers import NetworkFileError

CONV = "convolution_param { num_output: 2 kernel_size: 3 }"


def small():
    """Every way in which a layer can be wired and weighted, in 20 lines."""
    net = Net(3, 12)
    x = net.relu("relu", net.conv("conv", "data", 3, 4, 3, param="pad: 1"))
    net.add("BatchNorm", "bn", x, x, "", [[0, 1, 2, 3], [1, 1, 1, 1], [1]])
    net.add("Scale", "scale", x, x, "scale_param { bias_term: true }", [[1, 2, 1, 2], [0, 0, 0, 1]])
    x = net.pool("pool", x, "pool: AVE kernel_size: 3 stride: 2")
    net.add("Slice", "cut", x, "a b", "slice_param { slice_point: 1 }")
    x = net.add("Concat", "joined", "b a")
    x = net.add("Eltwise", "sum", f"{x} pool", None, "eltwise_param { coeff: 1 coeff: -1 }")
    net.add("LRN", "norm", x, x, "lrn_param { local_size: 3 }")
    net.add("Softmax", "prob", net.fc("fc", x, 144, 3))
    return net


def read(folder, text, weights=None):
    return sw.models.from_caffe(*write(folder, text, weights))


def one(
    param="", kind="Convolution", size="input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 9", bottom="data"
):
    return f'input: "data" {size} layer {{ name: "x" type: "{kind}" bottom: "{bottom}" top: "x" {param} }}'


def conv(field):
    return one(f"convolution_param {{ num_output: 2 kernel_size: 3 {field} }}")


def pool(fields):
    return one(f"pooling_param {{ {fields} }}", "Pooling")


TEXTS = {
    "not text": ("\0\1\2 hello", "net.prototxt: not a network in protobuf text"),
    "empty": ("", "networks of one input are known, and this one has none"),
    "no layers": ('input: "data" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 9', "has none"),
    "unknown type": (one(kind="Im2colx"), "layer 'x': the type 'Im2colx' is not known here"),
    "unknown type of the old format": (
        'layers { name: "x" type: MVN bottom: "d" top: "d" }',
        "'d', which no layer before",
    ),
    "old type without a number": (
        'input: "d" layers { name: "x" bottom: "d" top: "d" }',
        "its type is missing",
    ),
    "format before 2014": (
        'layers { layer { name: "c1" type: "conv" } bottom: "d" top: "c" }',
        "'c1'.*before 2014",
    ),
    "both formats": ('layers { type: RELU } layer { type: "ReLU" }', "of the new format"),
    "unknown bottom": (
        one(bottom="nowhere"),
        r"layer 'x' \(Convolution\): takes 'nowhere', which no layer before",
    ),
    "a cycle": (
        'input: "d" layer { name: "a" type: "ReLU" bottom: "y" top: "x" }'
        'layer { name: "b" type: "ReLU" bottom: "x" top: "y" }',
        "layer 'a'.*takes 'y', which no layer before it makes",
    ),
    "no kernel": (one("convolution_param { num_output: 2 }"), "kernel_size is missing"),
    "kernel of 10^9": (
        one("convolution_param { num_output: 2 kernel_size: 1000000000 }"),
        "kernel_size must be in 1..65536",
    ),
    "kernel beyond 64 bits": (
        one(f"convolution_param {{ num_output: 2 kernel_size: {10**30} }}"),
        "not a network",
    ),
    "kernel of 0": (
        one("convolution_param { num_output: 2 kernel_size: 0 }"),
        "kernel_size must be in 1..65536, not 0",
    ),
    "kernel below 0": (
        one("convolution_param { num_output: 2 kernel_size: -3 }"),
        "kernel_size must be .* not -3",
    ),
    "three axes": (conv("kernel_size: 3 kernel_size: 3"), "3 numbers"),
    "kernel twice": (conv("kernel_h: 3 kernel_w: 3"), "given beside"),
    "kernel larger than the maps": (
        one("convolution_param { num_output: 2 kernel_size: 99 }"),
        "kernel of 99 x 99",
    ),
    "stride of 0": (conv("stride: 0"), "stride must be in 1..65536, not 0"),
    "padding of 10^9": (conv("pad: 1000000000"), "pad must be in"),
    "padding that fills the memory": (conv("pad: 60000"), "too large"),
    "10^9 outputs": (
        one("convolution_param { num_output: 1000000000 kernel_size: 1 }"),
        "num_output must be in",
    ),
    "outputs that fill the memory": (
        one("convolution_param { num_output: 16000000 kernel_size: 1 }"),
        "too large",
    ),
    "weights that fill the memory": (
        one(
            "inner_product_param { num_output: 16000000 }",
            "InnerProduct",
            "input_dim: 1 input_dim: 3 input_dim: 99 input_dim: 99",
        ),
        "more than 200000000 weights",
    ),
    "group of 0": (conv("group: 0"), "group must be in"),
    "group that does not divide": (conv("group: 2"), "group 2 does not divide 3 channels"),
    "dilation of 10^9": (conv("dilation: 1000000000"), "dilation must be in"),
    "another axis": (conv("axis: 2"), "axis must be 1"),
    "stochastic pool": (pool("pool: STOCHASTIC kernel_size: 2"), "STOCHASTIC"),
    "pool without a kernel": (pool("stride: 2"), "kernel_size is missing"),
    "dilated pool": (pool("kernel_size: 2 dilation: 2"), "dilation of pools"),
    "padding as large as the pool": (pool("kernel_size: 2 pad: 2"), "padding .2, 2. is not smaller"),
    "global pool with a kernel": (pool("global_pooling: true kernel_size: 2"), "global_pooling"),
    "a pool beyond the border": (pool("kernel_size: 1 stride: 5"), "the last window lies beyond the border"),
    "even response norm": (one("lrn_param { local_size: 4 }", "LRN"), "local_size must be odd"),
    "huge response norm": (
        one("lrn_param { local_size: 1000000001 }", "LRN"),
        "local_size must be in 1..1000",
    ),
    "infinite alpha": (one("lrn_param { alpha: inf }", "LRN"), "alpha must be finite"),
    "dropout of 1": (one("dropout_param { dropout_ratio: 1 }", "Dropout"), "dropout_ratio"),
    "batch statistics": (
        one("batch_norm_param { use_global_stats: false }", "BatchNorm"),
        "use_global_stats",
    ),
    "eps of 0": (one("batch_norm_param { eps: 0 }", "BatchNorm"), "eps must be above 0"),
    "reshape that does not fit": (
        one("reshape_param { shape { dim: 0 dim: 5 } }", "Reshape"),
        "cannot become",
    ),
    "reshape that mixes images": (
        one("reshape_param { shape { dim: -1 dim: 9 } }", "Reshape"),
        "mixes images",
    ),
    "reshape to 2^60": (
        one(f"reshape_param {{ shape {{ dim: 0 dim: {2**60} dim: -1 }} }}", "Reshape"),
        "cannot become",
    ),
    "flatten of images": (one("flatten_param { axis: 0 }", "Flatten"), "axis must be an axis"),
    "softmax over no axis": (
        one("softmax_param { axis: 7 }", "Softmax") + ' layer { type: "ReLU" bottom: "x" top: "y" }',
        "axis must",
    ),
    "clip upside down": (one("clip_param { min: 1 max: 0 }", "Clip"), "min must be below max"),
    "slice beyond": (
        one("slice_param { slice_point: 5 }", "Slice").replace('top: "x"', 'top: "x" top: "y"'),
        "does not cut",
    ),
    "slice into too many": (
        one("", "Slice").replace('top: "x"', 'top: "x" top: "y"'),
        "3 does not go into 2",
    ),
    "a crop beyond": (
        one("crop_param { offset: 1 }", "Crop").replace('bottom: "data"', 'bottom: "data" bottom: "data"'),
        "goes beyond",
    ),
    "eltwise of one": (one("", "Eltwise"), "two or more inputs"),
    "relu of two": (
        one("", "ReLU").replace('bottom: "data"', 'bottom: "data" bottom: "data"'),
        "takes 2 inputs",
    ),
    "two tops of relu": (
        one("", "ReLU").replace('top: "x"', 'top: "x" top: "y"'),
        "makes 1 blobs, and has 2 tops",
    ),
    "no top": (one("", "ReLU").replace('top: "x"', ""), "its tops are"),
    "the same top twice": (one("", "Slice").replace('top: "x"', 'top: "x" top: "x"'), "its tops are"),
    "rules both ways": (one("include { phase: TEST } exclude { phase: TRAIN }"), "include and to exclude"),
    "an unknown filler": (conv('weight_filler { type: "magic" }'), "cannot fill weights by 'magic'"),
    "input of 10^9": (
        one(CONV, size="input_dim: 1 input_dim: 3 input_dim: 1000000000 input_dim: 9"),
        "images of up to 4096",
    ),
    "input below 0": (
        one(CONV, size="input_dim: 1 input_dim: -3 input_dim: 9 input_dim: 9"),
        "has the shape",
    ),
    "input without a shape": (one(CONV, size=""), "1 inputs, and the shapes of 0"),
    "input of two axes": (one(CONV, size="input_shape { dim: 1 dim: 5 }"), "has the shape"),
    "two inputs": (
        one(
            CONV,
            size='input: "b" input_shape { dim: 1 dim: 3 dim: 9 dim: 9 } input_shape { dim: 1 dim: 3 dim: 9 dim: 9 }',
        )
        + 'layer { name: "s" type: "Eltwise" bottom: "x" bottom: "b" top: "s" }',
        "networks of one input",
    ),
    "deeply nested": ("layer { " * 5000, "line 1 nests deeper than 50"),
    "deeply nested unknown fields": ("a { " * 60 + "}" * 60, "nests deeper"),
    "an Input that says nothing": (
        'layer { name: "d" type: "Input" top: "d" } layer { type: "ReLU" bottom: "d" top: "x" }',
        "says nothing",
    ),
    "data of unknown size": (
        'layer { name: "d" type: "Data" top: "d" } layer { type: "ReLU" bottom: "d" top: "x" }',
        "give input_size",
    ),
    "an order of its own": ("# channel order: green\n" + one(CONV), "preprocessing: channel_order .*'green'"),
    "a size of its own": ("# resize: 5e9\n" + one(CONV), "resize '5e9' is no number"),
    "a huge size": ("# resize: 99999999\n" + one(CONV), "preprocessing: resize"),
    "a scale of 0": (
        'layer { name: "d" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 9 } }'
        "transform_param { scale: 0 } }" + one(CONV, size="").replace('input: "data"', ""),
        "preprocessing: scale",
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_wrong_in_a_prototxt_is_named(name, tmp_path):
    text, message = TEXTS[name]
    tracemalloc.start()
    try:
        with pytest.raises(NetworkFileError, match=message) as raised:
            read(tmp_path, text)
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert "net.prototxt" in str(raised.value)
    assert len(str(raised.value)) < 600


def test_names_as_long_as_the_file_and_shared_by_all(tmp_path):
    name = "x" * 1_000_000
    with pytest.raises(NetworkFileError, match="layer 'xxx") as raised:
        read(tmp_path, one(bottom=name).replace('"x"', f'"{name}"'))
    assert len(str(raised.value)) < 400
    text = one("", "ReLU") + 'layer { name: "x" type: "ReLU" bottom: "x" top: "x" }\n' * 3000
    network = read(tmp_path, text)
    assert len(list(network.children())) == 3001


def test_a_huge_prototxt_is_not_parsed(tmp_path):
    with pytest.raises(NetworkFileError, match=r"net.prototxt: 5000\d\d\d bytes; at most 4000000"):
        read(tmp_path, "#" * 5_000_100)
    with pytest.raises(NetworkFileError, match="more than 10000 layers"):
        read(tmp_path, "layer { }\n" * 10_001)


def layer_bytes(*blobs, name="x"):
    return run(100, run(1, name) + b"".join(run(7, content) for content in blobs))


WEIGHT, BIAS = blob(np.zeros((2, 3, 3, 3))), blob(np.zeros(2))
MODELS = {
    "empty": (b"", r"layer 'x' \(Convolution\): blob 0 \(2 x 3 x 3 x 3\) is missing"),
    "garbage": (b"\xff\xfe\xfd" * 20, "net.caffemodel: not a file of Caffe, or cut short"),
    "an HDF5 snapshot": (b"\x89HDF\r\n\x1a\n" + bytes(100), "net.caffemodel: a snapshot in HDF5"),
    "of another network": (caffemodel({"y": [np.zeros(3)]}), "blob 0 .* is missing"),
    "one blob": (layer_bytes(WEIGHT), r"blob 1 \(2\) is missing"),
    "three blobs": (layer_bytes(WEIGHT, BIAS, BIAS), "3 blobs; the layer has 2"),
    "another shape": (
        layer_bytes(blob(np.zeros((2, 3, 5, 5))), BIAS),
        "blob 0 states the shape 2 x 3 x 5 x 5; the layer needs",
    ),
    "2^60 numbers": (
        layer_bytes(blob(np.zeros(4), (2**30, 2**30)), BIAS),
        "states the shape 1073741824 x 1073741824, which no",
    ),
    "a size below 0": (layer_bytes(blob(np.zeros(4), (-2, 3, 3, -3)), BIAS), "which no blob can have"),
    "fewer numbers than stated": (
        layer_bytes(blob(np.zeros(5), (2, 3, 3, 3)), BIAS),
        "holds 5 numbers; its shape .* needs 54",
    ),
    "more numbers than stated": (layer_bytes(blob(np.zeros(55), (2, 3, 3, 3)), BIAS), "holds 55 numbers"),
    "no numbers": (layer_bytes(blob(np.zeros(0), (2, 3, 3, 3)), BIAS), "holds 0 numbers"),
    "half a number": (
        layer_bytes(run(7, run(1, b"\2\3\3\3")) + run(5, b"\0" * 217), BIAS),
        "ends in the middle of a number",
    ),
    "not finite": (layer_bytes(blob(np.full((2, 3, 3, 3), np.nan)), BIAS), "not finite"),
    "a thousand axes": (
        layer_bytes(run(7, run(1, b"\1" * 1000)) + run(5, b"\0" * 216), BIAS),
        "which no blob can have",
    ),
    "old style of 2^60": (
        layer_bytes(whole(1, 2**60) + whole(2, 1) + whole(3, 1) + whole(4, 1) + run(5, b"\0" * 216), BIAS),
        "which no blob can have",
    ),
    "a length beyond the file": (run(100, run(1, "x") + varint(7 << 3 | 2) + varint(2**40)), "cut short"),
    "a name that is no text": (run(100, run(1, b"\xff\xfe") + run(7, WEIGHT)), "net.caffemodel"),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_wrong_in_a_caffemodel_is_named(name, tmp_path):
    content, message = MODELS[name]
    (tmp_path / "net.prototxt").write_text(one(CONV))
    (tmp_path / "net.caffemodel").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(NetworkFileError, match=message) as raised:
            sw.models.from_caffe(tmp_path / "net.prototxt", tmp_path / "net.caffemodel")
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert "net.caffemodel" in str(raised.value)


def test_statistics_that_cannot_be(tmp_path):
    text = one("", "BatchNorm")
    with pytest.raises(NetworkFileError, match=r"layer 'x' \(BatchNorm\): a variance is below 0"):
        read(tmp_path, text, {"x": [np.zeros(3), np.full(3, -1.0), np.ones(1)]})
    with pytest.raises(NetworkFileError, match="the scale of its statistics"):
        read(tmp_path, text, {"x": [np.zeros(3), np.ones(3), np.full(1, 1e-45)]})


def test_comments_in_other_encodings_and_marks_of_byte_order(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_bytes(b"\xef\xbb\xbf# \xbe\xed\xbb\xfd\xb2\xe3\r\n" + one("", "ReLU").encode())
    assert sw.models.from_caffe(path).input_size == (9, 9)


def test_two_layers_with_weights_of_one_name(tmp_path):
    text = one(CONV) + ' layer { name: "x" type: "PReLU" bottom: "x" top: "y" }'
    with pytest.raises(NetworkFileError, match="another layer with weights has the same name"):
        read(tmp_path, text)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file at"):
        sw.models.from_caffe(tmp_path / "none.prototxt")
    path, _ = write(tmp_path, one(CONV))
    with pytest.raises(FileNotFoundError, match=r"none\.caffemodel"):
        sw.models.from_caffe(path, tmp_path / "none.caffemodel")
    for files in ((tmp_path,), (path, tmp_path)):
        with pytest.raises(FileNotFoundError, match=f"^{tmp_path} is a folder, not a file$"):
            sw.models.from_caffe(*files)
    with pytest.raises(FileNotFoundError, match=f"^{tmp_path} is a folder, not a file$"):
        sw.models.from_caffe(path, class_names=tmp_path)
    with pytest.raises(ValueError, match="output must be one of 'x', not 'y'"):
        sw.models.from_caffe(path, output="y")
    with pytest.raises(ValueError, match="class_names has 1 names; the network has 2 outputs"):
        sw.models.from_caffe(path, class_names=["a"])
    with pytest.raises(TypeError, match="input_size must be"):
        sw.models.from_caffe(path, input_size=2.5)


GOOD = small()
TEXT, MODEL = GOOD.text.encode(), caffemodel(GOOD.weights)


def loads_or_says_why(folder, text: bytes, model: bytes):
    (folder / "net.prototxt").write_bytes(text)
    (folder / "net.caffemodel").write_bytes(model)
    with suppress(NetworkFileError):  # and nothing else
        network = sw.models.from_caffe(folder / "net.prototxt", folder / "net.caffemodel")
        assert all(tensor.isfinite().all() for tensor in network.state_dict().values())


def changed(content: bytes, edits) -> bytes:
    """The file with bytes overwritten, put in or taken out, and cut off."""
    content = bytearray(content)
    for where, kind, new in edits:
        at = int(where * len(content))
        if kind == "write":
            content[at : at + len(new)] = new
        elif kind == "insert":
            content[at:at] = new
        elif kind == "delete":
            del content[at : at + 4 * len(new)]
        else:
            del content[at:]
    return bytes(content)


EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["write", "write", "insert", "delete", "cut"]),
        st.binary(min_size=1, max_size=6)
        | st.sampled_from([b"{", b"}", b"-1", b"9999999999", b'"', b"\xff" * 5, b"0"]),
    ),
    max_size=4,
)


@given(EDITS)
def test_any_change_of_a_caffemodel_loads_or_says_why(tmp_path_factory, edits):
    loads_or_says_why(tmp_path_factory.getbasetemp(), TEXT, changed(MODEL, edits))


@given(EDITS)
def test_any_change_of_a_prototxt_loads_or_says_why(tmp_path_factory, edits):
    loads_or_says_why(tmp_path_factory.getbasetemp(), changed(TEXT, edits), MODEL)
