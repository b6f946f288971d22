"""`wavspa fit --help`: what a user looks for is there, described, and the page stays short."""

import re
from contextlib import redirect_stdout
from dataclasses import fields
from functools import cache
from io import StringIO

import pytest

import datamodules
from datamodules.base import Facts
from wavspa_lit.attention import AttentionConfig
from wavspa_lit.choices import settings_of
from wavspa_lit.cli import run
from wavspa_lit.nn import EncoderConfig
from wavspa_lit.optim import OptimizerConfig
from wavspa_lit.tasks import loading
from wavspa_lit.wavelets import WaveletConfig


@cache
def helped(*arguments):
    """What a command prints as its help on a terminal of 80 characters."""
    output = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), pytest.raises(SystemExit) as stop:
        patch.setenv("COLUMNS", "80")
        run(list(arguments))
    assert stop.value.code == 0
    return output.getvalue()


def test_the_page_describes_every_flag_of_the_model_within_300_lines():
    page = helped("fit", "--help")
    assert len(page.splitlines()) <= 300
    groups = {"encoder": EncoderConfig, "encoder.wavelet": WaveletConfig, "encoder.attention": AttentionConfig}
    for group, config in {**groups, "optimizer": OptimizerConfig}.items():
        for field in fields(config):
            if f"encoder.{field.name}" not in groups:
                assert re.search(rf"\n  --model\.{group}\.{field.name}\s+\S+\s+[^-\s]\S*\s+\w+", page), field.name
    assert "Channels of the residual stream. [64]" in page
    assert all(name in page for name in datamodules.__all__ if name != "SequenceDataModule")


def test_what_the_data_give_is_no_flag():
    page = helped("fit", "--help")
    assert [each.name for each in fields(Facts) if f"--model.{each.name} " in page] == []


@pytest.mark.parametrize("name", loading.TASKS)
def test_the_flags_of_a_task_are_what_it_reads(name):
    page, kind = helped("fit", "--model.help", name), loading.TASKS[name]
    flags = set(re.findall(r"\n  --model\.(\w+)[ ,]", page))
    assert flags == settings_of(kind) - {"encoder", "optimizer", "objective"}


def test_the_page_is_grouped_and_ends_with_what_is_rarely_used():
    page = helped("fit", "--help")
    places = [page.index(f"\n{title}") for title in ("Run:", "Task", "Encoder:", "Data:", "Trainer:", "Rarely used")]
    assert places == sorted(places)
    assert page.index("--run ") < page.index("--trainer.max_steps") < page.index("sync_batchnorm")
    assert "--help_all" in page


def test_each_command_has_its_own_flags():
    fit, predict = helped("fit", "--help"), helped("predict", "--help")
    assert "--resume" in fit and "--inputs" not in fit
    assert "--inputs" in predict and "--resume" not in predict and "reviews.tsv" in predict


def test_everything_can_be_seen():
    every = helped("fit", "--help_all")
    assert "--trainer.reload_dataloaders_every_n_epochs" in every and "--best_checkpoint.every_n_epochs" in every
    task = helped("fit", "--model.help", "SequenceClassification")
    assert "Channels of the residual stream." in task and "What the classifier reads" in task
