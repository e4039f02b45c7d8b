"""The moving average of weights."""

import torch

from sketchwidgets.training.recognizers.averaging import update_average


def test_the_average_is_that_of_its_definition():
    torch.manual_seed(0)
    average, network = torch.nn.BatchNorm1d(3), torch.nn.BatchNorm1d(3)
    expected = average.weight.detach().clone()
    for step in range(60):
        torch.nn.init.normal_(network.weight)
        network.num_batches_tracked += 1
        update_average(average, network, 0.8, step)
        stays = min(0.8, (step + 1) / (step + 10))
        expected = stays * expected + (1 - stays) * network.weight.detach()
    torch.testing.assert_close(average.weight.detach(), expected)
    # Counts are not averaged.
    assert average.num_batches_tracked.item() == 60
