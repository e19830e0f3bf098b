"""Tasks and threads made by hand, for what is drawn of them."""

from __future__ import annotations

from stackscope import Stack, TaskNode, ThreadNode


def task(number, waiting=None, **known):
    """A task that waits, of which nothing else is known than what is given."""
    node = TaskNode(object(), number, f"t{number}", "waiting", Stack(None, []), None, [])
    return _with(node, waiting=waiting, **known)


def thread(number, waiting=None, **known):
    """The same for a thread, which isn't the one of the test."""
    node = ThreadNode(None, number, f"w{number}", False, Stack(None, []))
    return _with(node, waiting=waiting, **known)


def _with(node, **known):
    for name, value in known.items():
        setattr(node, name, value)
    return node


def text_of(lines):
    """Lines of spans as text."""
    return "\n".join("".join(text for _, text in line) for line in lines)
