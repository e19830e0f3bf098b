"""`sticky` in a terminal: the code is there once, and what the program prints stays there."""

from __future__ import annotations

import os
import textwrap

import pytest

SOURCE = textwrap.dedent(
    """\
    def greet(名前):
        text = f"你好 {名前}"  # 一二三四五六七八九十一二三四五六七八九十一二三四五六七八九
        print("printed", text)
        count = 1
        count += 1
        count += 2
        count += 3
        count += 4
        return count

    greet("世界")
    print("the end")
    """
)


def drawings(text):
    return text.count('print("printed", text)')


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("reader", ["readline", "prompt_toolkit"])
def test_it_is_drawn_in_place(screen, reader):
    seen = screen(
        SOURCE,
        *("-m", "stackscope_pdb", "-c", "sticky", "-c", "b 2", "-c", "c", "app.py"),
        columns=80,
        rows=24,
        STACKSCOPE_PDB_PROMPT=reader,
    )
    seen.wait(lambda text: "(2)greet()" in text and text.endswith("(stackscope_pdb)"))
    assert "…" in seen.text
    for line, shown in [
        ("n", "(3)greet()"),
        ("n", "(4)greet()"),
        ("p 40 + 2", "\n42\n"),
        ("where", "greet in __main__"),
        ("n", "(5)greet()"),
        ("", "(6)greet()"),
        ("u", "(11)<module>()"),
        ("d", "(6)greet()"),
    ]:
        seen.child.send(line + "\r")
        seen.wait(lambda text: shown in text and text.endswith("(stackscope_pdb)"))
        assert drawings(seen.text) == 1, seen.text
        assert seen.text.count("->") == 1
        assert "printed 你好 世界" in seen.text or "(4)" not in shown
    # After a change of the size it isn't known where the drawing is.
    seen.child.setwinsize(20, 60)
    seen.screen.resize(20, 60)
    seen.child.send("n\r")
    seen.wait(lambda text: "(7)greet()" in text and text.endswith("(stackscope_pdb)"))
    seen.child.send("n\r")
    seen.wait(lambda text: "(8)greet()" in text and text.endswith("(stackscope_pdb)"))
    assert drawings(seen.text) == 1
    seen.child.send("c\r")
    seen.wait(lambda text: "the end" in text)
