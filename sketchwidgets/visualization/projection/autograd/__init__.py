"""The general path: the same rules on PyTorch's own backward pass."""
