"""A browser to look at pages with: Chromium, driven by Playwright.

``nox -s browser`` installs what is needed. Screenshots go to the folder ``SCREENSHOTS`` if that is
set.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.repository import ROOT

WIDE, NARROW = 1280, 390

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def run(module, *arguments):
    """Run a program of the tests."""
    subprocess.run(
        [sys.executable, "-m", f"tests.browser.{module}", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        check=True,
        timeout=200,
    )


@pytest.fixture(scope="session")
def browser():
    """The browser, without a page."""
    playwright = pytest.importorskip("playwright.sync_api", reason="see nox -s browser")
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"there is none of these: {', '.join(NAMES)}")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def pages(browser, tmp_path_factory):
    """The folder with the pages of programs that run."""
    folder = tmp_path_factory.mktemp("pages")
    run("pages", folder)
    return folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The folder with the notebook of the examples, executed and exported."""
    for library in ("nbclient", "nbconvert", "ipykernel"):
        pytest.importorskip(library, reason="see nox -s browser")
    if sys.version_info < (3, 11):
        pytest.skip("the notebook says that it needs Python 3.11")
    folder = tmp_path_factory.mktemp("exported")
    run("run_notebook", ROOT / "examples" / "notebook.ipynb", folder)
    return folder


@pytest.fixture
def show(browser):
    """Opens a file. When the test ends, nothing was wrong with it, and nothing else was loaded."""
    contexts, wrong = [], []

    def open_page(path, *, scheme="light", width=WIDE, is_wrong=False):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        if not is_wrong:
            page.on("console", lambda message: wrong.append(message.text))
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("request", lambda one: wrong.extend(foreign(one.url, path)))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def foreign(url, path):
    """A request that a page has no business to make."""
    return [] if url.partition("#")[0] == path.as_uri() or url.startswith("data:") else [url]


@pytest.fixture
def screenshot():
    """Keeps a picture, if there is a folder for it."""

    def keep(page, name):
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return keep


@pytest.fixture(scope="session")
def check_access(browser):
    """Checks by axe that a page is accessible."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="see nox -s browser")

    def check(page, context=None):
        found = axe.Axe().run(page, context=context).response
        assert found["passes"]  # it has looked at something
        assert [
            (one["id"], node["html"], node["failureSummary"])
            for one in found["violations"]
            for node in one["nodes"]
        ] == []

    return check
