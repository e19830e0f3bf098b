"""Lets readline, by which the standard debugger reads lines, know our keys and our history.

The program may use readline itself, and so does the interpreter's prompt: what they have is put
back.
"""

from __future__ import annotations

from contextlib import contextmanager

from stackscope_pdb.prompt import history

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Optional, Sequence

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
