"""`stack`: the frames of whatever an expression gives, and a way into them."""

from __future__ import annotations

from stackscope_pdb.commands.arguments import value_of
from stackscope_pdb.commands.registry import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from stackscope import Stack
    from stackscope_pdb.stop.host import Host


def complete_expression(debugger: Host, text: str) -> List[str]:
    """What Tab offers where an expression stands."""
    from stackscope_pdb.prompt.completion import expression_completions

    return expression_completions(debugger, text)


@command("move into the frames of any object", complete=complete_expression)
def stack(debugger: Host, argument: str) -> None:
    """stack EXPRESSION

    Move into the frames of a coroutine, a generator, a task, a thread,
    an exception, a traceback, or any other object whose frames are
    known. 'unfocus' goes back.
    """
    if not argument:
        raise CommandError("The stack of what? Give an expression; 'where' shows where you are.")
    from stackscope_pdb.commands.tasks import focus_task
    from stackscope_pdb.commands.threads import focus_thread
    from stackscope_pdb.stop.snapshots import thread_nodes

    item = value_of(debugger, argument)
    if debugger.session.snapshots.find(item) is not None:
        focus_task(debugger, item)
        return
    for node in thread_nodes():
        if node.thread is item or (type(item) is int and node.ident == item):
            focus_thread(debugger, node)
            return
    _focus(debugger, item, argument)


def _focus(debugger: Host, item: Any, expression: str) -> None:
    from stackscope.safe.text import class_name, cut, safe_text
    from stackscope.snapshot.user_code import index_of_user_frame
    from stackscope_pdb.stop.focus import Focus
    from stackscope_pdb.stop.snapshots import extract_now

    found = extract_now(item)
    kind = class_name(item)
    name = cut(safe_text(" ".join(expression.split())), 24)
    if not found.frames:
        raise CommandError(_why_empty(found, f"{name!r}, which is of type {kind},"))
    ended = issubclass(type(item), BaseException) or kind == "traceback"
    noun = f"{name!r} (of type {kind})"
    focus = Focus(item, found, name, noun, kind="ended" if ended else "other")
    debugger.enter(focus, len(found.frames) - 1 if ended else index_of_user_frame(found))


def _why_empty(found: Stack, noun: str) -> str:
    if found.error is not None:
        from stackscope.safe.text import describe_exception

        return f"The stack of {noun} can't be read: {describe_exception(found.error)}"
    if found.leaf is not None:
        return f"{noun} has no stack."
    return f"{noun} has no frames: it has ended, or not begun."
