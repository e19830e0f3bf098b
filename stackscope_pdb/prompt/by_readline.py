"""Lets readline, by which the standard debugger reads lines, know our keys and our history.

The program may use readline itself, and so does the interpreter's prompt: what they have is put
back.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager

from stackscope_pdb.program.interrupts import INTERRUPT
from stackscope_pdb.prompt import history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional, Sequence

    from stackscope_pdb.prompt.printing import Others

MOST_ENTRIES = 500
"""readline gets them all at each stop, and the program's own back when it goes on."""


def is_there() -> bool:
    """Whether there is readline, or what stands for it, and can do something with the terminal."""
    try:
        import readline

        # PyPy's is written in Python. At a terminal without cursor movement (TERM=dumb), all that
        # needs its reader raises an error of its own (pyrepl/unix_console.py), but for input().
        readline.get_current_history_length()
    except Exception:
        return False
    return True


def bind_keys(wanted: str) -> None:
    """Set readline's keys, if it was said which."""
    if wanted in ("vi", "emacs"):
        import readline

        is_libedit = "libedit" in (readline.__doc__ or "")
        command = f"bind -{wanted[0]}" if is_libedit else f"set editing-mode {wanted}"
        readline.parse_and_bind(command)


def bind_interrupt() -> None:
    """Let Ctrl-C end the line where it comes as a key. The line has `INTERRUPT` in it then."""
    import readline

    if sys.implementation.name != "pypy" and "libedit" not in (readline.__doc__ or ""):
        readline.parse_and_bind(r'"\C-c": "\C-v\C-c\C-m"')


def forget_line() -> None:
    """Remove the line that was typed last from readline's history."""
    import readline

    count = readline.get_current_history_length()
    if count and INTERRUPT in (readline.get_history_item(count) or ""):
        readline.remove_history_item(count - 1)


def shown_above(prompt: str) -> Others:
    """What shows the output of other threads above a line, once readline has drawn the prompt.

    readline draws it while other threads run, which would get in between.
    """
    import readline

    from stackscope_pdb.prompt.printing import Others

    is_drawn = sys.implementation.name != "cpython" or not hasattr(readline, "set_pre_input_hook")

    def show(others: Others) -> None:
        if is_drawn:
            draw_again(prompt, others)

    def note() -> None:
        nonlocal is_drawn
        is_drawn = True
        readline.set_pre_input_hook(None)
        draw_again(prompt, others)

    others = Others(show)
    if not is_drawn:
        readline.set_pre_input_hook(note)
    return others


def draw_again(prompt: str, others: Others) -> None:
    """Write what other threads have printed, and below it the line that is being typed."""
    import readline

    from stackscope.render.stream import width_of, width_of_terminal

    line = prompt + readline.get_line_buffer()
    rows = (width_of(line) - 1) // max(width_of_terminal(sys.stdout), 1)
    up = f"\x1b[{rows}A" if rows > 0 else ""
    while others.write_lines(lambda: _draw(f"\r{up}\x1b[J")):
        _draw(line)


def _draw(text: str) -> None:
    """Write past what the stream has been given to do with other threads' output."""
    descriptor = sys.stdout.fileno()
    os.write(descriptor, text.encode(sys.stdout.encoding, "replace"))


def take_pasted_as_typed() -> None:
    """Let readline take the lines of pasted text one by one.

    Else it would put them together in one line, which waits for Enter. Python doesn't want that
    either, and lets it not ask the terminal to mark what is pasted, but some terminals do so
    unasked.
    """
    import readline

    if "libedit" not in (readline.__doc__ or ""):
        for command in ("set enable-bracketed-paste off", '"\\e[200~": ""', '"\\e[201~": ""'):
            readline.parse_and_bind(command)


@contextmanager
def own_history(path: Optional[str]) -> Iterator[None]:
    """Let readline have this history meanwhile, not the program's or the interpreter's."""
    import readline

    count = readline.get_current_history_length()
    before = [readline.get_history_item(number) or "" for number in range(1, count + 1)]
    _fill(history.known(path)[-MOST_ENTRIES:])
    try:
        yield
    finally:
        _fill(before)


def _fill(entries: Sequence[str]) -> None:
    import readline

    readline.clear_history()
    for entry in entries:
        if "\n" not in entry:
            readline.add_history(entry)


def note(path: Optional[str], line: str) -> None:
    """Add ``line`` to the history, if it is what was typed last."""
    import readline

    if line == readline.get_history_item(readline.get_current_history_length()):
        history.note(path, line)
