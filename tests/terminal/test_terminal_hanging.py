"""The session of `docs/hanging.rst`: from a hanging program and Ctrl-C to its end."""

from __future__ import annotations

import re
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("a pseudo-terminal", allow_module_level=True)

from tests.terminal.conftest import ROOT

EXAMPLE = ROOT / "examples" / "bank.py"
PAGE = ROOT / "docs" / "hanging.rst"
COLUMNS = 88
PROMPT = re.compile(r"\(stackscope_pdb ?(.*?)\) (.*)")
CLIENTS = ("ada", "bob", "cleo", "dan")


def session_of_the_page():
    """What comes before the first prompt; then prompts' names, commands, and answers."""
    indented = re.findall(r"^   (.*)\n", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    begin = indented.index("^C")
    banner, steps = [], []
    for line in indented[begin + 1 :]:
        prompt = PROMPT.fullmatch(line)
        if prompt:
            steps.append((prompt.group(1), prompt.group(2), []))
        else:
            (steps[-1][2] if steps else banner).append(line)
    return banner, steps


def comparable(lines):
    """Lines without what differs from one installation and version to the next."""
    text = "\n".join(lines).replace(f"{ROOT}/", "")
    # readline sometimes begins a line before it lets a program go on
    return text.strip("\n").split("\n")


def without_numbers(lines):
    """The same without the numbers of tasks, sorted."""
    text = "\n".join(comparable(lines)).replace("!", " ")
    lines = re.sub(r"\b[0-9][0-9, -]*", "", text).split("\n")
    return sorted(" ".join(line.split()) for line in lines)


LATER = (
    "from asyncio import get_running_loop as loop; "
    "loop().call_soon(loop().call_later, 1, print, 'later')"
)
"""Says when the program has run for a second: the time at the prompt doesn't count."""


def stuck(session):
    """Let the program run until everything waits, and interrupt it; gives what is shown then."""
    for _ in range(20):
        session.ask(LATER)  # or else Ctrl-C might come before it has gone on
        session.enter("continue")
        session.child.expect_exact("later\r\n")
        shown = session.interrupt()
        if len(re.findall(r"Lock\.acquire\(\)", shown)) == 4 and "Queue.put()" in shown:
            return shown[shown.index("Program") :].split("\n")
    raise AssertionError(shown)


def test_the_page_is_true(terminal):
    banner, steps = session_of_the_page()
    assert [command for _, command, _ in steps][-2:] == ["continue", "q"]
    lines = EXAMPLE.read_text(encoding="utf-8").split("\n")
    begin = lines.index("async def main(*, fixed):") + 3
    arguments = ("-c", f"tbreak {begin}", "-c", "continue", str(EXAMPLE), "--forever")
    session = terminal("", "-m", "stackscope_pdb", *arguments, columns=COLUMNS)
    session.expect_prompt()
    shown = stuck(session)
    rows = [without_numbers(lines) for lines in (shown, banner)]
    # Before 3.11, the example has task groups of its own.
    assert sys.version_info < (3, 11) or rows[0] == rows[1]
    # The first number goes to the task in which the program is stopped first, if it is in one.
    is_exact = comparable(shown) == comparable(banner)
    if not is_exact:
        for name in ["journal", *[f"bank-{client}" for client in CLIENTS]]:
            [mine], [theirs] = (
                [row for row in rows if f" {name} " in row] for rows in (shown, banner)
            )
            # the numbers of the tasks are others
            assert mine.split()[-2:] == theirs.split()[-2:]
            assert ("held by" in mine) == ("held by" in theirs)
    for (name, command, answer), (next_name, _, _) in zip(steps, steps[1:]):
        mine = comparable(session.ask(command, next_name).split("\n"))
        if is_exact or "task" not in command and "timeout" not in str(answer):
            assert mine == comparable(answer)
        elif command == "ctx":
            assert mine[-1] == answer[-1] == "  2 async with self.lock:  # _: Lock (line 94)"
        else:
            assert mine[1:] == comparable(answer)[1:]
    session.finish("q")
    assert session.child.exitstatus == 0
