"""The code-understanding configs over made-up files in the published formats."""

import runpy
from pathlib import Path

import numpy
import pytest
import yaml

from datamodules import Files

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def write():
    """Writes the files of one of the three data sets below a folder."""
    return runpy.run_path(str(REPOSITORY / "scripts" / "code_fixtures.py"))


@pytest.mark.parametrize(
    ("name", "sizes", "paired"),
    [("devign", (40, 40, 40), False), ("clones", (40, 40, 40), True), ("d2a", (36, 4, 40), False)],
)
def test_published_formats_are_read(name, sizes, paired, write, tmp_path):
    write["main"](tmp_path / "data")
    settings = yaml.safe_load((REPOSITORY / "configs" / f"{name}.yaml").read_text())
    assert settings["data"]["class_path"] == "Files"
    data = Files(**settings["data"]["init_args"])
    data.prepare_data()
    assert tuple(len(data.dataset(split)) for split in ("train", "val", "test")) == sizes
    assert data.class_names == ("0", "1") and data.facts.paired == paired and data.vocab_size == 257
    tokens = data.dataset("test").batch(numpy.array([1]))["tokens"].flatten(0, -2)[0]
    text = bytes((tokens[tokens > 0] - 1).tolist()).decode()
    assert text.startswith("public static int f" if paired else "static int f1(char *text") and text.endswith("}")


def test_functions_without_labels_can_be_predicted(write, tmp_path):
    write["write_d2a"](tmp_path / "data" / "d2a")
    settings = yaml.safe_load((REPOSITORY / "configs" / "d2a.yaml").read_text())["data"]["init_args"]
    data = Files(**settings)
    data.read_inputs("data/d2a/function/d2a_lbv1_function_test.csv")
    assert len(data.input_names) == 40 and len(next(iter(data.predict_dataloader()))["tokens"]) == 32
