"""LeNet-5 (LeCun, Bottou, Bengio & Haffner, Proc. IEEE 1998)."""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sketchwidgets.models._checks import check_sizes
from sketchwidgets.models.networks._chain import Chain

# Table I of the paper: the maps of S2 that each of the 16 maps of C3 sees.
CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class LeNet(Chain):
    """LeNet-5: the sizes of the paper, with the parts of today or those of 1998.

    ======  =====  ==================  =======
    layer   paper  filters             map
    ======  =====  ==================  =======
    conv1   C1     6 of 5x5            28 x 28
    pool1   S2     2x2, stride 2       14 x 14
    conv2   C3     16 of 5x5           10 x 10
    pool2   S4     2x2, stride 2       5 x 5
    conv3   C5     120 of 5x5          1 x 1
    fc4     F6     84                  1 x 1
    fc5     (RBF)  classes             1 x 1
    ======  =====  ==================  =======

    Parameters
    ----------
    classes : number of classes.
    channels : input channels.
    original : False, ReLU, max pooling and full connections, as in what is called LeNet today: 61,706 parameters
        for 10 classes. True, as printed: 1.7159 tanh(2/3 x) after every layer, pools that sum and have a weight and a
        bias a map, conv2 connected by table I, weights drawn uniformly within 2.4 / fan-in; 60,000 parameters up to
        F6, as the paper counts. The ten radial basis functions on top, drawn by hand for characters, are a linear
        layer here in either case.

    The input is (n, channels, 32, 32).

    >>> net = sw.models.create("lenet", classes=250)
    >>> net(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 250])
    >>> original = sw.models.create("lenet", original=True)
    >>> sum(p.numel() for name, p in original.named_parameters() if not name.startswith("fc5"))
    60000
    """

    input_size = 32
    feature_size = 84

    def __init__(self, classes: int = 10, channels: int = 1, original: bool = False) -> None:
        check_sizes(classes=classes, channels=channels)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        widths = (channels, 6, 16, 120, 84)
        for number, (width, filters) in enumerate(pairwise(widths), 1):
            name = f"conv{number}" if number < 4 else f"fc{number}"
            layers[name] = nn.Conv2d(width, filters, 5 if number < 4 else 1)
            layers[f"{'tanh' if original else 'relu'}{number}"] = ScaledTanh() if original else nn.ReLU()
            if number < 3:
                layers[f"pool{number}"] = Subsampling(filters) if original else nn.MaxPool2d(2)
                if original:
                    layers[f"pool_tanh{number}"] = ScaledTanh()
        layers["fc5"] = nn.Conv2d(widths[-1], classes, 1)
        super().__init__(layers)
        if original:
            self._initialize_as_in_1998()
            parametrize.register_parametrization(self.conv2, "weight", Table(CONNECTIONS, maps=6))
        else:
            self.initialize()
        # What `models.create` needs to build this network again; saved with the weights.
        self.arguments = {"classes": classes, "channels": channels, "original": original}

    def _initialize_as_in_1998(self) -> None:
        for name, module in self.named_children():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                if name == "conv2":  # of each map its own, by the table
                    fan_in = torch.tensor([25.0 * len(seen) for seen in CONNECTIONS])[:, None, None, None]
                nn.init.uniform_(module.weight, -2.4, 2.4)
                with torch.no_grad():
                    module.weight /= fan_in
                nn.init.zeros_(module.bias)


class ScaledTanh(nn.Module):
    """1.7159 tanh(2/3 x): 1 at 1 and -1 at -1 (LeCun et al. 1998, appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """Half the resolution: the mean of 2x2 neighbours, times a weight, plus a bias; one of each a map.

    The paper sums, which is the same with a quarter of the weight.
    """

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.mean = nn.AvgPool2d(2)
        # A filter of one pixel that sees one map: a weight and a bias each.
        self.scale = nn.Conv2d(maps, maps, 1, groups=maps)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.scale.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(self.mean(x))


class Table(nn.Module):
    """Filters of which only those are kept, and trained, that a table of connections names.

    A parametrization: what is stored are the kernels (connections, h, w), what the convolution sees is (filters,
    maps, h, w) with zeros everywhere else.
    """

    def __init__(self, connections: tuple[tuple[int, ...], ...], maps: int) -> None:
        super().__init__()
        self.shape = (len(connections), maps)
        # Not a buffer: networks are also built without storage, and then given the tensors of a file.
        self.places = [filter_ * maps + seen for filter_, row in enumerate(connections) for seen in row]

    def forward(self, kernels: Tensor) -> Tensor:
        filters, maps = self.shape
        weight = kernels.new_zeros(filters * maps, *kernels.shape[1:])
        return weight.index_copy(0, self._index(kernels), kernels).view(filters, maps, *kernels.shape[1:])

    def right_inverse(self, weight: Tensor) -> Tensor:
        return weight.flatten(0, 1)[self._index(weight)]

    def _index(self, tensor: Tensor) -> Tensor:
        return torch.tensor(self.places, device=tensor.device)
