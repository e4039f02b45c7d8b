"""Running an imported network layer by layer, beside the arrays that its layers should make; a limit of memory."""

import tracemalloc

import numpy as np
import pytest
import torch


@pytest.fixture
def numbers():
    """Random arrays of a given shape, always the same ones."""
    rng = np.random.default_rng(0)
    return lambda *shape: rng.standard_normal(shape).astype(np.float32)


@pytest.fixture
def layer_outputs():
    """name -> (height, width, channels) float64 of every layer for one image (height, width, channels)."""

    def run(network, image):
        outputs = {}
        handles = [
            module.register_forward_hook(
                lambda module, inputs, output, name=name: outputs.__setitem__(
                    name, output[0].permute(1, 2, 0).double().numpy()
                )
            )
            for name, module in network.named_children()
        ]
        with torch.no_grad():
            network(torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)[None])
        for handle in handles:
            handle.remove()
        return outputs

    return run


@pytest.fixture
def no_large_allocation():
    """No test may hold more than 40 MB at a time: Python's and numpy's memory is counted."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40_000_000
