"""The notebook of the examples, run by a kernel, and what a browser makes of it."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest

from tests.browser.conftest import NARROW, WIDE
from tests.helpers.repository import ROOT

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"

OURS = ".stackscope"


@pytest.fixture(scope="module")
def outputs(exported):
    """What each cell has put out, by its name."""
    notebook = json.loads((exported / "executed.ipynb").read_text(encoding="utf-8"))
    return {cell["id"]: cell.get("outputs", []) for cell in notebook["cells"]}


def text_of(outputs):
    """The text of some outputs, without colours."""
    found = []
    for one in outputs:
        found += one["text"] if "text" in one else one["data"]["text/plain"]
    return re.sub("\x1b\\[[0-9;]*m", "", "".join(found))


def html_of(outputs):
    """The HTML of the last output, without tags."""
    html = "".join(outputs[-1]["data"]["text/html"])
    assert html.startswith('<div class="stackscope">')
    return unescape(re.sub("<style>.*?</style>|<.*?>", "", html))


def test_it_comes_without_outputs():
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_nothing_fails(outputs):
    found = [one for some in outputs.values() for one in some]
    assert {one["output_type"] for one in found} <= {"stream", "execute_result", "display_data"}
    assert all(one.get("name") != "stderr" for one in found)


def test_the_magic_tells_who_holds_and_who_waits_in_a_circle(outputs):
    text = text_of(outputs["magic"])
    assert text.count("held by") == 3
    assert "waiting for each other" in text
    assert "business" in text


def test_a_stack_is_a_tree_with_child_tasks(outputs):
    html = html_of(outputs["tree"])
    for name in ("business", "ada pays bob", "bob pays ada", "audit"):
        assert re.search(rf"task \d+ \({name}\)", html)
    assert "async with asyncio.TaskGroup() as group:" in html
    assert text_of(outputs["tree"]).startswith("stackscope.Stack of ")


def test_a_task_tells_who_holds(outputs):
    html = html_of(outputs["take"])
    assert re.search(r"held by task \d+ \(bob pays ada\)", html)
    assert "2 tasks wait for what it holds" in html
    assert "1 task waits for it" in html
    assert text_of(outputs["take"]).startswith("task ")


def test_circles_are_data(outputs):
    lines = text_of(outputs["circle"]).splitlines()
    assert len(lines) == 2
    assert all("waiting for Lock.acquire()" in line and "held by" in line for line in lines)


def test_what_is_saved_is_read_back(outputs):
    assert text_of(outputs["files"]) == "True"


def test_a_group_of_exceptions_has_contexts_that_are_past(outputs):
    html = html_of(outputs["fail"])
    assert "2 exceptions:" in html
    assert "ValueError('200 is more than 100')" in html
    assert "ValueError('300 is more than 100')" in html
    assert html.count("past)") == 5


# ------------------------------------------------------------------ in the browser


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("look", ["lab-light", "lab-dark", "classic-light"])
def test_looks(exported, show, check_access, screenshot, look, width):
    scheme = look.rpartition("-")[2]
    page = show(exported / f"{look}.html", scheme=scheme, width=width)
    trees = page.locator(OURS)
    assert trees.count() == 4
    assert trees.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")
    screenshot(page, f"notebook-{look}-{width}")
    check_access(page, OURS)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = !one.open)")
    check_access(page, OURS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_of_the_notebook_counts(exported, show, check_access, scheme, theme):
    page = show(exported / f"lab-{theme}.html", scheme=scheme)
    assert is_dark(page) == (theme == "dark")
    check_access(page, OURS)


def is_dark(page):
    color = page.locator(OURS).first.evaluate("one => getComputedStyle(one).backgroundColor")
    return max(map(int, re.findall(r"\d+", color)[:3])) < 128


@pytest.mark.parametrize("look", ["lab-light", "classic-light"])
def test_links_are_underlined_and_lead_to_the_holder(exported, show, look):
    page = show(exported / f"{look}.html")
    link = page.locator(f"{OURS} a").first
    assert "underline" in link.evaluate("one => getComputedStyle(one).textDecorationLine")
    title = link.inner_text()
    link.click()
    assert page.locator(":target").inner_text().startswith(title)
    assert is_in_view(page.locator(":target"))


def is_in_view(element):
    box = element.bounding_box()
    return -1 < box["y"] < 900  # fractions of a pixel


def test_the_keyboard_folds_and_unfolds(exported, show):
    page = show(exported / "lab-light.html")
    summary = page.locator(f"{OURS} summary").first
    tree = page.locator(f"{OURS} details").first
    assert tree.get_attribute("open") is not None
    for _ in range(40):
        page.keyboard.press("Tab")
        if summary.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    assert tree.get_attribute("open") is None
    page.keyboard.press("Enter")
    assert tree.get_attribute("open") is not None
