"""The parameters of a network by depth, and the features that its last layer classifies."""

from torch import Tensor, nn

from sketchwidgets.models.networks._chain import Chain


def layer_groups(network: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of a network in groups, first layers first, for learning rates by layer.

    A group is what the network's own structure makes one layer: a convolution or a fully connected layer with its
    bias, a residual block, an Inception module. Normalisation goes with the layer before it. Every parameter is in
    one group, once; layers without parameters have none. The order is that in which the network names its layers.
    Parameters of the network itself, such as a learnt first state, go with its first layer.

    >>> network = sw.models.create("sketch_a_net", classes=250)
    >>> [sum(p.numel() for p in group) for group in sw.models.layer_groups(network)][:3]
    [14464, 204928, 295168]
    >>> groups = sw.models.layer_groups(network)
    >>> optimizer = torch.optim.SGD([{"params": g, "lr": 1e-2 * 0.5**i} for i, g in enumerate(reversed(groups))])
    """
    if not isinstance(network, nn.Module):
        raise TypeError(f"network must be a torch.nn.Module, not {type(network).__name__}")
    groups: list[list[nn.Parameter]] = []
    taken: set[int] = set()
    waiting = list(network.parameters(recurse=False))
    for layer in _layers(network):
        own = [*waiting, *layer.parameters()]
        own = [p for p in dict.fromkeys(own) if id(p) not in taken]
        taken.update(map(id, own))
        waiting = []
        if not own:
            continue
        if groups and all(p.ndim < 2 for p in own):
            groups[-1] += own
        else:
            groups.append(own)
    return groups or ([waiting] if waiting else [])


def penultimate(network: nn.Module, images: Tensor) -> Tensor:
    """What the last layer with weights classifies, (n, features), of images (n, channels, h, w).

    4,096 numbers of AlexNet, VGG-16 and ZFNet, 512 of Sketch-a-Net and ResNet-18, 1,024 of GoogLeNet, 2,048 of
    ResNet-50. The mode of the network stays as it is: in training dropout has acted on them. Raises ValueError
    where no linear layer or convolution runs.

    >>> network = sw.models.create("resnet18_sketch", classes=250).eval()
    >>> sw.models.penultimate(network, torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 512])
    """
    seen: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen[:] = inputs[:1]

    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    handles = [layer.register_forward_pre_hook(keep) for layer in layers]
    try:
        network(images)
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise ValueError(
            f"no linear layer or convolution of {type(network).__name__} ran: there are no features"
        )
    return seen[0].flatten(1)


def _layers(network: nn.Module) -> list[nn.Module]:
    """The layers of a network in order: its children, and in place of a plain list of layers what is in it."""
    found: list[nn.Module] = []
    for child in network.children():
        # Not any Sequential: a block may be one by inheritance, and a layer in its own right.
        if type(child) in (nn.Sequential, nn.ModuleList) or isinstance(child, Chain):
            found += _layers(child)
        else:
            found.append(child)
    return found
