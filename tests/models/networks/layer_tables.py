"""What a network makes of an image, layer by layer, without any memory for its numbers."""

import torch
from torch import nn


def output_shapes(network: nn.Module, channels: int) -> dict[str, tuple[int, ...]]:
    """Layer name -> (channels, h, w) of its output, for the network's own input size; a network on "meta"."""
    shapes = {}

    def keep(name):
        def hook(_module, _inputs, output):
            shapes[name] = tuple(output.shape[1:])

        return hook

    handles = [layer.register_forward_hook(keep(name)) for name, layer in network.named_modules() if name]
    try:
        network.eval()(torch.zeros(2, channels, network.input_size, network.input_size, device="meta"))
    finally:
        for handle in handles:
            handle.remove()
    return shapes


def parameters(network: nn.Module) -> dict[str, int]:
    """Layer name -> how many parameters it has, for the layers that have any."""
    counts = {name: sum(p.numel() for p in layer.parameters()) for name, layer in network.named_children()}
    return {name: count for name, count in counts.items() if count}


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())
