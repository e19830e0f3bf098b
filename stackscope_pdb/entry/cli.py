"""``python -m stackscope_pdb``: runs a program under the debugger, again and again until one quits.

It behaves like the newest ``python -m pdb`` on every version, but for what comes after the
program's name: that is all the program's, ``-c`` included. `pdb.main` itself is not used, for it
differs by version and makes the standard debugger; nor is `pdb.Pdb` replaced for its sake, which
the program would notice.
"""

from __future__ import annotations

import os
import sys

from stackscope.command_line.options import number_of_process, parser_of, split
from stackscope.command_line.output import INTERRUPTED, end_output, with_whole_words
from stackscope.command_line.programs import ProgramError, target_for
from stackscope.safe.interruptions import interrupts
from stackscope_pdb.debugger.own import Pdb
from stackscope_pdb.entry.api import adopt, stop
from stackscope_pdb.output.harmless import harmless
from stackscope_pdb.output.tracebacks import harmless_traceback
from stackscope_pdb.program.interrupts import keep_interrupts
from stackscope_pdb.standard import pdb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from types import CodeType, TracebackType
    from typing import Any, NoReturn, Optional, Sequence

    from stackscope.command_line.programs import Target

PROG = "python -m stackscope_pdb"

DESCRIPTION = """\
Debug a Python program: a file, or a module or package with -m. On Python 3.14
and later, -p attaches to a running process.

Commands are read from the .pdbrc files in your home folder and in the current
one, then from -c, then from you. "-c continue" lets the program run until it
raises an exception, "-c 'until 20'" until line 20.
"""


class _NotDone(Exception):
    """There is nothing to debug. It was said why."""


def _give_up(message: str = "") -> NoReturn:
    if message:
        print(with_whole_words(harmless(message), sys.stdout))
    raise _NotDone


def _print_exception(exc: BaseException) -> None:
    sys.stderr.write(harmless_traceback(exc, exc.__traceback__))
    sys.stderr.flush()


def parse(arguments: Sequence[str], prog: str = PROG) -> Namespace:
    """Read the command line.

    Args:
        arguments: What was typed.
        prog: What is to be typed before it.

    Returns:
        What it says: ``command``, the debugger commands; ``pid``, the process, or ``None``;
        ``is_module``; and ``program``, the program's name and its arguments.
    """
    parser = parser_of(
        prog,
        DESCRIPTION,
        usage="%(prog)s [-h] [--version] [-c COMMAND]...\n"
        "           (-m MODULE | FILE) [ARGS]...\n"
        "       %(prog)s [-c COMMAND]... -p PID",
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    parser.add_argument(
        "-c",
        "--command",
        action="append",
        default=[],
        metavar="COMMAND",
        help="a debugger command to run first, as from a .pdbrc; may be repeated",
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="debug a module or package")
    parser.add_argument(
        "-p", "--pid", type=number_of_process, metavar="PID", help="attach to a running process"
    )
    own, program = split(arguments, ("-c", "--command", "-p", "--pid"))
    options = parser.parse_args(own)
    if options.version:
        import stackscope

        print(f"stackscope {stackscope.__version__}, Python {sys.version.split()[0]}")
        sys.exit()
    options.is_module = options.module is not None
    options.program = [options.module, *program] if options.is_module else program
    if options.pid is not None and options.program:
        parser.error(f"-p takes a process and no program: remove {options.program[0]!r}")
    if options.pid is not None or options.program:
        return options
    if own:
        parser.error("the program to debug is missing")
    parser.print_help()
    sys.exit(2)


def main(arguments: Optional[Sequence[str]] = None, *, prog: str = PROG, not_done: int = 1) -> None:
    """Run the program that the command line names.

    Args:
        arguments: The command line; that of the process by default.
        prog: How the command is called in its help.
        not_done: The exit status if there is nothing to debug; by default that of the standard
            debugger.
    """
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments, prog)
        if options.pid is not None:
            _attach(options.pid, options.command)
        else:
            _debug(options)
    except _NotDone:
        sys.exit(not_done)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever reads has seen enough
        end_output()


def _debug(options: Namespace) -> None:
    name = options.program[0]
    try:
        target = target_for(name, is_module=options.is_module)
    except ProgramError as exc:
        if exc.__cause__ is None:
            _give_up(f"{exc.kind}: {exc}")
        _print_exception(exc.__cause__)
        _give_up()
    sys.argv[:] = options.program
    debugger = Pdb(mode="cli")
    debugger.rcLines.extend(options.command)
    adopt(debugger)
    if not os.environ.get("PYTHONBREAKPOINT"):
        sys.breakpointhook = _breakpoint
    try:
        with keep_interrupts():
            while _run_once(debugger, target):
                pass
    finally:
        sys.breakpointhook = sys.__breakpointhook__


def _attach(pid: int, commands: Sequence[str]) -> None:
    from stackscope.remote.calling import AttachError
    from stackscope_pdb.entry.attach import attach

    try:
        attach(pid, commands)
    except AttachError as exc:
        _give_up(f"Error: {exc}")


def _breakpoint(*args: Any, **kwargs: Any) -> Any:
    """What `breakpoint` does in the program: stop in the debugger that runs it.

    The program may have set ``PYTHONBREAKPOINT`` meanwhile.
    """
    if os.environ.get("PYTHONBREAKPOINT"):
        return sys.__breakpointhook__(*args, **kwargs)
    return stop(sys._getframe().f_back, *args, **kwargs)


def _run_once(debugger: Pdb, target: Target) -> bool:
    """Run the program to its end, and say whether to run it again."""
    try:
        code = _with_a_line(target.code())
    except (SyntaxError, ValueError, OSError) as exc:
        _print_exception(exc.with_traceback(None))
        _give_up()
    uncaught: Optional[BaseException] = None
    try:
        debugger.run_code(code, target.namespace)
    except pdb.Restart:
        _announce_restart(target)
        return True
    except SystemExit as exc:
        if _has_quit():
            return False
        # Seldom a case for a closer look.
        print("The program exited via sys.exit(). Exit status:", harmless(_text_of(exc)))
    except BaseException as exc:
        if isinstance(exc, KeyboardInterrupt) and not debugger.has_prompted:
            raise  # it came while the debugger got ready
        if _has_quit() or debugger._user_requested_quit:
            return False  # the exception is how the program took the end of the debugger
        uncaught = exc
    # Not while it is handled, for as long as PyPy puts the whole traceback back.
    if uncaught is not None and _look_into(debugger, uncaught):
        _announce_restart(target)
        return True
    if _has_quit() or debugger._user_requested_quit:
        return False
    print("The program finished and will be restarted")
    return True


def _with_a_line(code: CodeType) -> CodeType:
    """A program, or one with a line to stop at in the place of one that has none.

    Python 3.11 and 3.12 tell no line of an empty file: the program would be run again for ever.
    """
    import dis

    if any(line for _, line in dis.findlinestarts(code)):
        return code
    return compile("pass", code.co_filename, "exec")


def _has_quit() -> bool:
    """Whether the user has quit at a stop of any debugger, in any thread."""
    return Pdb._has_quit


def _announce_restart(target: Target) -> None:
    print("Restarting", harmless(target.name), "with arguments:")
    print("\t" + harmless(" ".join(map(str, sys.argv[1:]))))


def _text_of(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception as failure:
        if interrupts(failure):
            raise
        from stackscope.safe.text import describe_exception

        return describe_exception(failure)


def _look_into(debugger: Pdb, exc: BaseException) -> bool:
    """Show an exception that nobody has caught, and its frames.

    Says whether a restart was asked for.
    """
    exc.__traceback__ = _without_debugger(exc.__traceback__)
    _print_exception(exc)
    print("Uncaught exception. Entering post mortem debugging")
    print("Running 'cont' or 'step' will restart the program")
    try:
        debugger.interaction(None, exc)
    except pdb.Restart:
        return True
    return False


def _without_debugger(tb: Optional[TracebackType]) -> Optional[TracebackType]:
    """The part of a traceback that begins with the program's own frames."""
    import bdb

    own = {__file__, sys.modules[Pdb.__module__].__file__, bdb.__file__}
    inner = tb
    while inner is not None and inner.tb_frame.f_code.co_filename in own:
        inner = inner.tb_next
    return inner or tb
