"""A Sketch-a-Net of six channels learns from drawings whose strokes are removed and deformed."""

import torch

from sketchwidgets.training.inputs.images import Augmentation
from sketchwidgets.training.recognizers.cnn import CNNRecipe, CNNTraining, DrawingData


def test_it_learns_a_batch_and_folds_into_a_plain_network(drawings, tmp_path):
    torch.manual_seed(0)
    changing = Augmentation(removal=0.5, deformation=0.5)
    recipe = CNNRecipe(steps=5, batch_size=6, dropout=0.0, augmentation=changing, channels="order")
    data = DrawingData(drawings, recipe, validate_on=4)
    training = CNNTraining(len(drawings.classes), recipe, tmp_path, every=100)
    training.log = lambda *_args, **_kwargs: None  # no Trainer is listening
    images, labels = data.batches.batch(0)
    assert images.shape == (6, 6, 225, 225)
    optimizer = torch.optim.AdamW(training.parameters(), 1e-3)
    losses = []
    for step in range(recipe.steps):
        loss = training.training_step((images, labels), step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        training.network.keep_scales_positive()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]

    plain = training.network.fold()
    assert plain.conv1.in_channels == 6
    for whole_or_half in data.val_dataloader():
        held_out, _ = next(iter(whole_or_half))
        training.network.eval()
        with torch.inference_mode():
            scores = training.network(held_out)
            torch.testing.assert_close(plain(held_out), scores, atol=1e-3, rtol=1e-3)
