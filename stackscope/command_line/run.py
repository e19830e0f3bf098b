"""``stackscope run``: a program that tells what it does when it hangs."""

from __future__ import annotations

import sys
from types import ModuleType

from stackscope.command_line.debug import look_for_modules_here
from stackscope.command_line.hangs import watch_for_hangs
from stackscope.command_line.options import parser_of, seconds, split
from stackscope.command_line.output import INTERRUPTED, CommandError
from stackscope.command_line.programs import ProgramError, target_for
from stackscope.remote.registered import signal_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from types import CodeType
    from typing import List, NoReturn, Sequence, Tuple

    from stackscope.command_line.programs import Target

__all__ = ["run"]

DESCRIPTION = """\
Run a Python program: a file, or a module with -m. On a signal, after a time, or
when it hangs, it writes to stderr what it is doing. Nothing else is changed.
"""

USAGE = """\
stackscope run [-h] [--on-signal SIG] [--after SECONDS]
                      [--on-hang SECONDS] (-m MODULE | FILE) [ARGS]..."""

WITH_VALUE = ("--on-signal", "--after", "--on-hang")


def run(words: Sequence[str]) -> NoReturn:
    """Do ``stackscope run``. The program decides on the exit status."""
    options, program = _parse(words)
    look_for_modules_here()
    try:
        target = target_for(program[0], is_module=options.module is not None)
        code = target.code()
    except ProgramError as exc:
        raise CommandError(
            f"{exc}" if exc.__cause__ is None else f"{exc}: {exc.__cause__}"
        ) from exc
    except (SyntaxError, ValueError) as exc:
        sys.excepthook(type(exc), exc.with_traceback(None), None)
        sys.exit(1)
    except OSError as exc:
        raise CommandError(f"{program[0]} can't be read: {exc.strerror}.") from None
    _prepare(options)
    sys.argv[:] = program
    sys.exit(_run_as_main(target, code))


def _parse(words: Sequence[str]) -> Tuple[Namespace, List[str]]:
    parser = parser_of("stackscope run", DESCRIPTION, usage=USAGE)
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module or package")
    parser.add_argument("--on-signal", metavar="SIG", help="write it each time this signal comes")
    parser.add_argument("--after", type=seconds, metavar="SECONDS", help="write it after this time")
    parser.add_argument(
        "--on-hang",
        type=seconds,
        metavar="SECONDS",
        help="look this often, and write what is stuck",
    )
    own, rest = split(words, WITH_VALUE)
    options = parser.parse_args(own)
    program = rest if options.module is None else [options.module, *rest]
    if not program:
        parser.error("the program to run is missing")
    return options, program


def _prepare(options: Namespace) -> None:
    import stackscope

    if options.on_signal is not None:
        try:
            stackscope.register(signal_number(options.on_signal))
        except ValueError as exc:
            raise CommandError(f"--on-signal: {exc}") from None
    if options.after is not None:
        stackscope.dump_after(options.after)
    if options.on_hang is not None:
        watch_for_hangs(options.on_hang)


def _run_as_main(target: Target, code: CodeType) -> int:
    """Run a program as if the interpreter had been started with it. Gives the exit status."""
    module = ModuleType("__main__")
    vars(module).update(target.namespace)
    sys.modules["__main__"] = module
    try:
        exec(code, vars(module))  # noqa: S102 (as the interpreter does)
    except SystemExit:
        raise
    except BaseException as exc:
        traceback = exc.__traceback__
        outer = None if traceback is None else traceback.tb_next  # without the frame of this code
        sys.excepthook(type(exc), exc.with_traceback(outer), outer)
        return INTERRUPTED if isinstance(exc, KeyboardInterrupt) else 1
    return 0
