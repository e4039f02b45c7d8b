"""Matrix products by whichever of PyTorch's libraries is the quicker."""

import torch
from torch import Tensor


def addmm(bias: Tensor, rows: Tensor, weight: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · bias + alpha · rows (n, inputs) @ weight (inputs, outputs), as `torch.addmm`.

    In float32 on a processor, oneDNN takes the many rows where PyTorch asks the BLAS, which on some processors needs a
    third more time.
    """
    plain = beta == 1 and alpha == 1 and bias.ndim == 1 and weight.t().is_contiguous()
    if plain and _quick_product is not None and all(_fits(tensor) for tensor in (bias, rows, weight)):
        return _quick_product(rows, weight.t(), bias, "none", [], "")
    return torch.addmm(bias, rows, weight, beta=beta, alpha=alpha)


def _fits(tensor: Tensor) -> bool:
    return tensor.device.type == "cpu" and tensor.dtype == torch.float32


# Of PyTorch's compiler, and not documented, so it may be gone one day.
_quick_product = (
    getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
)
