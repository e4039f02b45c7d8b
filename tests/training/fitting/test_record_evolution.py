"""The callback that keeps the network of some epochs."""

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import sketchwidgets as sw
from sketchwidgets.training import RecordEvolution
from sketchwidgets.visualization.feature_evolution._checkpoints import read_state

pytestmark = pytest.mark.filterwarnings("ignore:::lightning", "ignore:::torch", "ignore:.*LeafSpec")


class Training(L.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 36, 2))
        self.seen = []

    def training_step(self, batch, _):
        images, labels = batch
        return nn.functional.cross_entropy(self.network(images), labels)

    def on_train_epoch_end(self):
        self.seen.append({name: tensor.clone() for name, tensor in self.network.state_dict().items()})

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


@pytest.fixture
def loader():
    generator = torch.Generator().manual_seed(0)
    return DataLoader(
        TensorDataset(torch.rand(12, 1, 8, 8, generator=generator), torch.arange(12) % 2), batch_size=4
    )


def fit(module, callback, loader, folder, **keywords):
    trainer = L.Trainer(
        accelerator="cpu",
        callbacks=[callback],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        **keywords,
    )
    trainer.fit(module, loader)


def test_records_the_network_as_it_was_and_evolution_reads_it(tmp_path, loader):
    module = Training()
    start = {name: tensor.clone() for name, tensor in module.network.state_dict().items()}
    callback = RecordEvolution(tmp_path / "epochs", epochs=(0, 1, 3, 64), network="network")
    fit(module, callback, loader, tmp_path, max_epochs=4)
    assert sorted(p.name for p in (tmp_path / "epochs").iterdir()) == [
        f"epoch-{epoch:05d}.safetensors" for epoch in (0, 1, 3)
    ]
    for epoch, want in ((0, start), (1, module.seen[0]), (3, module.seen[2])):
        found = read_state(callback.path(epoch))
        assert all(torch.equal(found[name], want[name]) for name in want)
    images = loader.dataset.tensors[0]
    found = sw.evolution(tmp_path / "epochs", module.network.eval(), images, progress=False)
    assert found.epochs == (0, 1, 3)
    module.network.load_state_dict(module.seen[2])
    want = module.network[:2](images).amax((2, 3)).max(0).values
    assert torch.equal(found["1"].activations[:, 2], want.detach())


def test_steps_in_place_of_epochs_and_a_function_for_the_network(tmp_path, loader):
    callback = RecordEvolution(tmp_path, (1, 2), lambda module: module.network[:2], epoch_steps=2)
    fit(Training(), callback, loader, tmp_path, max_steps=5)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "epoch-00001.safetensors",
        "epoch-00002.safetensors",
    ]
    assert set(read_state(callback.path(2))) == {"0.weight", "0.bias"}


def test_weights_that_are_not_finite_are_not_recorded(tmp_path, loader):
    module = Training()
    module.network[0].weight.data.fill_(torch.nan)
    with pytest.warns(RuntimeWarning, match="epoch 1 is not recorded"):
        fit(module, RecordEvolution(tmp_path, (1,)), loader, tmp_path, max_epochs=1)
    assert not list(tmp_path.iterdir())


def test_bad_arguments_are_named(tmp_path, loader):
    for arguments, message in (
        ({"epochs": (1.5,)}, "whole numbers"),
        ({"epochs": ()}, "epochs is empty"),
        ({"epoch_steps": 0}, "epoch_steps"),
    ):
        with pytest.raises(ValueError, match=message):
            RecordEvolution(tmp_path, **arguments)
    with pytest.raises(ValueError, match="no module 'cnn'"):
        fit(Training(), RecordEvolution(tmp_path, network="cnn"), loader, tmp_path, max_epochs=1)
