"""What a recurrent network reads of a stroke's points, beside the CNN's features of the picture."""

from torch import Tensor, nn
from torch.nn import functional as F

from sketchwidgets.models._checks import check_probability, check_sizes
from sketchwidgets.sketch.stroke_descriptors import descriptor_size


class StrokeEncoder(nn.Module):
    """Three layers with ReLUs on the descriptor of one stroke (`sketch.stroke_descriptors`).

    Coordinates beside pixels, as in Sketch-R2CNN (Li et al., 2018); here a whole stroke is one step.

    Parameters
    ----------
    samples : points that each stroke is resampled to.
    hidden_size : width of the first two layers.
    size : length of the result.
    dropout : dropout probability of the result during training.

    >>> encoder = StrokeEncoder(samples=16, size=256)
    >>> encoder(torch.zeros(5, 77)).shape
    torch.Size([5, 256])
    """

    def __init__(
        self, samples: int = 16, hidden_size: int = 384, size: int = 256, dropout: float = 0.0
    ) -> None:
        super().__init__()
        check_sizes(samples=samples, hidden_size=hidden_size, size=size)
        if samples < 2:
            raise ValueError(f"samples must be at least 2, got {samples}")
        check_probability("dropout", dropout)
        # What `models.create` needs to build this network again; saved with the weights.
        self.arguments = {"samples": samples, "hidden_size": hidden_size, "size": size, "dropout": dropout}
        self.samples, self.size = samples, size
        self.input_size = descriptor_size(samples)
        self.layer1 = nn.Linear(self.input_size, hidden_size)
        self.layer2 = nn.Linear(hidden_size, hidden_size)
        self.layer3 = nn.Linear(hidden_size, size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, descriptors: Tensor) -> Tensor:
        """(..., size), at least 0, from descriptors (..., descriptor_size(samples))."""
        return self.dropout(F.relu(self.layer3(F.relu(self.layer2(F.relu(self.layer1(descriptors)))))))
