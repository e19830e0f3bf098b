"""Reading what is typed after a command's name."""

from __future__ import annotations

from stackscope_pdb.commands.registry import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional, Set, Tuple

    from stackscope_pdb.stop.host import Host


def options_and_rest(argument: str, known: Mapping[str, str]) -> Tuple[Set[str], List[str]]:
    """Split an argument into the options in it, and the other words.

    Args:
        argument: What was typed.
        known: The options, each with the name to report it by: ``{"-c": "contexts"}``.

    Raises:
        CommandError: There is an option that is not among the known ones.
    """
    found = set()
    rest = []
    for word in argument.split():
        if word in known:
            found.add(known[word])
        elif word.startswith("-") and not word[1:].isdecimal():
            options = ", ".join(known)
            raise CommandError(f"There is no option {word} here. There are: {options}.")
        else:
            rest.append(word)
    return found, rest


WHOLE = "--whole"
"""The option of `p` and `pp` that shows all of a value."""


def completed_option(line: str) -> List[str]:
    """The option of `p` or `pp`, if a line up to the cursor ends with the beginning of it.

    >>> completed_option("p --wh")
    ['--whole']
    >>> completed_option("p -")
    ['--whole']
    >>> completed_option("p -x")
    []
    """
    name, _, argument = line.lstrip().partition(" ")
    begun = argument.lstrip()
    is_option = name in ("p", "pp") and begun.startswith("-") and WHOLE.startswith(begun)
    return [WHOLE] if is_option else []


def integer(word: str, what: str) -> int:
    """The number that ``word`` is.

    Raises:
        CommandError: It is none.
    """
    try:
        return int(word)
    except ValueError:
        raise CommandError(f"{word!r} is not {what}.") from None


def single(rest: List[str], what: str) -> Optional[str]:
    """The only word of ``rest``, if there is any.

    Raises:
        CommandError: There are several.
    """
    if len(rest) > 1:
        raise CommandError(f"One {what} is enough: {' '.join(rest)!r} is more.")
    return rest[0] if rest else None


def value_of(debugger: Host, expression: str) -> object:
    """The value of an expression in the current frame.

    Raises:
        CommandError: It has none, since it raises an exception.
    """
    debugger.session.snapshots.drop()  # the expression may do anything
    try:
        return eval(expression, debugger.current_frame.f_globals, debugger.frame_locals())  # noqa: S307
    except BaseException as exc:
        from stackscope.safe.interruptions import interrupts
        from stackscope.safe.text import describe_exception

        if interrupts(exc):
            raise
        words = describe_exception(exc)
    raise CommandError(words)
