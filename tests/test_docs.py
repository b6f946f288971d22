"""The documentation names files that are there, and its program runs."""

import re

import pytest
import yaml


@pytest.fixture
def pages(configs):
    return [
        configs.parent / "README.md",
        configs.parent / "CONTRIBUTING.md",
        *sorted((configs.parent / "docs").glob("*.md")),
    ]


def test_links_lead_somewhere(pages):
    broken = [
        f"{page.name}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_page_is_in_the_contents(configs, pages):
    contents = yaml.safe_load((configs.parent / "mkdocs.yml").read_text())["nav"]
    named = re.findall(r"[\w-]+\.md", str(contents))
    assert sorted(named) == sorted(page.name for page in pages if page.parent.name == "docs")


def test_looking_inside_works_as_shown(configs, capsys):
    (program,) = re.findall(r"```python\n(.*?)```", (configs.parent / "docs" / "seeing.md").read_text(), re.DOTALL)
    exec(program, {})
    assert capsys.readouterr().out.count("'approximation 2', 'detail 2', 'detail 1'") == 2
