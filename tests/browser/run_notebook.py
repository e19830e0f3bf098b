"""Runs a notebook in a kernel of its own, and exports what came of it as HTML.

    python -m tests.browser.run_notebook NOTEBOOK FOLDER

In the folder there are then ``executed.ipynb``, ``lab-light.html``, ``lab-dark.html`` and
``classic-light.html``. These load nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter

LIBRARIES = {
    **dict.fromkeys(("jquery_url", "mathjax_url", "require_js_url"), ""),
    "mermaid_js_url": "data:text/javascript,export default {initialize() {}}",
}
"""What exported notebooks load from elsewhere, left out."""

LOOKS = [("lab", "light"), ("lab", "dark"), ("classic", "light")]


def main(source: Path, folder: Path) -> None:
    """Run a notebook and export it."""
    notebook = nbformat.read(source, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, folder / "executed.ipynb")
    for template, theme in LOOKS:
        exporter = HTMLExporter(template_name=template, theme=theme, **LIBRARIES)
        html, _ = exporter.from_notebook_node(notebook)
        (folder / f"{template}-{theme}.html").write_text(html, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
