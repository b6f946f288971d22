import warnings

import pytest
import torch
from torch import nn

from wavspa_lit.callbacks import Health
from wavspa_lit.nn import ClassificationHead, Encoder, EncoderConfig
from wavspa_lit.optim import OptimizerConfig, parameter_groups
from wavspa_lit.tasks import SequenceClassification
from wavspa_lit.training import build_trainer


class Sequences(torch.utils.data.Dataset):
    def __len__(self):
        return 16

    def __getitem__(self, index):
        tokens = torch.randint(1, 9, (12,), generator=torch.Generator().manual_seed(index))
        return {"tokens": tokens, "labels": tokens[0] % 2}


def task(activation="normed_gelu"):
    torch.manual_seed(0)
    encoder = {
        "dim": 8,
        "layers": 1,
        "mlp_dim": 16,
        "dropout": 0.0,
        "attention": {"heads": 2},
        "wavelet": {"name": "db2"},
    }
    return SequenceClassification(encoder, {}, activation=activation, vocab_size=9, num_classes=2, max_length=12)


def warned(model, tmp_path, spoil, validations=2):
    """What is said after a validation of a model that was spoilt behind a sound first one."""
    loader = torch.utils.data.DataLoader(Sequences(), batch_size=8)
    health = Health()
    trainer = build_trainer(tmp_path, logger=False, enable_progress_bar=False, accelerator="cpu")
    trainer.callbacks = [health]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        trainer.validate(model, loader, verbose=False)
        sound = [str(each.message) for each in caught if "step 0" in str(each.message)]
        with torch.no_grad():
            spoil(model)
        for _ in range(validations):  # once is enough
            trainer.validate(model, loader, verbose=False)
    assert not sound
    return [str(each.message) for each in caught if str(each.message).startswith("step ")]


def test_a_sound_model_is_passed_over(tmp_path):
    assert warned(task(), tmp_path, lambda model: None) == []


def test_dead_units_and_equal_logits_are_told_once(tmp_path):
    told = warned(task("relu"), tmp_path, lambda model: model.head.mlp[0].bias.fill_(-100.0))
    assert len(told) == 2
    assert "16 of 16 hidden units" in told[0] and "logits are the same" in told[1]


def test_one_answer_for_all_is_told_after_some_validations(tmp_path):
    def prefer(model):
        model.head.mlp[-1].bias.copy_(torch.tensor([0.0, 100.0]))

    assert warned(task(), tmp_path / "2", prefer) == []
    (told,) = warned(task(), tmp_path / "4", prefer, 4)
    assert "every example of the last 3 validations was given one class, the last time 1" in told


def test_a_residual_stream_that_has_grown_is_told(tmp_path):
    (told,) = warned(task(), tmp_path, lambda model: model.encoder.blocks[0].mlp[3].bias.add_(1000.0))
    assert "residual stream has grown" in told


def train_on_noise(activation):
    """Share of the hidden units that are active for no example after training on what cannot be learned."""
    torch.manual_seed(0)
    head = ClassificationHead(32, 64, 2, "mean", activation)
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, betas=(0.9, 0.98))
    common = torch.randn(32)  # pooled states of different examples have much in common
    for _ in range(1000):
        x = common + 0.1 * torch.randn(64, 1, 32)
        loss = torch.nn.functional.cross_entropy(head(x), torch.randint(0, 2, (64,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    x = (common + 0.1 * torch.randn(64, 1, 32)).requires_grad_()
    hidden = head.mlp[1](head.mlp[0](x[:, 0]))
    return float((hidden.std(0) < 1e-6).float().mean())


def test_hidden_units_outlive_a_plateau():
    """Of the ReLUs that the heads had, most are dead by then."""
    assert train_on_noise("normed_gelu") < 0.1 and train_on_noise("relu") > 0.9


@pytest.mark.parametrize("activation", ["normed_gelu", "relu"])
def test_a_checkpoint_keeps_its_activation(tmp_path, activation):
    model = task(activation)
    trainer = build_trainer(tmp_path, logger=False, enable_progress_bar=False, accelerator="cpu", max_steps=1)
    trainer.fit(model, torch.utils.data.DataLoader(Sequences(), batch_size=8))
    path = tmp_path / "checkpoints" / "last.ckpt"
    loaded = SequenceClassification.load_from_checkpoint(path, weights_only=True)
    assert loaded.hparams["activation"] == activation and type(loaded.head.mlp[1]) is type(model.head.mlp[1])
    saved = torch.load(path, weights_only=True)
    del saved["hyper_parameters"]["activation"]  # as older versions saved it
    torch.save(saved, path)
    loaded = SequenceClassification.load_from_checkpoint(path, weights_only=True)
    assert isinstance(loaded.head.mlp[1], torch.nn.ReLU) and loaded.hparams["activation"] == "relu"


def growth_on_noise(**settings):
    """Times by which the residual stream grows while labels are random."""
    torch.manual_seed(0)
    config = EncoderConfig(dim=32, layers=3, mlp_dim=64, dropout=0.0, space="token")
    encoder, head = Encoder(config, 9, 24), ClassificationHead(32, 64, 2, "mean")
    sizes = []
    encoder.norm.register_forward_pre_hook(
        lambda _, inputs: sizes.append(float(inputs[0].detach().square().mean().sqrt()))
    )
    optimizer = OptimizerConfig(**settings)
    groups = parameter_groups(nn.ModuleList([encoder, head]), optimizer.weight_decay)
    adam = torch.optim.AdamW(groups, lr=optimizer.lr, betas=(optimizer.beta1, optimizer.beta2))
    for _ in range(500):
        loss = nn.functional.cross_entropy(head(encoder(torch.randint(1, 9, (16, 24)))[0]), torch.randint(0, 2, (16,)))
        adam.zero_grad()
        loss.backward()
        adam.step()
    return sizes[-1] / sizes[0]


def test_the_residual_stream_keeps_its_size_on_a_plateau():
    earlier = growth_on_noise(lr=4e-3, beta2=0.98)  # the default of earlier versions
    assert growth_on_noise(lr=4e-3) < 0.7 * earlier
