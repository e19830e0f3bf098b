"""Makes the pictures of the documentation: ``nox -s pictures``.

They show the notebook of the examples, run by a kernel, and the page of the bank of the examples,
stuck; each light and dark. Chromium draws them, and Pillow makes them small.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

TYPE_CHECKING = False
if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"

WIDTH, PAGE_WIDTH = 900, 1100
"""In pixels, for notebooks and for pages. The documentation shows them in some 740."""

COLORS = 128

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

CELLS = {"tree": "day_node\n", "group": "failure = exc"}
"""Text of the cells of the notebook that are shown, by the names of their pictures."""


def make(folder: Path) -> None:
    """Run what is shown."""
    notebook = str(ROOT / "examples" / "notebook.ipynb")
    for module, *arguments in (["run_notebook", notebook], ["pages"]):
        command = [sys.executable, "-m", f"tests.browser.{module}", *arguments, str(folder)]
        subprocess.run(command, cwd=ROOT, check=True)


def save(png: bytes, name: str) -> None:
    """Write a picture, with few colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    # So that colours which are seldom are kept as they are: what is red matters.
    few = picture.quantize(COLORS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)


def take(browser: Browser, folder: Path, scheme: str) -> None:
    """Take all pictures of a colour scheme."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme=scheme)
    page.goto((folder / f"lab-{scheme}.html").as_uri())
    for name, text in CELLS.items():
        cell = page.locator(".jp-CodeCell", has_text=text.strip()).last
        output: Locator = cell.locator(".stackscope")
        save(output.screenshot(), f"{name}-{scheme}")
    page.set_viewport_size({"width": PAGE_WIDTH, "height": 900})
    page.goto((folder / "bank.html").as_uri())
    save(page.screenshot(), f"page-{scheme}")
    page.close()


def main() -> None:
    """Take all pictures."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        sys.exit(f"pictures: install one of these browsers first: {', '.join(BROWSERS)}")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        make(Path(temporary))
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        for scheme in ("light", "dark"):
            take(browser, Path(temporary), scheme)
        browser.close()


if __name__ == "__main__":
    main()
