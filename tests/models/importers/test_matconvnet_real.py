"""Three networks that people have trained with MatConvNet and published; read only where they are present."""

import matconvnet_forward as mcn
import numpy as np
import pytest
import scipy.io
import torch

import sketchwidgets as sw


@pytest.fixture
def folder(shared):
    path = shared / "models" / "matconvnet"
    if not path.is_dir():
        pytest.skip("the networks are not beside the checkout")
    return path


def test_an_old_simplenn_computes_what_its_file_says(folder, numbers, layer_outputs):
    network = sw.models.from_matconvnet(folder / "charscnn.mat")
    assert (network.input_size, network.source) == ((32, 32), ("MatConvNet SimpleNN", "charscnn.mat"))
    assert network.preprocessing.mean.item() == pytest.approx(107.5847, abs=1e-4)
    raw = scipy.io.loadmat(folder / "charscnn.mat", squeeze_me=True, struct_as_record=False)
    x = 50 * numbers(32, 32, 1).astype(np.float64)
    for layer, found in zip(raw["layers"], layer_outputs(network, x).values(), strict=True):
        if layer.type == "conv":
            filters = layer.filters[:, :, None, :] if layer.filters.ndim == 3 else layer.filters
            x = mcn.conv(x, filters, layer.biases)
        elif layer.type == "pool":
            x = mcn.pool(x, layer.pool, (layer.stride, layer.stride))
        else:
            x = mcn.relu(x)
        assert np.abs(found - x).max() < 1e-4 * np.abs(x).max() + 1e-6
    assert x.shape == (1, 1, 26)


@pytest.mark.parametrize(("name", "kind"), [("sigma25.mat", "SimpleNN"), ("DnCNN-epoch-50.mat", "DagNN")])
def test_denoisers_denoise(name, kind, folder):
    """Zhang et al., TIP 2017: the networks predict the noise of deviation 25, and their DnCNN gains about 9 dB."""
    data = pytest.importorskip("skimage.data")
    network = sw.models.from_matconvnet(folder / name)
    assert network.source.format == f"MatConvNet {kind}"
    clean = torch.from_numpy(data.camera()[200:296, 150:246].copy()).float()[None, None] / 255
    noisy = clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = network(noisy)
    # One returns the noise; the other ends with a sum of it and the image, and returns the picture.
    restored = noisy - made if kind == "SimpleNN" else made
    before, after = ((image - clean).square().mean().log10().mul(-10).item() for image in (noisy, restored))
    assert before == pytest.approx(20.2, abs=0.3)
    assert after > before + 6


def test_real_networks_are_projected(folder):
    network = sw.models.from_matconvnet(folder / "DnCNN-epoch-50.mat", input_size=40)
    assert len(network.graph) == len(list(network.children()))
    noise = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    result = sw.project(network, noise, layers=["relu2", "relu47"], top=1)
    assert result["relu47"].images.abs().sum() > 0
    top, left, bottom, right = result["relu2"].boxes[0, 0].tolist()
    assert (bottom - top, right - left) <= (3, 3)
