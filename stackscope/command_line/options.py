"""Options that several commands have, and how a command line that names a program is read."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Container, List, NoReturn, Optional, Sequence, Tuple

__all__ = ["add_formats", "number_of_process", "parser_of", "seconds", "split"]


def parser_of(
    prog: str, description: str, epilog: str = "", usage: Optional[str] = None
) -> ArgumentParser:
    """A parser for a command line."""
    import argparse

    from stackscope.command_line.output import WRONG_USE, with_whole_words

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            self.print_usage(sys.stderr)
            self.exit(WRONG_USE, with_whole_words(f"{self.prog}: error: {message}") + "\n")

    return Parser(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_formats(parser: ArgumentParser) -> None:
    """Add the options that say what to show, and where to."""
    parser.add_argument("--why", action="store_true", help="begin with what is stuck, and why")
    parser.add_argument("--filter", metavar="TEXT", help="show only what matches")
    parser.add_argument("--html", metavar="FILE", help="write an HTML page instead (- for stdout)")
    parser.add_argument("--stacks", action="store_true", help="show all frames and whole paths")


def seconds(text: str) -> float:
    """A time that has been typed.

    Raises:
        ArgumentTypeError: It is not a time.
    """
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 1e6:
        raise _not_what_it_takes(f"a number of seconds is expected, not {text!r}")
    return number


def number_of_process(text: str) -> int:
    """A PID that has been typed.

    Raises:
        ArgumentTypeError: It is not a PID.
    """
    number = int(text) if text.isdecimal() else 0
    if not 0 < number < 1 << 31:
        raise _not_what_it_takes(f"the number of a process is expected, not {text!r}")
    return number


def _not_what_it_takes(message: str) -> Exception:
    import argparse

    return argparse.ArgumentTypeError(message)


def split(words: Sequence[str], with_value: Container[str]) -> Tuple[List[str], List[str]]:
    """Our options, and the program with its own.

    Args:
        words: What was typed.
        with_value: The options that take a value, but for ``-m``.
    """
    own: List[str] = []
    rest = list(words)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        own.append(word)
        if (word == "-m" or word in with_value) and rest:
            own.append(rest.pop(0))
        if word.startswith("-m"):
            break
    return own, rest
