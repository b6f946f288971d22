"""What the monitor shows of a training, and that the training does not notice."""

import pytest
import torch
from lightning import Trainer, seed_everything
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from datamodules import ChomskyHierarchy, Lego
from wavspa_lit.callbacks import WaveletMonitor
from wavspa_lit.callbacks.wavelets import longest_sequence, name_at_start
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.reporting.charts import HEIGHT, WIDTH, draw_panels
from wavspa_lit.reporting.pictures import filter_curves, filter_panels
from wavspa_lit.tasks import TokenReasoning
from wavspa_lit.wavelets import AdaptiveBank, AdaptiveLifting, FixedBank, OrthogonalBank, WaveletConfig


def fit(folder, monitor, steps=4, checkpoint=None, logger=TensorBoardLogger, **settings):
    """Weights after a training with dropout, which is validated every second step."""
    seed_everything(0)
    data = Lego(n_vars=4, n_train_vars=2, num_train=64, num_val=21, num_test=21, batch_size=8)
    settings = {"wavelet": WaveletConfig(level=2), **settings}
    encoder = EncoderConfig(dim=16, layers=1, mlp_dim=16, dropout=0.3, **settings)
    names = ("vocab_size", "num_classes", "max_length", "group_name", "group_values", "trained_groups")
    task = TokenReasoning(encoder, OptimizerConfig(lr=0.01), **{name: getattr(data, name) for name in names})
    trainer = Trainer(
        accelerator="cpu",
        default_root_dir=folder,
        logger=logger(folder, name="", version=""),
        callbacks=[monitor] if monitor else [],
        enable_progress_bar=False,
        enable_model_summary=False,
        max_steps=steps,
        val_check_interval=2,
    )
    trainer.fit(task, data, ckpt_path=checkpoint)
    return trainer, task.state_dict()


def logged(folder, kind):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()
    read = events.Images if kind == "images" else events.Scalars
    return {tag: [event.step for event in read(tag)] for tag in events.Tags()[kind]}, events


def test_a_training_shows_its_inside_and_does_not_notice(tmp_path):
    _, plain = fit(tmp_path / "plain", None)
    _, watched = fit(tmp_path / "watched", WaveletMonitor())
    assert all(torch.equal(value, plain[name]) for name, value in watched.items())
    pictures, events = logged(tmp_path / "watched", "images")
    names = ("filters/layer_1", "attention", "entropy_by_head", "scalogram")
    assert {f"wavelet/{name}" for name in names} <= pictures.keys()
    assert all(steps[0] == 0 and steps[-1] == 3 for steps in pictures.values())
    curves, _ = logged(tmp_path / "watched", "scalars")
    bands = ("approximation_2", "detail_2", "detail_1")
    expected = {f"wavelet_{kind}/layer_1_{band}" for kind in ("energy", "entropy") for band in bands}
    expected |= {f"wavelet/{kind}_error/layer_1" for kind in ("reconstruction", "orthogonality")}
    assert expected <= curves.keys() and all(curves[name] == [0, *curves["val/acc"]] for name in expected)
    assert "0 means that" in events.SummaryMetadata("wavelet/reconstruction_error/layer_1").summary_description


def test_a_resumed_training_compares_with_its_own_start(tmp_path):
    first = WaveletMonitor()
    trainer, _ = fit(tmp_path, first)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = WaveletMonitor()
    fit(tmp_path, again, 6, tmp_path / "last.ckpt")
    start = first._start["layer_1"]
    assert start.keys() == again._start["layer_1"].keys()
    assert all(torch.equal(value, again._start["layer_1"][name]) for name, value in start.items())
    steps = logged(tmp_path, "images")[0]["wavelet/attention"]
    assert steps.count(0) == 1 and steps[-1] == logged(tmp_path, "scalars")[0]["val/acc"][-1]


def test_other_loggers_get_the_numbers(tmp_path):
    fit(tmp_path, WaveletMonitor(), logger=CSVLogger, space="token", wavelet=WaveletConfig())
    head = next(tmp_path.rglob("metrics.csv")).read_text().splitlines()[0].split(",")
    assert "token_entropy/layer_1_tokens" in head and not any("energy" in name for name in head)


def test_the_example_is_long_and_has_no_padding():
    tokens, mask = torch.arange(12).view(2, 6), torch.arange(6) < torch.tensor([[2], [4]])
    assert longest_sequence({"tokens": tokens, "mask": mask}).tolist() == [[6, 7, 8, 9]]
    pairs = {"tokens": tokens.view(1, 2, 6), "mask": mask[None]}
    assert longest_sequence(pairs).tolist() == [[0, 1]]
    assert longest_sequence({"features": torch.ones(2, 6, 3)}).shape == (1, 6, 3)


@pytest.mark.parametrize(
    "wavelet,rows,named",
    [
        (AdaptiveBank.from_wavelet("db4", 3), ["analysis low-pass"], True),
        (AdaptiveBank.from_wavelet("db4", tied=False), ["analysis low-pass", "synthesis low-pass"], True),
        (FixedBank.from_wavelet("bior2.2"), ["analysis low-pass", "synthesis low-pass"], False),
        (OrthogonalBank.from_wavelet("db4", 3, random_angles=True), ["analysis low-pass"], False),
        (AdaptiveLifting.from_wavelet("db4", 3), ["predict", "update"], False),
    ],
)
def test_filters_are_drawn_with_what_they_were(wavelet, rows, named):
    curves = filter_curves(wavelet)
    assert [name for name in curves if "response" not in name] == rows
    called = name_at_start(curves, "db4")
    assert called == ("db4 at the start" if named else "grey: at the start")
    panels = filter_panels(curves, curves, "layer 2", called)
    titles = [panel.title for panel in panels]
    assert [title for title in titles if "response" not in title] == [f"layer 2, {row}, {called}" for row in rows]
    picture = draw_panels(panels)
    assert picture.shape == (HEIGHT * len(panels), WIDTH, 3) and picture.min() < 50 and (picture[:, :4] == 255).all()


def test_responses_are_those_of_the_bank():
    bank = OrthogonalBank.from_wavelet("db4", 3, random_angles=True)
    curves = filter_curves(bank)
    for name, response in zip(("low-pass", "high-pass"), bank.frequency_response(64), strict=True):
        median = curves[f"analysis response, {name}"][1]
        torch.testing.assert_close(median, response.abs().median(1).values.detach(), rtol=1e-4, atol=1e-5)


def test_the_example_is_looked_for_in_the_whole_split(tmp_path):
    """The first batches of this validation have sequences of one symbol."""
    data = ChomskyHierarchy(task="even_pairs", max_train_length=10, max_test_length=10, batch_size=8)
    task = TokenReasoning.for_data(
        data.facts, encoder=EncoderConfig(dim=8, layers=1, mlp_dim=8), optimizer={"lr": 0.01}
    )
    monitor = WaveletMonitor()
    options = {"max_steps": 1, "limit_val_batches": 1, "enable_progress_bar": False, "enable_model_summary": False}
    Trainer(accelerator="cpu", default_root_dir=tmp_path, logger=False, callbacks=[monitor], **options).fit(task, data)
    assert monitor._example.shape[1] > 8
