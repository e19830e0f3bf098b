"""`sticky` in a terminal: the code is there once, and what the program prints stays there."""

from __future__ import annotations

import os
import re
import textwrap

import pytest

from tests.helpers.rows import IN_TURN

pytestmark = IN_TURN

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
    return text.count('print("printed", text)') + text.count('print(f"printed {text}")')


# What is printed is one piece, so that nothing of the other thread comes between.
WITH_A_THREAD = textwrap.dedent(
    """\
    import sys, threading, time

    def tick():
        for count in range(1000):
            time.sleep(0.2)
            sys.stdout.write(f"tick {count}{' a long line' * (count % 7)}\\n")

    threading.Thread(target=tick, daemon=True).start()

    def work():
        text = 0
        print(f"printed {text}")
        text += 1
        text += 2
        text += 3
        text += 4
        return text

    work()
    changed = [s for s in (sys.stdout, sys.stderr) if "write" in s.__dict__]
    print(f"changed: {changed}")
    """
)


def prompt_below(shown):
    """What `Screen.wait` waits for: the prompt, and something above it."""
    return lambda text: shown in text and text.endswith("(stackscope_pdb)")


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("reader", ["readline", "prompt_toolkit"])
def test_it_is_drawn_in_place_while_other_threads_print(screen, reader):
    seen = screen(
        WITH_A_THREAD,
        *("-m", "stackscope_pdb", "-c", "sticky", "-c", "b 11", "-c", "c", "app.py"),
        columns=60,
        rows=600,
        STACKSCOPE_PDB_PROMPT=reader,
    )
    seen.wait(prompt_below("(11)work()"))
    for line, keys in enumerate(["n", "n", "where\rn", "p text\rn", ""], 12):
        seen.wait(lambda text: text.rpartition("return text")[2].count("tick") > 2)
        seen.child.send(f"{keys}\r")
        seen.wait(prompt_below(f"({line})work()"))
        assert drawings(seen.text) == 1, seen.text
    assert "printed 0" in seen.text
    ticks = re.findall(r"tick (\d+)", seen.text)
    assert ticks == [str(count) for count in range(len(ticks))], seen.text
    seen.child.send("c\r")
    seen.wait(lambda text: "changed: []" in text)


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("reader", ["readline", "prompt_toolkit"])
def test_it_is_drawn_in_place_after_a_change_of_the_size(screen, reader):
    seen = screen(
        WITH_A_THREAD,
        *("-m", "stackscope_pdb", "-c", "sticky 9", "-c", "b 11", "-c", "c", "app.py"),
        columns=80,
        rows=24,
        STACKSCOPE_PDB_PROMPT=reader,
    )
    seen.wait(prompt_below("(11)work()"))
    for line, size in ((12, (24, 120)), (13, (30, 120)), (14, (30, 100))):
        seen.child.setwinsize(*size)
        seen.screen.resize(*size)
        seen.child.send("n\r")
        seen.wait(prompt_below(f"({line})work()"))
        assert drawings(seen.text) == 1, seen.text
    assert "printed 0" in seen.text


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
    seen.wait(prompt_below("(2)greet()"))
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
        seen.wait(prompt_below(shown))
        assert drawings(seen.text) == 1, seen.text
        assert seen.text.count("->") == 1
        assert "printed 你好 世界" in seen.text or "(4)" not in shown
    # After a change of the size it isn't known where the drawing is.
    seen.child.setwinsize(20, 60)
    seen.screen.resize(20, 60)
    seen.child.send("n\r")
    seen.wait(prompt_below("(7)greet()"))
    seen.child.send("n\r")
    seen.wait(prompt_below("(8)greet()"))
    assert drawings(seen.text) == 1
    seen.child.send("c\r")
    seen.wait(lambda text: "the end" in text)
