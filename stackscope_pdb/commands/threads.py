"""`threads`, `thread`: all threads of the process, and a way into the frames of one."""

from __future__ import annotations

from stackscope_pdb.commands.table import CommandError, command
from stackscope_pdb.commands.tasks import index_of_user_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, List

    from stackscope.snapshot import ThreadNode
    from stackscope_pdb.commands.debugger import Commands


def thread_nodes() -> List[ThreadNode]:
    """All threads as they are now, those of a prompt of ours left out."""
    from stackscope.snapshot import extract_all

    return extract_all(with_contexts=False).threads


def _complete_name(_debugger: Commands, _text: str) -> List[str]:
    return [node.name for node in thread_nodes()]


def _complete_thread(_debugger: Commands, _text: str) -> List[str]:
    nodes = thread_nodes()
    return [node.name for node in nodes] + [str(node.number) for node in nodes if node.number]


@command("all threads", complete=_complete_name)
def threads(debugger: Commands, argument: str) -> None:
    """threads [TEXT]

    Show all threads of the process, each with its number, its name, the
    innermost line of your code that it is at, and what it does there.
    Threads other than the stopped one go on while the prompt waits.

    With TEXT, show only threads with that text in their name or place.
    """
    from stackscope_pdb.views.threads import thread_lines

    nodes = thread_nodes()
    shown = [node for node in nodes if not argument or _matches(node, argument)]
    if not shown:
        count = f"{len(nodes)} thread{'s' * (len(nodes) != 1)}"
        debugger.message(
            f"No thread has {argument!r} in its name or place. 'threads' shows all {count}."
        )
        return
    focus = debugger.session.focus
    marked = focus.item if focus is not None and focus.kind == "thread" else None
    debugger.show(list(thread_lines(shown, marked)))


def _matches(node: ThreadNode, text: str) -> bool:
    from stackscope_pdb.views.tasks import place_text

    places = [place_text(frame) for frame in node.stack.frames if not frame.hide]
    return any(text.lower() in part.lower() for part in [node.name, *places])


@command("move into the frames of a thread", complete=_complete_thread)
def thread(debugger: Commands, argument: str) -> None:
    """thread NUMBER | NAME

    Move into the frames of a thread, as they are at this moment. The
    thread itself goes on: do it again for newer ones. 'unfocus' leads
    back.

    NUMBER is the one that 'threads' shows. If a thread's name is a
    number, '#3' is the number 3. A part of a name will do, if only one
    thread has it.
    """
    if not argument:
        raise CommandError("Which thread? Give the number or the name that 'threads' shows.")
    node = _find(thread_nodes(), argument)
    focus_thread(debugger, node)


def focus_thread(debugger: Commands, node: ThreadNode) -> None:
    """Move into the frames of a thread."""
    from stackscope_pdb.session import Focus

    noun = f"thread {listed([node])}"
    if node.is_here:
        debugger.message(f"The program stopped in {noun} itself.")
        debugger.leave()
        return
    if not node.stack.frames:
        raise CommandError(f"There are no frames of {noun} that can be looked at.")
    item = node.thread if node.thread is not None else node.ident
    focus = Focus(item, node.stack, node.name, noun, kind="thread")
    debugger.enter(focus, index_of_user_frame(node.stack))


def _find(nodes: List[ThreadNode], text: str) -> ThreadNode:
    """The thread that is meant by a number, a name, or part of a name."""
    return pick(nodes, text, "thread", listed)


def pick(
    nodes: List[ThreadNode],
    text: str,
    what: str,
    listed: Callable[[List[ThreadNode]], str],
) -> ThreadNode:
    """The one that is meant by a number, a name, or part of a name."""
    word = text[1:] if text.startswith("#") else text
    by_number = [node for node in nodes if word.isdecimal() and node.number == int(word)]
    by_name = [node for node in nodes if node.name == text]
    others = [node for node in by_name if node not in by_number]
    if by_number and not others:
        return by_number[0]
    if by_number:
        raise CommandError(
            f"{text} is the number of {what} {listed(by_number)} and the name of {what} "
            f"{listed(others)}. Say '{what} #{word}' or '{what} {others[0].number}'."
        )
    found = by_name or [node for node in nodes if text.lower() in node.name.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"{len(found)} {what}s fit {text!r}: {listed(found)}. Give a number.")
    if word.isdecimal():
        raise CommandError(f"No living {what} has the number {word}. There are: {listed(nodes)}.")
    raise CommandError(f"No {what} is called {text!r}. There are: {listed(nodes)}.")


def listed(nodes: List[ThreadNode], most: int = 8) -> str:
    """Numbers and names, for a sentence."""
    from stackscope.render.safe import cut, safe_text

    names = [f"{node.number or '?'} ({cut(safe_text(node.name), 40)})" for node in nodes[:most]]
    return ", ".join(names) + (f" and {len(nodes) - most} more" if len(nodes) > most else "")
