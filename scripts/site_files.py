"""Hook of MkDocs: files and folders of the repository to which pages link become pages of the site.

On the site a link such as `../examples/own_model.py` would lead nowhere. Such a file is shown as a page below
`repository/`, and a folder as the list of its files. With that `mkdocs build --strict` refuses every link that leads
nowhere.
"""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

HERE = Path(__file__).resolve().parent.parent
DOCS = HERE / "docs"
LINK = re.compile(r"(\]\()([^)#\s:]+)((?:#[^)]*)?\))")
KINDS = {".py": "python", ".yaml": "yaml", ".sh": "sh", ".json": "json"}


def target_of(page: Path, link: str) -> Path | None:
    """The file or folder to which a page links, if MkDocs does not know it: outside docs/, or a folder."""
    target = Path(os.path.normpath(page.parent / link))
    return target if target.is_dir() or (target.is_file() and DOCS not in target.parents) else None


def place_of(target: Path) -> str:
    """Where a file or folder of the repository lies among the pages."""
    return f"repository/{target.relative_to(HERE)}{'/index' if target.is_dir() else ''}.md"


def content_of(target: Path) -> str:
    """The page that shows a file or folder."""
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {target.relative_to(HERE)}\n\n"
    if target.is_dir():
        place = (DOCS / place_of(target)).parent
        return head + "".join(
            f"- [{file.relative_to(target)}]({os.path.relpath(file, place)})\n" for file in files_below(target)
        )
    text = target.read_text("utf-8")
    return text if target.suffix == ".md" else f"{head}````{KINDS.get(target.suffix, '')}\n{text}\n````\n"


def files_below(folder: Path) -> list[Path]:
    """The files in a folder and its folders, without what Python keeps beside its own."""
    return sorted(file for file in folder.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def source_of(page: File) -> Path:
    """The file from which the links of a page go out."""
    place = Path(page.src_uri)
    if place.parts[0] == "repository" and place.name != "index.md":
        return HERE / Path(*place.parts[1:]).with_suffix("")
    return DOCS / place


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of all that is linked."""
    found: dict[Path, None] = {}
    for page in files.documentation_pages():
        for _, link, _ in LINK.findall(Path(str(page.abs_src_path)).read_text("utf-8")):
            if target := target_of(DOCS / page.src_uri, link):
                found[target] = None
                if target.is_dir() and DOCS not in target.parents:
                    found.update(dict.fromkeys(files_below(target)))
    for target in found:
        files.append(File.generated(config, place_of(target), content=content_of(target)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links into the repository to its pages."""
    source, place = source_of(page.file), Path(page.file.src_uri).parent

    def led(match: re.Match[str]) -> str:
        target = target_of(source, match[2])
        if target is None or place_of(target) not in files.src_uris:
            return match[0]
        return f"{match[1]}{os.path.relpath(place_of(target), place)}{match[3]}"

    return LINK.sub(led, markdown)
