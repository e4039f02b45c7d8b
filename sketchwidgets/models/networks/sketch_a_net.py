"""Sketch-a-Net (Yu et al., BMVC 2015): the convolutional network made for sketches."""

from collections import OrderedDict

from torch import nn

from sketchwidgets.models._checks import check_probability, check_sizes
from sketchwidgets.models.networks._chain import Chain


class SketchANet(Chain):
    """Sketch-a-Net, layer for layer as in the authors' `cnn_sketch.m` (Yu et al., BMVC 2015, table 1).

    Large first filters (15x15, stride 3) because strokes carry structure and no texture; overlapping 3x3/2 max
    pools; no local response normalisation. The fully connected layers are convolutions over the whole map.
    8,508,666 parameters for 250 classes and one channel, 8,580,666 for six.

    Parameters
    ----------
    classes : number of classes (250 in TU-Berlin).
    channels : input channels, 1 for the drawing alone, 6 for the stroke-order channels of the paper.
    dropout : dropout probability after fc6 and fc7, 0.5 in the paper.
    width : channels of every hidden layer, relative to the paper's; 0.25 is twelve times as fast.

    The input is (n, channels, 225, 225), float, ink positive on a background of 0.

    >>> net = SketchANet(classes=250)
    >>> net(torch.zeros(2, 1, 225, 225)).shape
    torch.Size([2, 250])
    """

    input_size = 225

    def __init__(
        self, classes: int = 250, channels: int = 1, dropout: float = 0.5, width: float = 1.0
    ) -> None:
        check_sizes(classes=classes, channels=channels)
        check_probability("dropout", dropout)
        if isinstance(width, bool) or not isinstance(width, int | float) or not 1 / 64 <= width <= 8:
            raise ValueError(f"width must be a number from 1/64 to 8, not {width!r}")
        a, b, c, d = (max(1, round(n * width)) for n in (64, 128, 256, 512))
        super().__init__(
            OrderedDict(
                conv1=nn.Conv2d(channels, a, 15, stride=3),
                relu1=nn.ReLU(),
                pool1=nn.MaxPool2d(3, 2),
                conv2=nn.Conv2d(a, b, 5),
                relu2=nn.ReLU(),
                pool2=nn.MaxPool2d(3, 2),
                conv3=nn.Conv2d(b, c, 3, padding=1),
                relu3=nn.ReLU(),
                conv4=nn.Conv2d(c, c, 3, padding=1),
                relu4=nn.ReLU(),
                conv5=nn.Conv2d(c, c, 3, padding=1),
                relu5=nn.ReLU(),
                pool5=nn.MaxPool2d(3, 2),
                fc6=nn.Conv2d(c, d, 7),
                relu6=nn.ReLU(),
                drop6=nn.Dropout(dropout),
                fc7=nn.Conv2d(d, d, 1),
                relu7=nn.ReLU(),
                drop7=nn.Dropout(dropout),
                fc8=nn.Conv2d(d, classes, 1),
            )
        )
        self.feature_size = d
        self.initialize()
        # What `models.create` needs to build this network again; saved with the weights.
        self.arguments = {"classes": classes, "channels": channels, "dropout": dropout}
        # Only where it differs, so that versions without this argument read the paper's network too.
        if width != 1:
            self.arguments["width"] = width
