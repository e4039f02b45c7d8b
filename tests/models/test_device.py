"""Which device "auto" is, and devices that are not there."""

import pytest
import torch

from sketchwidgets import models


@pytest.mark.parametrize(
    ("cuda", "mps", "chosen"), [(True, False, "cuda"), (False, True, "cpu"), (False, False, "cpu")]
)
def test_auto(monkeypatch, cuda, mps, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert models.resolve_device() == torch.device(chosen)


def test_mps_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert models.resolve_device("mps") == torch.device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="this machine has no device 'mps'"):
        models.resolve_device("mps")
