"""`wavspa list`: what can be chosen, and what has been trained."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_type_hints

KINDS = ("data", "tasks", "models", "configs", "runs")


def run(arguments: Sequence[str]) -> None:
    """Prints all lists, or those that are named."""
    unknown = [name for name in arguments if name not in KINDS]
    if unknown:
        raise SystemExit(f"error: unknown list {unknown[0]!r}; known: {', '.join(KINDS)}")
    for name in arguments or KINDS:
        print(f"{name}:")
        for line in {"data": _data, "tasks": _tasks, "models": _models, "configs": _configs, "runs": _runs}[name]():
            print(f"  {line}")


def _summary(kind: type) -> str:
    return f"{kind.__name__:<24} {(kind.__doc__ or '').splitlines()[0]}"


def _data() -> list[str]:
    import datamodules

    return [_summary(getattr(datamodules, name)) for name in datamodules.__all__ if name != "SequenceDataModule"]


def _tasks() -> list[str]:
    import wavspa_lit.tasks

    return [_summary(getattr(wavspa_lit.tasks, name)) for name in wavspa_lit.tasks.__all__ if name != "Task"]


def _models() -> list[str]:
    from wavspa_lit.attention import AttentionConfig
    from wavspa_lit.choices import names_of
    from wavspa_lit.nn import EncoderConfig
    from wavspa_lit.wavelets import WaveletConfig

    choices = (
        ("encoder.space", EncoderConfig, "space"),
        ("encoder.wavelet.kind", WaveletConfig, "kind"),
        ("encoder.attention.kind", AttentionConfig, "kind"),
        ("encoder.positions", EncoderConfig, "positions"),
    )
    lines = []
    for name, config, field in choices:
        lines.append(f"--model.{name:<24} {', '.join(names_of(get_type_hints(config)[field]))}")
    return lines


def _configs() -> list[str]:
    files = sorted(Path("configs").rglob("*.yaml"))
    return [f"{file}: {file.read_text().splitlines()[0].lstrip('# ')}" for file in files] or ["none in ./configs"]


def _runs() -> list[str]:
    lines = []
    for folder in ("runs", "checkpoints"):
        for checkpoint in sorted(Path(folder).rglob("*.ckpt")):
            results = checkpoint.parent.parent / "results.json"
            tested = json.loads(results.read_text()).get("test", {}) if results.is_file() else {}
            accuracy = tested.get("test/acc")
            lines.append(f"{checkpoint}" + ("" if accuracy is None else f"  test accuracy {100 * accuracy:.1f} %"))
    return lines or ["none in ./runs"]
