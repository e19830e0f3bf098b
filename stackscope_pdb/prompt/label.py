"""What the prompt says."""

from __future__ import annotations

LONGEST_NAME = 30
"""The most columns that it takes."""

MORE = "...   "
"""What asks for the next line of a statement; so does the standard debugger from 3.13 on."""

STANDARD = "(stackscope_pdb) "


def with_name(prompt: str, name: str) -> str:
    """The prompt with the name of what is focused.

    Example:
        >>> with_name("(stackscope_pdb) ", "client-3")
        '(stackscope_pdb client-3) '
        >>> with_name("ipdb> ", "client-3")
        'ipdb client-3> '
    """
    shown = "".join([char if char.isprintable() else "?" for char in name])
    if len(shown) > LONGEST_NAME or not shown.isascii():
        from stackscope.render.stream import beginning, width_of

        if width_of(shown) > LONGEST_NAME:
            shown = beginning(shown, LONGEST_NAME - 3) + "..."
    body = prompt.rstrip()
    if body.endswith((")", ">")):
        return f"{body[:-1]} {shown}{body[-1]} "
    return f"{body} {shown} "
