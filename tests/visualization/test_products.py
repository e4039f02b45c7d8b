"""Matrix products by whichever library is the quicker: the same numbers as torch.addmm, also where it cannot be used."""

import pytest
import torch

from sketchwidgets.visualization import _products
from sketchwidgets.visualization._products import addmm


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("layout", ["of a Linear", "contiguous"])
def test_as_torch_addmm(dtype: torch.dtype, layout: str) -> None:
    torch.manual_seed(0)
    weight = (
        torch.randn(7, 300, dtype=dtype).t() if layout == "of a Linear" else torch.randn(300, 7, dtype=dtype)
    )
    bias, rows = torch.randn(7, dtype=dtype), torch.randn(5, 300, dtype=dtype)
    made = addmm(bias, rows, weight)
    assert made.dtype == dtype
    torch.testing.assert_close(made, torch.addmm(bias, rows, weight))


def test_factors_are_kept() -> None:
    bias, rows, weight = torch.tensor([1.0, 2.0]), torch.tensor([[3.0]]), torch.tensor([[5.0, 7.0]])
    assert addmm(bias, rows, weight, beta=2, alpha=10).tolist() == [[152.0, 214.0]]


def test_without_the_quick_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_products, "_quick_product", None)
    bias, rows, weight = torch.zeros(2), torch.ones(3, 4), torch.ones(2, 4).t()
    assert torch.equal(addmm(bias, rows, weight), torch.full((3, 2), 4.0))
