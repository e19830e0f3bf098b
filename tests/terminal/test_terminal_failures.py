"""What reads lines in a terminal fails: the prompt gets plainer, and the program goes on."""

from __future__ import annotations

import pytest

SOURCE = """\
import contextlib, sys
from unittest import mock

import stackscope_pdb.prompt.by_readline, stackscope_pdb.prompt.toolkit

x = 100
for points in sys.argv[1:]:
    with contextlib.ExitStack() as stack:
        for point in points.split():
            failure = RuntimeError("injected")
            stack.enter_context(mock.patch(f"stackscope_pdb.{point}", side_effect=failure))
        breakpoint()
        x += 1
    print("after", x)
print("the end")
"""

AROUND = """\
program.interrupts.getsignal prompt.ending.Guard.set prompt.ending.Guard.lift prompt.history.known
prompt.history.note prompt.loop.plain_interrupts prompt.printing.Others.__enter__
settings.history_file"""

WHILE_TYPING = (
    "prompt.completion.completions prompt.command_or_python.is_command prompt.toolkit.needs_more"
)

READERS = {
    # each with what fails at once
    "prompt_toolkit": (
        AROUND.replace("settings.history_file", ""),
        WHILE_TYPING,
        "prompt.toolkit._lexer",
        "prompt.toolkit._session",
        "prompt.toolkit._own_loop",
    ),
    "readline": (
        AROUND,
        "prompt.by_readline.bind_keys prompt.by_readline.own_history",
        "prompt.by_readline.is_there",
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_readers(screen, reader):
    view = screen(
        SOURCE,
        "app.py",
        *READERS[reader],
        PYTHONBREAKPOINT="stackscope_pdb.set_trace",
        STACKSCOPE_PDB_PROMPT=reader,
    )
    for count, points in enumerate(READERS[reader], 100):
        view.wait_for_prompt()
        view.child.send("p x, 'it is'")
        if points == WHILE_TYPING:
            view.child.send(".\t\x7f")
        view.child.send("\r")
        told = "A part of the debugger failed"
        answer = f"\n({count}, 'it is')\n"
        view.wait(lambda text: answer in text and text.endswith("(stackscope_pdb)"))  # noqa: B023
        assert told in view.text
        view.child.send("continue\r")
        view.wait(lambda text: f"\nafter {count + 1}\n" in text + "\n")  # noqa: B023
    assert "Traceback" not in view.wait(lambda text: "the end" in text)
