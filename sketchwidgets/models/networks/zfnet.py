"""ZFNet (Zeiler & Fergus, ECCV 2014): AlexNet with smaller first filters, found by looking at its features."""

from collections.abc import Iterable, Sequence

from sketchwidgets.models.networks._eight_layers import EightLayers, FirstLayers


class ZFNet(EightLayers):
    """Zeiler & Fergus' network at the sizes printed in their figure 3, and its relatives in their table 3.

    First filters of 7x7 at stride 2, where AlexNet has 11x11 at stride 4: those were a mix of very high and very low
    frequencies, and the stride caused aliasing in layer 2. 62,357,608 parameters for 1,000 classes.

    ========  ======================  =========
    layer     filters                 map
    ========  ======================  =========
    conv1     96 of 7x7, stride 2     110 x 110
    pool1     3x3, stride 2           55 x 55
    conv2     256 of 5x5, stride 2    26 x 26
    pool2     3x3, stride 2           13 x 13
    conv3, 4  384 of 3x3              13 x 13
    conv5     256 of 3x3              13 x 13
    pool5     3x3, stride 2           6 x 6
    fc6, fc7  4096                    1 x 1
    fc8       classes                 1 x 1
    ========  ======================  =========

    A ReLU follows each of 1 to 7, contrast normalisation across maps pool1 and pool2, dropout fc6 and fc7. The
    paper prints no paddings: conv1 is padded by 1, and pool1 and pool2 count the window that hangs over the edge,
    which gives the printed sizes. It prints no constants of the normalisation either: they are AlexNet's.

    Parameters
    ----------
    classes : number of classes.
    channels : input channels.
    without : numbers of layers to leave out, among 3 to 7: (3, 4), (6, 7), ... of the ablation table. With 6 and 7
        left out, fc8 classifies the 6x6 map.
    conv : maps of conv1 to conv5; the wide network of table 3 is (96, 256, 512, 1024, 512).
    fc : units of fc6 and fc7, one number for both or two.
    dropout : probability after fc6 and fc7.
    groups : into how many groups the maps of layers 2, 4 and 5 are cut. 1 here, 2 in AlexNet.
    norm_before_pool : whether normalisation comes before the pool of layers 1 and 2, as in AlexNet.
    size : side of the input, None for that of the paper; all maps shrink with it, at 112 to about half of each side.

    The input is (n, channels, size, size). Weights are drawn as He et al. (ICCV 2015) do; the paper's standard
    deviation of 0.01 is meant for inputs of -128..128. Raises ValueError for sizes that make no network.

    >>> with torch.device("meta"):  # no memory, to look at shapes only
    ...     wide = sw.models.create("zfnet", conv=(96, 256, 512, 1024, 512))
    ...     wide(torch.zeros(1, 3, 224, 224)).shape
    torch.Size([1, 1000])
    """

    first = FirstLayers(224, conv1=(7, 2, 1), conv2=(2, 0), ceil=True)

    def __init__(
        self,
        classes: int = 1000,
        channels: int = 3,
        without: Iterable[int] = (),
        conv: Sequence[int] = (96, 256, 384, 384, 256),
        fc: int | Sequence[int] = 4096,
        dropout: float = 0.5,
        groups: int = 1,
        norm_before_pool: bool = False,
        size: int | None = None,
    ) -> None:
        super().__init__(classes, channels, without, conv, fc, dropout, groups, norm_before_pool, size)
