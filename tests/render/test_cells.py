"""The columns that a text takes, with and without `wcwidth`."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest

from stackscope.render.cells import beginning, clusters, end, width_of
from stackscope.safe.text import without_reprs

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
TEXTS = {
    "plain": 5,
    "é": 1,
    "e\u0301": 1,
    "├─ … ⋮ ×": 8,
    "寛子": 4,
    "각": 2,
    "\u1100\u1161\u11a8": 2,
    FAMILY: 2,
    "👍🏽": 2,
    "👩🏽\u200d🚀": 2,
    "🇩🇪🇫🇷": 4,
    "❤\ufe0f": 2,
    "❤": 1,
    "🏃\u200d♂\ufe0f": 2,
    "❤\ufe0f\u200d🔥": 2,
    "🏳\ufe0f\u200d🌈": 2,
    "a\u200db": 2,
    "नि": 2,
    f"a {FAMILY} of 4": 9,
    "": 0,
}


@pytest.fixture(params=[True, False], ids=["wcwidth", "without"])
def library(request, monkeypatch):
    """Whether `wcwidth` is loaded."""
    if request.param:
        pytest.importorskip("wcwidth")
    else:
        monkeypatch.delitem(sys.modules, "wcwidth", raising=False)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_width(library, text):
    assert width_of(text) == TEXTS[text]
    assert "".join(cluster for cluster, _ in clusters(text)) == text
    assert sum(width for _, width in clusters(text)) == TEXTS[text]


def test_a_cluster_is_not_cut(library):
    text = f"ab{FAMILY}e\u0301寛"
    assert [beginning(text, width) for width in range(8)] == [
        *("", "a", "ab", "ab", f"ab{FAMILY}", f"ab{FAMILY}e\u0301", f"ab{FAMILY}e\u0301", text),
    ]
    assert [end(text, width) for width in range(8)] == [
        *("", "", "寛", "e\u0301寛", "e\u0301寛", f"{FAMILY}e\u0301寛"),
        *(f"b{FAMILY}e\u0301寛", text),
    ]


@pytest.mark.parametrize("text", ["plain", "├─ …", "寛"])
def test_the_ends_of_what_fits(library, text):
    for width in range(7):
        for part in (beginning(text, width), end(text, width)):
            assert width_of(part) <= width
            assert part == text or width < width_of(text)
    assert beginning(text, -1) == end(text, -1) == ""


def test_both_agree_on_letters():
    wcwidth = pytest.importorskip("wcwidth")
    for code in [*range(0x20, 0x7F), *range(0xC0, 0x250), *range(0x2500, 0x2580)]:
        assert width_of(chr(code)) == wcwidth.wcswidth(chr(code)) == 1
    for code in range(0x4E00, 0x9FA5, 100):
        assert width_of(chr(code)) == 2 == wcwidth.wcswidth(chr(code))


def test_what_is_no_library_of_that_name(monkeypatch):
    class Strange:
        def __getattr__(self, name):
            raise AssertionError(name)

    monkeypatch.setitem(sys.modules, "wcwidth", Strange())
    assert width_of("寛") == 2
    monkeypatch.setitem(sys.modules, "wcwidth", unicodedata)  # it has another content
    assert width_of("寛") == 2


def test_it_is_not_asked_where_no_code_of_others_may_run(monkeypatch):
    wcwidth = pytest.importorskip("wcwidth")
    asked = []

    def wcswidth(text):
        asked.append(text)
        raise OSError

    monkeypatch.setattr(wcwidth, "wcswidth", wcswidth)
    assert width_of("寛") == 2
    assert asked == ["寛"]
    assert without_reprs(width_of, "寛") == 2
    assert asked == ["寛"]


def test_it_is_never_imported():
    program = f"import sys; from stackscope.render.cells import width_of; width_of({FAMILY!r}); "
    program += "sys.exit('wcwidth' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
