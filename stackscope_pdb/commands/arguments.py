"""Reading what is typed after a command's name."""

from __future__ import annotations

from stackscope_pdb.commands.registry import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Mapping, Optional, Set, Tuple


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
