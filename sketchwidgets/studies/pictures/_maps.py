"""What speaks for a class in a drawing, by each method, and two numbers for a map."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sketchwidgets.visualization import Network, invert, maximize, occlusion, record

PROJECTIONS = {
    "gradient": ("backprop", "standard"),
    "deconvnet": ("deconvnet", "standard"),
    "guided backprop": ("guided", "standard"),
    "relevance": ("backprop", "relevance"),
}
MODIFICATION, RECONSTRUCTION = "occlusion", ("inversion", "maximisation")
METHODS = (MODIFICATION, *PROJECTIONS, *RECONSTRUCTION)

ABOUT = {
    "drawing": "what the network sees, and what it says",
    "occlusion": "input modification: by how much the class becomes less probable under a patch of paper "
    "(Zeiler & Fergus 2014)",
    "gradient": "of the class score by the pixels (Simonyan et al. 2013)",
    "deconvnet": "the signal is rectified on its way down (Zeiler & Fergus 2014)",
    "guided backprop": "both rules together (Springenberg et al. 2015)",
    "relevance": "shares of the score are passed down (Bach et al. 2015)",
    "inversion": "input reconstruction: another drawing with like features in a middle layer (Mahendran & Vedaldi 2015)",
    "maximisation": "input reconstruction: what the network would rather see, from blank paper (Simonyan et al. 2013)",
}


def class_map(network: Network, image: Tensor, target: int, method: str) -> Tensor:
    """(H, W) on the CPU, 0 or more: how much each pixel has to do with the class, up to a factor."""
    if method == MODIFICATION:
        return _occlusion(network, image, target)
    rule, convolution = PROJECTIONS[method]
    layer = network.class_layer()
    found = record(network.module, image, layer).project(
        layer, 1, rule, channels=[target], signal="unit", convolution=convolution
    )
    return found.images[0, 0].abs().sum(0).float().cpu()


def _occlusion(network: Network, image: Tensor, target: int) -> Tensor:
    """By how much the class becomes less probable where a patch covers a pixel, on average over the patches."""
    side = max(8, image.shape[-1] // 8)
    found = occlusion(
        network,
        image,
        target,
        size=side,
        stride=max(2, side // 2),
        overhang=True,
        fill="paper" if network.ink == "positive" else "grey",
        progress=False,
    )
    fallen = (found.probability_before - found.probability).flatten().tolist()
    heat, times = torch.zeros(image.shape[2:]), torch.zeros(image.shape[2:])
    for (top, left, bottom, right), by in zip(found.boxes.reshape(-1, 4).tolist(), fallen, strict=True):
        heat[top:bottom, left:right] += by
        times[top:bottom, left:right] += 1
    return (heat / times.clamp_min(1)).clamp_min(0)


def reconstruction(network: Network, image: Tensor, target: int, method: str, seed: int) -> Tensor:
    """(H, W) of 0 to 1, dark ink on white paper: what is made instead of the drawing."""
    if method == "inversion":
        layers = network.layers()
        middle = layers[len(layers) // 2]
        found = invert(network, image, middle, seed=seed, progress=False)
    else:
        found = maximize(network, None, target, seed=seed, progress=False)
    return paper(network, found.images)


def paper(network: Network, image: Tensor) -> Tensor:
    """(H, W) of 0 to 1: an input as a person sees it."""
    picture = torch.from_numpy(network.picture(image)[0].copy()).float() / 255
    return picture if picture.ndim == 2 else picture.mean(2)


def near_ink(picture: Tensor) -> Tensor:
    """(H, W) bool: ink of a picture (H, W) of 0 to 1, or beside it by at most a hundredth of the side."""
    reach = max(1, round(picture.shape[-1] / 100))
    return F.max_pool2d((picture < 0.5).float()[None, None], 2 * reach + 1, 1, reach)[0, 0] > 0


def ink_share(heat: Tensor, near: Tensor) -> float:
    """Share of a map (H, W) that lies near ink, (H, W) bool; 0 for an empty map."""
    return float((heat * near).sum() / heat.sum()) if heat.sum() > 0 else 0.0


def correlation(first: Tensor, second: Tensor, near: Tensor) -> float:
    """Spearman's rank correlation of two maps (H, W) near ink, (H, W) bool; 0 where one is constant.

    Elsewhere nearly all maps are nearly empty, so that any two would be alike.
    """
    from scipy.stats import spearmanr

    flat = [values[near].numpy() for values in (first, second)]
    if not near.any() or any(values.min() == values.max() for values in flat):
        return 0.0
    return float(spearmanr(*flat).statistic)


def strength(heat: Tensor) -> Tensor:
    """A map with its strongest value at 1, a few pixels cut off: one alone would make all others pale."""
    peak = float(heat.flatten().quantile(0.995)) or float(heat.max())
    return (heat / peak).clamp(0, 1) if peak > 0 else heat
