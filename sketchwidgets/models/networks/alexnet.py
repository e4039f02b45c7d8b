"""AlexNet (Krizhevsky, Sutskever & Hinton, NIPS 2012)."""

from collections.abc import Iterable, Sequence

from sketchwidgets.models.networks._eight_layers import EightLayers, FirstLayers


class AlexNet(EightLayers):
    """AlexNet as published: two GPUs' worth of groups, normalisation before pooling. Arguments as of `ZFNet`.

    Its first filters are 11x11 at stride 4. That is the one change between the two networks: `groups=1,
    norm_before_pool=False` makes this ZFNet but for layer 1, and the stride of conv2 that makes up for it there
    (1 with padding 2, instead of 2 without), so that both arrive at 13 x 13. 60,965,224 parameters for 1,000 classes.

    ========  ======================  =========
    layer     filters                 map
    ========  ======================  =========
    conv1     96 of 11x11, stride 4   55 x 55
    pool1     3x3, stride 2           27 x 27
    conv2     256 of 5x5              27 x 27
    pool2     3x3, stride 2           13 x 13
    conv3, 4  384 of 3x3              13 x 13
    conv5     256 of 3x3              13 x 13
    pool5     3x3, stride 2           6 x 6
    fc6, fc7  4096                    1 x 1
    fc8       classes                 1 x 1
    ========  ======================  =========

    The input is (n, channels, size, size), with size 227 if not given: the paper says 224, from which its own sizes
    do not follow. torchvision's network of this name is the narrower one of Krizhevsky 2014, see `AlexNetSketch`.

    >>> with torch.device("meta"):
    ...     network = sw.models.create("alexnet", classes=250, channels=1, without=(3, 4))
    >>> [name for name, layer in network.named_children() if name.startswith("conv")]
    ['conv1', 'conv2', 'conv5']
    """

    first = FirstLayers(227, conv1=(11, 4, 0), conv2=(1, 2), ceil=False)

    def __init__(
        self,
        classes: int = 1000,
        channels: int = 3,
        without: Iterable[int] = (),
        conv: Sequence[int] = (96, 256, 384, 384, 256),
        fc: int | Sequence[int] = 4096,
        dropout: float = 0.5,
        groups: int = 2,
        norm_before_pool: bool = True,
        size: int | None = None,
    ) -> None:
        super().__init__(classes, channels, without, conv, fc, dropout, groups, norm_before_pool, size)
