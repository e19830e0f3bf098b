"""The table of commands: the only place that knows which ones there are."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Optional, Sequence, Tuple

    from stackscope_pdb.commands.debugger import Commands

    Action = Callable[[Commands, str], Optional[bool]]
    Completer = Callable[[Commands, str], List[str]]


class CommandError(Exception):
    """A sentence for the user: the command could not do what it was asked to."""


class Command:
    """One command.

    Args:
        action: Does it. Gets the debugger, and what was typed after the command's name.
        brief: What it does, in a few words.
        aliases: Other names of it.
        options: The options that it knows.
        complete: Gives what may stand after the name, as far as it begins with the given text.
    """

    def __init__(
        self,
        action: Action,
        brief: str,
        aliases: Sequence[str],
        options: Sequence[str],
        complete: Optional[Completer],
    ) -> None:
        self.action = action
        self.brief = brief
        self.name = action.__name__.rstrip("_")
        self.aliases = tuple(aliases)
        self.options = tuple(options)
        self.complete = complete

    @property
    def names(self) -> Tuple[str, ...]:
        """All names of the command."""
        return (self.name, *self.aliases)

    @property
    def help(self) -> str:
        """Its help: the usage, an empty line, and what it does."""
        import inspect

        return inspect.cleandoc(self.action.__doc__ or self.name)  # no docstrings under -OO

    @property
    def usage(self) -> str:
        """Its name and its arguments."""
        return self.help.partition("\n")[0]


_table: Dict[str, Command] = {}


def command(
    brief: str,
    *,
    aliases: Sequence[str] = (),
    options: Sequence[str] = (),
    complete: Optional[Completer] = None,
) -> Callable[[Action], Action]:
    """Register a function as the command of its name. Its docstring is the command's help."""

    def register(action: Action) -> Action:
        entry = Command(action, brief, aliases, options, complete)
        for name in entry.names:
            _table[name] = entry
        return action

    return register


def find(name: str) -> Optional[Command]:
    """The command of that name or alias."""
    return _table.get(name)


def commands() -> Iterator[Command]:
    """All commands."""
    return (entry for name, entry in _table.items() if name == entry.name)
