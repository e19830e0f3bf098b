"""The first prompt is on the screen before what reads the line has been imported.

Importing prompt_toolkit takes about as long as all else before the first prompt. Meanwhile the user
reads. The keys that are typed then wait for it: the terminal is as prompt_toolkit has it while it
reads, so none of them is shown, and none is a signal. It draws its own prompt in the same place.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DRAWS = "prompt_toolkit.shortcuts.prompt"
"""The module that draws prompts."""


class shown_at_once:  # noqa: N801  (as a function would be)
    """Meanwhile the prompt is on the screen, and the terminal ready for what reads a line.

    Args:
        stdin: Where the line will come from: a terminal.
        stdout: Where the prompt is drawn: a terminal.
        prompt: The prompt.
        is_bold: Whether it is drawn as with colours.
    """

    def __init__(self, stdin: Any, stdout: Any, prompt: str, *, is_bold: bool) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._prompt = prompt
        self._is_bold = is_bold
        self._modes: Any = None

    def __enter__(self) -> None:
        if not _fits(self._prompt, self._stdout):
            return
        import termios

        number = self._stdin.fileno()
        changed = termios.tcgetattr(number)
        modes = [*changed[:6], list(changed[6])]
        # As prompt_toolkit/input/vt100.py does it (`raw_mode`).
        changed[0] &= ~(
            termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR
        )
        changed[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        changed[6][termios.VMIN] = 1
        text = f"\x1b[1m{self._prompt}\x1b[0m" if self._is_bold else self._prompt
        self._modes = modes
        try:
            termios.tcsetattr(number, termios.TCSANOW, changed)
            self._stdout.write(text)
            self._stdout.flush()
        except BaseException:
            self.__exit__()
            raise

    def is_over(self) -> None:
        """What reads the line draws its own prompt now, or another one does."""
        if self._modes is not None:
            self._stdout.write("\r\x1b[K")
            self._stdout.flush()

    def __exit__(self, *exc: object) -> None:
        if self._modes is not None:
            import termios

            termios.tcsetattr(self._stdin.fileno(), termios.TCSANOW, self._modes)


def _fits(prompt: str, stdout: Any) -> bool:
    """Whether a prompt has its place in one line, and there is a terminal that we know."""
    if sys.platform == "win32":
        return False
    from stackscope.render.stream import width_of, width_of_terminal

    return prompt.isprintable() and 0 < width_of(prompt) < width_of_terminal(stdout)
