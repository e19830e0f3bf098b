"""Options that several commands have, and how a command line that names a program is read."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Container, List, Optional, Sequence, Tuple

__all__ = ["add_formats", "number_of_process", "parser_of", "seconds", "split"]


def parser_of(
    prog: str, description: str, epilog: str = "", usage: Optional[str] = None
) -> ArgumentParser:
    """A parser for a command line."""
    import argparse

    return argparse.ArgumentParser(
        prog=prog,
        usage=usage,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_formats(parser: ArgumentParser) -> None:
    """Add the options that say what to show, and where to."""
    parser.add_argument("--why", action="store_true", help="first say what is stuck, and why")
    parser.add_argument("--filter", metavar="TEXT", help="show what this filter finds")
    parser.add_argument("--html", metavar="FILE", help="write a page instead (- is stdout)")
    parser.add_argument("--stacks", action="store_true", help="leave out nothing from the stacks")


def seconds(text: str) -> float:
    """A time that has been typed.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    from argparse import ArgumentTypeError

    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 1e6:
        raise ArgumentTypeError(f"not a number of seconds: {text!r}")
    return number


def number_of_process(text: str) -> int:
    """A PID that has been typed.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    from argparse import ArgumentTypeError

    number = int(text) if text.isdecimal() else 0
    if not 0 < number < 1 << 31:
        raise ArgumentTypeError(f"not the number of a process: {text!r}")
    return number


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
