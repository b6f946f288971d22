"""A report as one HTML page with everything in it, or as Markdown with pictures beside it."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment

from wavspa_lit.files import replacing
from wavspa_lit.reporting.table import columns_of, render

HTML = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1300px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: 1em 0; font-size: 14px } .wide { overflow-x: auto }
th, td { padding: .3em .7em; border-bottom: 1px solid #ddd; text-align: left; white-space: nowrap }
th { border-bottom: 2px solid #888 } td.number { text-align: right; font-variant-numeric: tabular-nums }
figure { display: inline-block; margin: 0 1em 1em 0; vertical-align: top } img { max-width: 100%; height: auto }
figcaption { font-size: 14px } h2 { margin-top: 2em; border-bottom: 1px solid #ddd } .note { color: #a40 }
</style>
<h1>{{ title }}</h1>
{% for section in sections %}<h2>{{ section.title }}</h2>
{% for text in section.texts %}<p>{{ text }}</p>
{% endfor %}{% for text in section.notes %}<p class="note">{{ text }}</p>
{% endfor %}{% for table in section.tables %}<div class="wide"><table><tr>
{%- for column in columns_of(table) %}<th>{{ column }}</th>{% endfor %}</tr>
{% for row in table %}<tr>{% for column in columns_of(table) %}{% set cell = row.get(column, "") %}
{%- if cell[:1].isdigit() %}<td class="number">{% else %}<td>{% endif %}{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div>
{% endfor %}{% for picture in section.pictures %}<figure>
<img alt="{{ picture.caption }}" src="data:image/png;base64,{{ inline(picture.png) }}">
<figcaption>{{ picture.caption }}</figcaption></figure>
{% endfor %}{% endfor %}</html>
"""


@dataclass
class Picture:
    """A PNG and what it shows."""

    caption: str
    png: bytes


@dataclass
class Section:
    """A part of a report; `notes` stand out."""

    title: str
    texts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[Sequence[Mapping[str, str]]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)


def write_html(file: Path, title: str, sections: Sequence[Section]) -> None:
    """Writes a page that needs no other file."""
    template = Environment(autoescape=True).from_string(HTML)
    page = template.render(
        title=title,
        sections=sections,
        columns_of=columns_of,
        inline=lambda png: base64.b64encode(png).decode(),
    )
    with replacing(file) as stream:
        stream.write(page)


def write_markdown(file: Path, title: str, sections: Sequence[Section]) -> None:
    """Writes Markdown, and its pictures beside it as `{name}-1.png`, `{name}-2.png`, ..."""
    parts, number = [f"# {title}"], 0
    for section in sections:
        parts += [f"## {section.title}", *section.texts, *(f"**{note}**" for note in section.notes)]
        parts += [render(table) for table in section.tables]
        for picture in section.pictures:
            number += 1
            name = f"{file.stem}-{number}.png"
            with replacing(file.with_name(name), "wb") as stream:
                stream.write(picture.png)
            parts.append(f"![{picture.caption}]({name})")
    with replacing(file) as stream:
        stream.write("\n\n".join(parts) + "\n")
