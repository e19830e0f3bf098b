"""`catch`, `watch`: stop when an exception is raised, or a value changes."""

from __future__ import annotations

from stackscope_pdb.commands.registry import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, List, Optional, Tuple

    from stackscope_pdb.program.watched import Caught, Watched
    from stackscope_pdb.stop.host import Host


HOSTS = ("IPython", "ipykernel", "_pytest", "_pyrepl", "code", "doctest")
"""What runs code of the user's, and goes on when that has ended."""


def _complete_exception(debugger: Host, text: str) -> List[str]:
    from stackscope_pdb.prompt.completion import python_completions

    begin = max(text.rfind(char) for char in " ,(") + 1
    start, found = python_completions(debugger, text[begin:])
    names = [text[begin:][:start] + name for name in found]
    fitting = [name for name in names if _classes(debugger, name)] + ["off"] * (not begin)
    return [text[:begin] + name for name in fitting]


def _complete_watch(debugger: Host, text: str) -> List[str]:
    from stackscope_pdb.prompt.completion import expression_completions

    watched = debugger.watched
    known = [f"off {one.expression}" for one in watched.watches] if watched is not None else []
    return [*expression_completions(debugger, text), "off", *known]


@command("stop where an exception is raised", complete=_complete_exception)
def catch(debugger: Host, argument: str) -> None:
    """catch [off] [EXCEPTION ...]

    From now on, stop where an exception of this class or of a subclass
    is raised, even if the program handles it: 'catch KeyError', 'catch
    app.Error, OSError'. Without an argument, list these classes. 'catch
    off' ends it, for all classes or for those named.

    The program stops once, in the frame that raises, and not again in
    the frames that the exception passes. If a library raises it, the
    program stops where it reaches your code, if it does; 'down' goes to
    where it was raised. After 'skip off' it stops there. StopIteration
    and similar exceptions count only if they are named. A class that
    doesn't exist yet is recognized by its name.

    All threads are watched, with their tasks. Before Python 3.12, only
    the stopped thread and those started later are watched, and the
    program runs slower. In IPython and pytest, this ends with the cell
    or the test.
    """
    if debugger.is_post_mortem:
        raise CommandError("'catch' needs a running program, and this one has ended.")
    names = argument.replace(",", " ").strip("() ").split()
    watched = debugger.watched
    if not names:
        listed = ", ".join(one.name for one in watched.caught) if watched is not None else ""
        debugger.message(listed or "No exception is caught. Use 'catch EXCEPTION'.")
    elif names[0] == "off":
        _catch_no_more(debugger, names[1:])
    else:
        _catch(debugger, [_caught(debugger, name.strip("()")) for name in names])


def _catch(debugger: Host, caught: List[Caught]) -> None:
    from stackscope_pdb.program.libraries import Passed

    watched = _watched(debugger)
    names = [one.name for one in caught]
    watched.caught = [one for one in watched.caught if one.name not in names] + caught
    watched.until = _outermost(debugger)
    here = debugger.current_frame
    # Where a library is run as a program, one begins in its module, and means what it runs.
    places = [] if here.f_code.co_name == "<module>" else [here]
    watched.passed = Passed(*places, shown=debugger.libraries_shown)
    debugger.arm()
    for one in caught:
        later = (
            "" if one.is_known else ", which isn't known so far: any class of that name is meant"
        )
        debugger.message(f"Stops where {one.name} is raised{later}.")


def _caught(debugger: Host, name: str) -> Caught:
    from stackscope_pdb.program.watched import Caught

    if not all(part.isidentifier() for part in name.split(".")):
        raise CommandError(f"{name!r} isn't the name of an exception.")
    classes = _classes(debugger, name)
    if classes is None:
        raise CommandError(f"{name} isn't an exception class.")
    return Caught(name, classes)


def _outermost(debugger: Host) -> Optional[Tuple[int, CodeType]]:
    """The outermost frame of the program, if that is run by one that raises exceptions itself.

    In IPython that is the one which runs the statements of a cell.
    """
    from stackscope_pdb.program.machinery import module_name

    frames = [frame for frame, _ in debugger.session.stop[0]]
    packages = [module_name(frame).partition(".")[0] for frame in frames]
    hosts = [index for index, package in enumerate(packages) if package in HOSTS]
    if not hosts or hosts[-1] + 1 == len(frames):
        return None
    cells = [frame for frame in frames if frame.f_code.co_name == "run_ast_nodes"]
    outermost = (cells or frames[hosts[-1] + 1 :])[0]
    return id(outermost), outermost.f_code


def _catch_no_more(debugger: Host, names: List[str]) -> None:
    watched = debugger.watched
    caught = watched.caught if watched is not None else []
    missing = [name for name in names if name not in [one.name for one in caught]]
    if missing or watched is None:
        what = missing[0] if missing else "an exception"
        raise CommandError(f"'catch' isn't waiting for {what}; without arguments, it lists all.")
    watched.caught = [one for one in caught if names and one.name not in names]
    debugger.arm()


def _classes(debugger: Host, name: str) -> Optional[List[type]]:
    """The classes that a name stands for; ``None`` if that is something else."""
    found = _value(debugger, name)
    if found is _MISSING:
        return []
    classes = list(found) if type(found) in (tuple, list) else [found]
    are_classes = [isinstance(one, type) and issubclass(one, BaseException) for one in classes]
    return classes if all(are_classes) and classes else None


_MISSING = object()


def _value(debugger: Host, name: str) -> Any:
    """What a dotted name stands for in the frame, or as a name in a module; no code is run."""
    import builtins
    import functools
    import sys

    from stackscope_pdb.prompt.completion import NeedsCode, static_attribute

    parts = name.split(".")
    places = (debugger.frame_locals(), debugger.current_frame.f_globals, vars(builtins))
    starts = [(place[parts[0]], 1) for place in places if parts[0] in place][:1]
    starts += [
        (sys.modules[".".join(parts[:count])], count)
        for count in range(len(parts) - 1, 0, -1)
        if ".".join(parts[:count]) in sys.modules
    ]
    for start, count in starts:
        try:
            return functools.reduce(static_attribute, parts[count:], start)
        except NeedsCode:
            pass
    return _MISSING


@command("stop when an expression's value changes", complete=_complete_watch)
def watch(debugger: Host, argument: str) -> None:
    """watch [off] [EXPRESSION]

    From now on, stop when the value of EXPRESSION changes, and show both
    values. It is evaluated in the current frame, before each line, until
    the frame ends. Without an argument, list what is watched. 'watch
    off' ends it, for all expressions or for one.

    Two values are equal if they have the same type, the same repr() up
    to 10,000 characters, and the same length if they are containers. So
    a change inside a list is noticed. If an object's repr() doesn't show
    its attributes, watch these: 'watch x.count'.
    """
    watched = debugger.watched
    word, _, rest = argument.partition(" ")
    if not argument:
        for one in watched.watches if watched is not None else ():
            debugger.message(f"{one.expression} in {one.code.co_name}: {one.shown}")
        if watched is None or not watched.watches:
            debugger.message("Nothing is watched. Use 'watch EXPRESSION'.")
    elif word == "off":
        _watch_no_more(debugger, rest.strip())
    else:
        _watch(debugger, argument)


def _watch(debugger: Host, expression: str) -> None:
    from stackscope_pdb.program.watched import Watch

    focus = debugger.session.focus
    if focus is not None and focus.kind in ("thread", "ended"):
        raise CommandError(
            "Only frames of the thread that stopped can be watched. 'unfocus' goes there."
        )
    if not debugger.session.is_live(debugger.current_frame):
        raise CommandError("'watch' needs a frame that still runs, and this one has ended.")
    try:
        made = Watch(expression, debugger.current_frame, debugger.frame_locals())
    except (SyntaxError, ValueError) as exc:
        raise CommandError(f"{expression!r} is no expression: {exc}") from None
    watched = _watched(debugger)
    watched.watches = [
        one
        for one in watched.watches
        if (one.expression, one.frame_id) != (made.expression, made.frame_id)
    ]
    watched.watches.append(made)
    debugger.arm(debugger.current_frame)
    debugger.message(f"Stops when {expression} changes in {made.code.co_name}: {made.shown}")


def _watch_no_more(debugger: Host, expression: str) -> None:
    watched = debugger.watched
    watches = watched.watches if watched is not None else []
    if watched is None or not any(expression in ("", one.expression) for one in watches):
        what = expression or "anything"
        raise CommandError(f"'watch' isn't watching {what}; without arguments, it lists all.")
    watched.watches = [one for one in watches if expression not in ("", one.expression)]
    debugger.arm()


def _watched(debugger: Host) -> Watched:
    from stackscope_pdb.program.watched import Watched

    if debugger.watched is None:
        debugger.watched = Watched()
    return debugger.watched
