"""`about`: what an object is. `track`: what refers to it."""

from __future__ import annotations

from stackscope_pdb.commands.arguments import value_of
from stackscope_pdb.commands.registry import CommandError, command
from stackscope_pdb.commands.stacks import complete_expression

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List

    from stackscope_pdb.stop.host import Host

CO_OPTIMIZED = 1
"""The flag of code that keeps its variables outside a dictionary."""

DOC_LINES = 12
"""The most lines of a docstring that `about` shows."""

MOST_REFERRERS = 30
"""The most referrers that `track` lists."""


@command("describe an object; so does EXPRESSION?", complete=complete_expression)
def about(debugger: Host, argument: str) -> None:
    """about EXPRESSION

    Show the type of an object, its value, its signature if it can be
    called, where it was defined, and the beginning of its
    documentation. 'EXPRESSION?' does the same, 'EXPRESSION??' also
    shows the source, and 'COMMAND?' shows the help of a command.
    """
    if not argument:
        raise CommandError("What do you want to know about? Give an expression.")
    from stackscope.render.stream import wrapped

    value = value_of(debugger, argument)
    width = debugger.console.width
    for line in _description(value):
        for part in wrapped([("text", line)], width):
            debugger.message("".join([text for _, text in part]))


@command("what refers to an object", complete=complete_expression)
def track(debugger: Host, argument: str) -> None:
    """track EXPRESSION

    List what keeps an object alive: the variables, attributes, closures,
    and items of lists and dictionaries that refer to it. References from
    the debugger itself are left out.
    """
    if not argument:
        raise CommandError("Track what? Give an expression.")
    from stackscope.snapshot.referrers import frozen_count
    from stackscope_pdb.views.referrers import referrer_texts

    value = value_of(debugger, argument)
    # In a function, the debugger's own copy; in a module or a class, the variables themselves.
    is_copy = debugger.current_frame.f_code.co_flags & CO_OPTIMIZED
    copies = [debugger.frame_locals()] if is_copy else []
    found = referrer_texts(value, copies)
    if not found:
        debugger.message("Nothing that the garbage collector knows refers to it.")
    for text in found[:MOST_REFERRERS]:
        debugger.message(f"  {text}")
    if len(found) > MOST_REFERRERS:
        debugger.message(f"  … {len(found) - MOST_REFERRERS} more")
    count = frozen_count()
    if count:
        debugger.message(
            f"{count} objects are kept from the garbage collector by gc.freeze(), and left out."
        )


def _description(value: object) -> Iterator[str]:
    import inspect

    from stackscope.safe.text import class_name, safe_repr, safe_text

    yield f"Type:       {class_name(value)}"
    is_definition = inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)
    if not is_definition:
        yield f"Value:      {safe_repr(value)}"
    if callable(value):
        signature = _signature(value)
        if signature:
            yield f"Signature:  {safe_text(signature)}"
    place = _place(value if is_definition else type(value))
    if place:
        yield f"{'Defined at:' if is_definition else 'Class at:':<11} {place}"
    yield from _documentation(value)


def _signature(value: object) -> str:
    import inspect

    name = str(getattr(value, "__name__", ""))
    try:
        return f"{name}{inspect.signature(value)}"  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ""


def _place(definition: object) -> str:
    import inspect

    from stackscope.safe.text import safe_text

    subject: object = inspect.unwrap(definition) if callable(definition) else definition
    try:
        path = inspect.getsourcefile(subject)  # type: ignore[arg-type]
    except TypeError:
        return ""  # written in C
    if path is None:
        return ""
    try:
        line = inspect.getsourcelines(subject)[1]  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        line = 0
    return safe_text(f"{path}:{line}" if line else path)


def _documentation(value: object) -> Iterator[str]:
    import inspect

    from stackscope.render.words import count
    from stackscope.safe.text import safe_lines

    text = inspect.getdoc(value)
    if not text:
        return
    lines: List[str] = safe_lines(text).splitlines()
    yield "Documentation:"
    for line in lines[:DOC_LINES]:
        yield f"  {line}".rstrip()
    if len(lines) > DOC_LINES:
        yield f"  … {count(len(lines) - DOC_LINES, 'more line')}: p help(…) shows them"
