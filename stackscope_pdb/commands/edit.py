"""`edit`: the user's editor, at the current line."""

from __future__ import annotations

from stackscope_pdb.commands.registry import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from stackscope_pdb.stop.host import Host

BY_COLON = {"code": "-g", "codium": "-g", "cursor": "-g", "subl": "", "hx": "", "zed": ""}
"""Editors that take ``FILE:LINE``, with the option that goes before it. Others take ``+LINE``."""


@command("open the current line in your editor")
def edit(debugger: Host, argument: str) -> None:
    """edit [FILE:LINE]

    Open the file of the current frame in your editor, at the current
    line, or FILE at LINE. $VISUAL or $EDITOR names the editor. Your
    changes have no effect on code that is already loaded.
    """
    import subprocess

    path, line = _place(debugger, argument)
    words = editor_command(path, line)
    from stackscope_pdb.output.terminal import is_terminal

    if not (is_terminal(debugger.stdin) and is_terminal(debugger.stdout)):
        raise CommandError(f"There is no terminal here to edit in: the line is {path}:{line}.")
    try:
        status = subprocess.call(words)  # noqa: S603  (the user's own editor)
    except OSError as exc:
        raise CommandError(f"{words[0]!r} can't be started: {exc.strerror}. Set $EDITOR.") from None
    if status:
        debugger.message(f"{words[0]} ended with status {status}.")


def _place(debugger: Host, argument: str) -> Tuple[str, int]:
    import os

    if argument:
        path, colon, number = argument.rpartition(":")
        if not colon or not number.isdecimal():
            path, number = argument, "1"
        line = int(number)
    else:
        frame, line = debugger.stack[debugger.curindex]
        path = debugger.canonic(frame.f_code.co_filename)
    if not os.path.isfile(path):
        raise CommandError(f"There is no file {path!r}.")
    return path, line


def editor_command(path: str, line: int) -> List[str]:
    """What starts the user's editor.

    Args:
        path: The file.
        line: The line in it, counted from 1.
    """
    import os
    import shlex
    import sys

    windows = sys.platform == "win32"
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    words = shlex.split(chosen or ("notepad" if windows else "vi"), posix=not windows)
    name = os.path.splitext(os.path.basename(words[0]))[0].lower()
    if name in BY_COLON:
        return [*words, *filter(None, [BY_COLON[name]]), f"{path}:{line}"]
    if name == "notepad":
        return [*words, path]
    return [*words, f"+{line}", path]
