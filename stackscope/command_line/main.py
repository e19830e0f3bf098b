"""The command line: what is asked for, and by which command it is done."""

from __future__ import annotations

import sys

from stackscope.command_line.options import parser_of
from stackscope.command_line.output import (
    FINE,
    INTERRUPTED,
    NOT_DONE,
    WRONG_USE,
    CommandError,
    end_output,
    say,
    write_lines,
)
from stackscope.remote.calling import AttachError
from stackscope.safe.text import safe_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any, NoReturn, Optional, Sequence

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "dump": ("dump", "dump", "show what a running process is doing"),
    "why": ("dump", "why", "say why a running process is stuck"),
    "show": ("show", "show", "show a snapshot saved as JSON"),
    "diff": ("diff", "diff", "compare two saved snapshots"),
    "run": ("run", "run", "run a program, and show what it is doing when it hangs"),
    "debug": ("debug", "debug", "run a program under the debugger, or attach to a running one"),
}
"""The commands: the module, the prefix of its functions there, and what it does."""

DESCRIPTION = """\
Show what a running Python program is doing, and why it is stuck.
"""

EPILOG = """\
"stackscope COMMAND --help" describes one command.

exit status:
  0    nothing is wrong
  1    "why" or "--why" found something that is stuck
  2    the command line is wrong
  3    it failed: no such process, no permission, no such file
  130  interrupted by Ctrl-C
"""


def main(arguments: Optional[Sequence[str]] = None) -> NoReturn:
    """Do what the command line says, and exit.

    Args:
        arguments: The command line; that of the process by default.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = _run(words)
        if sys.stdout is not None:
            write_lines(())  # what is still to be written, such as help
    except (AttachError, CommandError) as exc:
        say(safe_line(str(exc)))
        status = NOT_DONE
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:  # whoever reads has seen enough
        status = FINE
        end_output()
    sys.exit(status)


def _run(words: Sequence[str]) -> int:
    if words and words[0] in COMMANDS:
        module, prefix, _ = COMMANDS[words[0]]
        handler: Any = __import__(f"{__package__}.{module}", fromlist=["_"])
        status: int = getattr(handler, prefix)(words[1:])
        return status
    parser = _parser()
    if words and not words[0].startswith("-"):  # before what follows is said to be wrong
        _refuse(parser, words[0])
    options = parser.parse_args(words)
    if options.version:
        import stackscope

        write_lines([f"stackscope {stackscope.__version__}, Python {sys.version.split()[0]}\n"])
        return FINE
    if options.command is not None:
        _refuse(parser, options.command)
    parser.print_help()
    return WRONG_USE


def _refuse(parser: ArgumentParser, word: str) -> NoReturn:
    parser.error(f"there is no command {word!r}: choose {_or(list(COMMANDS))}")


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _parser() -> ArgumentParser:
    width = max(map(len, COMMANDS))
    listed = [f"  {name.ljust(width)}  {help_}" for name, (_, _, help_) in COMMANDS.items()]
    parser = parser_of(
        "stackscope",
        DESCRIPTION + "\ncommands:\n" + "\n".join(listed) + "\n",
        EPILOG,
        usage="stackscope [-h] [--version] COMMAND …",
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    import argparse

    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    return parser
