"""`exceptions`: the exceptions that belong to the one looked at, and a way to their frames."""

from __future__ import annotations

from stackscope_pdb.commands.arguments import integer, single
from stackscope_pdb.commands.registry import CommandError, command
from stackscope_pdb.facts import HAS_CONVENIENCE_VARIABLES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from stackscope_pdb.stop.host import Host
    from stackscope_pdb.stop.raised import Raised

NONE = (
    "No exception is looked at here. After one, there is post-mortem debugging, as by "
    "'post_mortem()'; 'stack EXPRESSION' shows the frames of any exception."
)


def _complete(debugger: Host, _text: str) -> List[str]:
    raised = debugger.raised
    if raised is None:
        return []
    return [str(n) for n, entry in enumerate(raised.entries()) if entry.traceback is not None]


@command("related exceptions; go to one", complete=_complete)
def exceptions(debugger: Host, argument: str) -> None:
    """exceptions [NUMBER]

    In post-mortem debugging, show all exceptions related to the current
    one: those that it was raised from or during, and the members of
    exception groups. Each has a number.

    With a number, show that exception, and go to its innermost frame in
    your code.
    """
    word = single(argument.split(), "number")
    raised = debugger.raised
    if raised is None:
        raise CommandError(NONE)
    if word is not None:
        _go_to(debugger, raised, integer(word, "the number of an exception"))
        return
    from stackscope_pdb.views.exceptions import exception_lines

    console = debugger.console
    debugger.show(list(exception_lines(raised, console)), console)


def _go_to(debugger: Any, raised: Raised, number: int) -> None:
    from stackscope.safe.text import describe_exception

    entries = raised.entries()
    if not 0 <= number < len(entries):
        last = len(entries) - 1
        there = f"The numbers go from 0 to {last}." if last else "0 is the only one."
        raise CommandError(f"There is no exception {number}. {there}")
    entry = entries[number]
    if entry.traceback is None:
        raise CommandError(f"Exception {number} has no frames: it has never been raised.")
    raised.current = entry.exception
    debugger.session.opens_at_user = True
    debugger.setup(None, entry.traceback)
    if HAS_CONVENIENCE_VARIABLES:
        debugger.set_convenience_variable(debugger.current_frame, "_exception", entry.exception)
    debugger.message(describe_exception(entry.exception))
    debugger.print_stack_entry(debugger.stack[debugger.curindex])
