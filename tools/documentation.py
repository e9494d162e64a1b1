"""A MkDocs hook (see `mkdocs.yml`) that adds pages from outside `docs/` to the documentation.

Pages link to each other as files of the repository. This hook rewrites the links to the added pages; `mkdocs build
--strict` refuses broken links.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
JOINED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "SECURITY.md": "SECURITY.md",
    "clients/js/README.md": "clients/js/README.md",
    "clients/python/README.md": "clients/python/README.md",
    "bench/matching.md": "bench/matching.md",
    "bench/matching-recall.svg": "bench/matching-recall.svg",
    "bench/matching-scale.svg": "bench/matching-scale.svg",
    "bench/scale.md": "bench/scale.md",
    "bench/scale-search.svg": "bench/scale-search.svg",
    "bench/scale-registry.svg": "bench/scale-registry.svg",
    "demo/photos/ATTRIBUTION.md": "demo/photos/ATTRIBUTION.md",
    "openapi.yaml": "openapi.yaml",
}
"""Path in the repository to path in the documentation. Everything in `docs/` keeps its path."""

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the files of `JOINED`."""
    for path, address in JOINED.items():
        files.append(File.generated(config, address, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrites the page's links to paths of the documentation."""
    address = page.file.src_uri
    here = posixpath.dirname({there: path for path, there in JOINED.items()}.get(address, f"docs/{address}"))

    def led(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(here, match[1]))
        there = JOINED.get(path, path.removeprefix("docs/") if path.startswith("docs/") else match[1])
        if there == match[1]:
            return match[0]
        return f"]({posixpath.relpath(there, posixpath.dirname(address) or '.')}{match[2] or ''})"

    return LINK.sub(led, markdown)
