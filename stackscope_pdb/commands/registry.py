"""The table of commands: the only place that knows which ones there are, and how one is run."""

from __future__ import annotations

from stackscope_pdb.failures import show_traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

    from stackscope_pdb.stop.host import Host

    Action = Callable[[Host, str], Optional[bool]]
    Completer = Callable[[Host, str], List[str]]


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
        self.name: str = action.__name__.rstrip("_")
        self.aliases: Tuple[str, ...] = tuple(aliases)
        self.options: Tuple[str, ...] = tuple(options)
        self.complete = complete

    @property
    def names(self) -> Tuple[str, ...]:
        """All names of the command."""
        return (self.name, *self.aliases)

    @property
    def module(self) -> str:
        """The last part of the name of the module that it is in."""
        return self.action.__module__.rpartition(".")[2]

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

GROUPS: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("What is stuck", ("why",)),
    ("Tasks and threads", ("tasks", "threads", "stacks")),
    ("Frames and context managers", ("frames", "contexts", "exceptions")),
    ("Objects", ("about",)),
    ("Where to stop", ("watching",)),
    ("Source code", ("sticky", "edit")),
)
"""What lists of all commands are divided into: titles, and the modules of the commands."""

OTHERS = "More"
"""The title above commands of other modules."""


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


find: Callable[[str], Optional[Command]] = _table.get
"""The command of a name or alias."""


def commands() -> Iterator[Command]:
    """All commands."""
    return (entry for name, entry in _table.items() if name == entry.name)


def groups() -> Iterator[Tuple[str, List[Command]]]:
    """All commands in groups, each with its title."""
    by_module: Dict[str, List[Command]] = {}
    for entry in commands():
        by_module.setdefault(entry.module, []).append(entry)
    for title, modules in GROUPS:
        found = [entry for module in modules for entry in by_module.pop(module, ())]
        if found:
            yield title, found
    others = [entry for entries in by_module.values() for entry in entries]
    if others:
        yield OTHERS, others


# --------------------------------------------------------------------- dispatch


def run(host: Host, name: str, argument: str) -> Optional[bool]:
    """Run one of the commands. Whatever happens in it ends in a sentence."""
    entry = _table[name]
    try:
        return entry.action(host, argument.strip())
    except CommandError as exc:
        host.refuse(str(exc))
    except Exception as exc:
        from stackscope.safe.interruptions import interrupts
        from stackscope.safe.text import describe_exception

        if interrupts(exc):
            raise
        show_traceback(exc, host)
        host.refuse(f"{name} failed, which is a bug in stackscope: {describe_exception(exc)}")
        return _run_standard(host, name, argument)
    return None


def _run_standard(host: Host, name: str, argument: str) -> Optional[bool]:
    """Run what the standard debugger, or IPython's, has for a command of ours that failed."""
    for cls in type(host).__mro__:
        method = vars(cls).get(f"do_{name}")
        if method is not None and not method.__module__.startswith("stackscope"):
            result: Optional[bool] = method(host, argument)
            return result
    return None


def complete(host: Host, name: str, text: str, line: str, begidx: int) -> List[str]:
    """What Tab offers for the last word of a line, which is an argument of one of the commands.

    Args:
        host: The debugger.
        name: The command.
        text: The last word.
        line: The line.
        begidx: Where the last word begins.
    """
    entry = _table[name]
    if entry.complete is None:
        return []
    # A name with spaces in it is several words to readline, which replaces the last one only.
    before = line[:begidx].partition(" ")[2].lstrip()
    try:
        found = entry.complete(host, before + text)
    except Exception as exc:
        from stackscope.safe.interruptions import interrupts

        if interrupts(exc):
            raise
        return []
    return [item[len(before) :] for item in found if item.startswith(before + text)]


NARROWEST_BRIEF = 20
"""The fewest columns for what a command does, beside its usage."""


def overview(width: int) -> Iterator[str]:
    """All commands with what they do, below the titles of their groups.

    Args:
        width: The columns of a line.
    """
    for title, entries in groups():
        yield f"{title}:"
        yield from briefly(entries, width)


def briefly(entries: Iterable[Command], width: int) -> Iterator[str]:
    """Commands with what they do.

    Args:
        entries: The commands.
        width: The columns of a line.
    """
    import textwrap

    # Where a usage is longer, what the command does stands on a line of its own.
    widest = width * 5 // 12
    usages = [entry.usage for entry in commands() if len(entry.usage) <= widest]
    margin = max(map(len, usages), default=0) + 4
    for entry in entries:
        usage = f"  {entry.usage}"
        if len(usage) + 2 > margin:
            yield usage
            usage = ""
        first, *rest = textwrap.wrap(entry.brief, max(width - margin, NARROWEST_BRIEF))
        yield usage.ljust(margin) + first
        yield from [" " * margin + line for line in rest]


def beyond(standard: type) -> List[Command]:
    """The commands that a debugger doesn't have, and those to which options were added.

    Args:
        standard: The class of the debugger.
    """
    return [
        entry
        for _, entries in groups()
        for entry in entries
        if entry.options or not hasattr(standard, f"do_{entry.name}")
    ]


def install(cls: type) -> None:
    """Give a class the methods ``do_X`` and ``complete_X`` by which `cmd.Cmd` finds commands."""
    for entry in commands():
        members: Dict[str, Any] = {f"do_{entry.name}": _do(entry)}
        if entry.complete is not None:
            members[f"complete_{entry.name}"] = _complete(entry)
        for name, member in members.items():
            for alias in entry.names:
                setattr(cls, name.partition("_")[0] + "_" + alias, member)


def _do(entry: Command) -> Callable[[Host, str], Optional[bool]]:
    def do_command(self: Host, argument: str) -> Optional[bool]:
        return run(self, entry.name, argument)

    do_command.__name__ = f"do_{entry.name}"
    do_command.__doc__ = entry.help
    return do_command


def _complete(entry: Command) -> Callable[..., List[str]]:
    def complete_command(self: Host, text: str, line: str, begidx: int, endidx: int) -> List[str]:
        return complete(self, entry.name, text, line, begidx)

    complete_command.__name__ = f"complete_{entry.name}"
    return complete_command
