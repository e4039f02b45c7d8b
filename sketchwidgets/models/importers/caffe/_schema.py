"""The part of Caffe's file format that is needed here, described by ourselves for the protobuf library.

One line a field: type, name, number, default. `[]` is repeated, `[packed]` repeated in one run of bytes. Sizes
are int64 throughout, which reads the same bytes as Caffe's int32 and uint32 and can tell a negative one. Fields that are not
listed are passed over. The numbers of a blob (`data`, `double_data`) are declared as bytes, as packed numbers
lie in a file: they become an array without a Python object for each. `LooseBlob` is the same blob with
its numbers one by one, as a writer may store them too. Of a pool, `ceil_mode` and `dilation` are of other
branches of Caffe, which do not agree on their numbers: they are read from text, where names count, and never written.
"""

from functools import cache
from typing import Any

_ENUMS = {
    "Phase": "TRAIN=0 TEST=1",
    "EltwiseOp": "PROD=0 SUM=1 MAX=2",
    "NormRegion": "ACROSS_CHANNELS=0 WITHIN_CHANNEL=1",
    "PoolMethod": "MAX=0 AVE=1 STOCHASTIC=2",
    "RoundMode": "CEIL=0 FLOOR=1",
    "VarianceNorm": "FAN_IN=0 FAN_OUT=1 AVERAGE=2",
    "V1LayerType": """
        NONE=0 ACCURACY=1 BNLL=2 CONCAT=3 CONVOLUTION=4 DATA=5 DROPOUT=6 EUCLIDEAN_LOSS=7 FLATTEN=8 HDF5_DATA=9
        HDF5_OUTPUT=10 IM2COL=11 IMAGE_DATA=12 INFOGAIN_LOSS=13 INNER_PRODUCT=14 LRN=15
        MULTINOMIAL_LOGISTIC_LOSS=16 POOLING=17 RELU=18 SIGMOID=19 SOFTMAX=20 SOFTMAX_LOSS=21 SPLIT=22 TANH=23
        WINDOW_DATA=24 ELTWISE=25 POWER=26 SIGMOID_CROSS_ENTROPY_LOSS=27 HINGE_LOSS=28 MEMORY_DATA=29 ARGMAX=30
        THRESHOLD=31 DUMMY_DATA=32 SLICE=33 MVN=34 ABSVAL=35 SILENCE=36 CONTRASTIVE_LOSS=37 EXP=38
        DECONVOLUTION=39""",
}

_MESSAGES = {
    "BlobShape": "int64[packed] dim 1",
    "BlobProto": """
        int64 num 1, int64 channels 2, int64 height 3, int64 width 4, bytes[] data 5, BlobShape shape 7,
        bytes[] double_data 8""",
    "LooseBlob": "float[] data 5, double[] double_data 8",
    "FillerParameter": """
        string type 1 constant, float value 2, float min 3, float max 4 1, float mean 5, float std 6 1,
        VarianceNorm variance_norm 8""",
    "NetState": "Phase phase 1 TEST, int64 level 2, string[] stage 3",
    "NetStateRule": "Phase phase 1, int64 min_level 2, int64 max_level 3, string[] stage 4, string[] not_stage 5",
    "TransformationParameter": """
        float scale 1 1, int64 crop_size 3, string mean_file 4, float[] mean_value 5, bool force_color 6,
        bool force_gray 7""",
    "BatchNormParameter": "bool use_global_stats 1, float eps 3 1e-05",
    "BiasParameter": "int64 axis 1 1, int64 num_axes 2 1, FillerParameter filler 3",
    "ClipParameter": "float min 1, float max 2",
    "ConcatParameter": "int64 concat_dim 1 1, int64 axis 2 1",
    "ConvolutionParameter": """
        int64 num_output 1, bool bias_term 2 true, int64[] pad 3, int64[] kernel_size 4, int64 group 5 1,
        int64[] stride 6, FillerParameter weight_filler 7, FillerParameter bias_filler 8, int64 pad_h 9,
        int64 pad_w 10, int64 kernel_h 11, int64 kernel_w 12, int64 stride_h 13, int64 stride_w 14,
        int64 axis 16 1, int64[] dilation 18""",
    "CropParameter": "int64 axis 1 2, int64[] offset 2",
    # Of Data, ImageData and WindowData layers alike, where the numbers agree.
    "DataParameter": "float scale 2 1, string mean_file 3, int64 crop_size 5",
    "ImageDataParameter": """
        float scale 2 1, string mean_file 3, int64 crop_size 5, int64 new_height 9, int64 new_width 10,
        bool is_color 11 true""",
    "DropoutParameter": "float dropout_ratio 1 0.5",
    "DummyDataParameter": "int64[] num 2, int64[] channels 3, int64[] height 4, int64[] width 5, BlobShape[] shape 6",
    "EltwiseParameter": "EltwiseOp operation 1 SUM, float[] coeff 2",
    "ELUParameter": "float alpha 1 1",
    "FlattenParameter": "int64 axis 1 1, int64 end_axis 2 -1",
    "InnerProductParameter": """
        int64 num_output 1, bool bias_term 2 true, FillerParameter weight_filler 3, FillerParameter bias_filler 4,
        int64 axis 5 1, bool transpose 6""",
    "InputParameter": "BlobShape[] shape 1",
    "LRNParameter": """
        int64 local_size 1 5, float alpha 2 1, float beta 3 0.75, NormRegion norm_region 4, float k 5 1""",
    "MemoryDataParameter": "int64 batch_size 1, int64 channels 2, int64 height 3, int64 width 4",
    "PoolingParameter": """
        PoolMethod pool 1, int64[] kernel_size 2, int64[] stride 3, int64[] pad 4, int64 kernel_h 5,
        int64 kernel_w 6, int64 stride_h 7, int64 stride_w 8, int64 pad_h 9, int64 pad_w 10,
        bool global_pooling 12, RoundMode round_mode 13, bool ceil_mode 1001 true, int64[] dilation 1002""",
    "PowerParameter": "float power 1 1, float scale 2 1, float shift 3",
    "PReLUParameter": "FillerParameter filler 1, bool channel_shared 2",
    "ReLUParameter": "float negative_slope 1",
    "ReshapeParameter": "BlobShape shape 1, int64 axis 2, int64 num_axes 3 -1",
    "ScaleParameter": """
        int64 axis 1 1, int64 num_axes 2 1, FillerParameter filler 3, bool bias_term 4,
        FillerParameter bias_filler 5""",
    "SliceParameter": "int64 slice_dim 1 1, int64[] slice_point 2, int64 axis 3 1",
    "SoftmaxParameter": "int64 axis 2 1",
    "LayerParameter": """
        string name 1, string type 2, string[] bottom 3, string[] top 4, BlobProto[] blobs 7,
        NetStateRule[] include 8, NetStateRule[] exclude 9, Phase phase 10,
        TransformationParameter transform_param 100, ConcatParameter concat_param 104,
        ConvolutionParameter convolution_param 106, DataParameter data_param 107,
        DropoutParameter dropout_param 108, DummyDataParameter dummy_data_param 109,
        EltwiseParameter eltwise_param 110, ImageDataParameter image_data_param 115,
        InnerProductParameter inner_product_param 117, LRNParameter lrn_param 118,
        MemoryDataParameter memory_data_param 119, PoolingParameter pooling_param 121,
        PowerParameter power_param 122, ReLUParameter relu_param 123, SoftmaxParameter softmax_param 125,
        SliceParameter slice_param 126, DataParameter window_data_param 129, PReLUParameter prelu_param 131,
        ReshapeParameter reshape_param 133, FlattenParameter flatten_param 135,
        BatchNormParameter batch_norm_param 139, ELUParameter elu_param 140, BiasParameter bias_param 141,
        ScaleParameter scale_param 142, InputParameter input_param 143, CropParameter crop_param 144,
        ClipParameter clip_param 148""",
    "V0LayerParameter": "string name 1, string type 2",
    "V1LayerParameter": """
        V0LayerParameter layer 1, string[] bottom 2, string[] top 3, string name 4, V1LayerType type 5,
        BlobProto[] blobs 6, ConcatParameter concat_param 9, ConvolutionParameter convolution_param 10,
        DataParameter data_param 11, DropoutParameter dropout_param 12, ImageDataParameter image_data_param 15,
        InnerProductParameter inner_product_param 17, LRNParameter lrn_param 18, PoolingParameter pooling_param 19,
        DataParameter window_data_param 20, PowerParameter power_param 21, MemoryDataParameter memory_data_param 22,
        EltwiseParameter eltwise_param 24, DummyDataParameter dummy_data_param 26, ReLUParameter relu_param 30,
        SliceParameter slice_param 31, NetStateRule[] include 32, NetStateRule[] exclude 33,
        TransformationParameter transform_param 36, SoftmaxParameter softmax_param 39""",
    "NetParameter": """
        string name 1, V1LayerParameter[] layers 2, string[] input 3, int64[] input_dim 4, NetState state 6,
        BlobShape[] input_shape 8, LayerParameter[] layer 100""",
}


@cache
def message(name: str) -> Any:
    """The class of a message, such as "NetParameter"."""
    from google.protobuf import message_factory

    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"caffe.{name}"))


@cache
def _pool() -> Any:
    """All messages, in a pool of their own: another Caffe in the same process has the same names."""
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(
        name="sketchwidgets/caffe.proto", package="caffe", syntax="proto2"
    )
    for name, values in _ENUMS.items():
        enum = file.enum_type.add(name=name)
        # Values share the scope of their enum's parent: each has its enum's name before it in a scope of its own.
        for value in values.split():
            label, number = value.split("=")
            enum.value.add(name=label, number=int(number))
    _nest_enums(file)
    for name, fields in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for line in fields.split(","):
            _add_field(made, *line.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


def _nest_enums(file: Any) -> None:
    """Put every enum into a message of its own, where its labels (MAX of two of them) do not meet others."""
    for enum in list(file.enum_type):
        file.message_type.add(name=f"{enum.name}Scope").enum_type.add().CopyFrom(enum)
    del file.enum_type[:]


def _add_field(made: Any, kind: str, name: str, number: str, default: str | None = None) -> None:
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field

    base, _, repeated = kind.partition("[")
    field = made.field.add(name=name, number=int(number))
    field.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
    if repeated == "packed]":
        field.options.packed = True
    if base in _ENUMS:
        field.type, field.type_name = Field.TYPE_ENUM, f".caffe.{base}Scope.{base}"
    elif base in _MESSAGES:
        field.type, field.type_name = Field.TYPE_MESSAGE, f".caffe.{base}"
    else:
        field.type = getattr(Field, f"TYPE_{base.upper()}")
    if default is not None:
        field.default_value = default
