"""Which task or thread is meant by a number, a name or a part of it, or a function."""

from __future__ import annotations

from stackscope_pdb.commands.registry import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, TypeVar

    from stackscope import TaskNode, ThreadNode

    Node = TypeVar("Node", TaskNode, ThreadNode)

MOST_LISTED = 8


def pick(nodes: List[Node], text: str, what: str) -> Node:
    """The one that is meant.

    Args:
        nodes: All that there are.
        text: What was typed; ``#3`` is always a number.
        what: What they are: ``"task"``.

    Raises:
        CommandError: There is none, or several might be meant.
    """
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
    found = by_name or [node for node in nodes if _mentions(node, text.lower())]
    found = found or [node for node in nodes if _function_of(node) == text]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"{len(found)} {what}s fit {text!r}: {listed(found)}. Give a number.")
    if word.isdecimal():
        raise CommandError(f"No living {what} has the number {word}. There are: {listed(nodes)}.")
    raise CommandError(f"No {what} is called {text!r}. There are: {listed(nodes)}.")


def _function_of(node: Node) -> Optional[str]:
    """The function that a task or thread stands in, as the tables show it."""
    from stackscope.snapshot.user_code import innermost_user_frame

    frame = innermost_user_frame(node.stack)
    return None if frame is None else frame.funcname


def _mentions(node: Node, text: str) -> bool:
    """Whether the name of a task or thread, or what it is about, has a text in it."""
    subject = getattr(node, "subject", None) or ""
    return text in node.name.lower() or text in subject.lower()


def listed(nodes: List[Node]) -> str:
    """Numbers and names, for a sentence."""
    from stackscope.render.words import task_name
    from stackscope.safe.text import cut

    names = [f"{node.number or '?'} ({cut(task_name(node), 40)})" for node in nodes[:MOST_LISTED]]
    left = len(nodes) - len(names)
    return ", ".join(names) + (f" and {left} more" if left else "")
