"""`where`, `frame`, `up`, `down`: the frames, and which of them is the current one."""

from __future__ import annotations

from stackscope_pdb import settings
from stackscope_pdb.commands.arguments import integer, options_and_rest, single
from stackscope_pdb.commands.registry import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence

    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console
    from stackscope_pdb.stop.host import Host

WHERE_OPTIONS = {"--contexts": "contexts", "-c": "contexts", "--hidden": "hidden"}

STATES = {"thread": "goes on meanwhile", "ended": "has ended"}
"""What the things in focus do that aren't suspended."""


def _complete_where(_debugger: Host, text: str) -> List[str]:
    before, _, word = text.rpartition(" ")
    before = f"{before} " if before else ""
    return [before + name for name in WHERE_OPTIONS if name.startswith(word)]


@command(
    "the stack, with context managers if wanted",
    aliases=("w", "bt"),
    options=tuple(WHERE_OPTIONS),
    complete=_complete_where,
)
def where(debugger: Host, argument: str) -> None:
    """where [--contexts] [--hidden] [N]

    Show the stack with numbered frames, the current one marked by '>'.
    'frame NUMBER' goes to one of them. 'w' and 'bt' are aliases.

    With --contexts, or -c, also show the active context managers of each
    frame.

    Frames of libraries, event loops and the debugger are folded, and so
    are frames marked as hidden, and the middle of a very deep stack. A
    line says how many there are; --hidden shows them. Successive frames
    at the same line are shown once.

    A library's frame is shown if you are in that library, and with
    --contexts if it holds a context manager of yours. See 'skip'.

    On Python 3.14 and later, N limits the frames: 0 shows the current
    one, 3 the three most recent ones, -3 the three oldest ones. On older
    versions it has no effect, as in pdb.
    """
    options, rest = options_and_rest(argument, WHERE_OPTIONS)
    word = single(rest, "number of frames")
    count = None if word is None else integer(word, "a number of frames")
    if not debugger.stack:
        raise CommandError("There are no frames.")
    console = debugger.console
    lines = _lines(
        debugger,
        _selected(debugger, count if debugger.counts_frames else None),
        console,
        show_contexts="contexts" in options,
        show_hidden="hidden" in options,
    )
    focus = debugger.session.focus
    if focus is not None:
        what = STATES.get(focus.kind, focus.doing)
        if focus.is_stopped:
            what = "is stopped, too"
        debugger.message(f"{focus.noun[0].upper()}{focus.noun[1:]}, which {what}:")
    debugger.show(lines, console)


def _lines(
    debugger: Host, selected: range, console: Console, *, show_contexts: bool, show_hidden: bool
) -> List[Line]:
    """The lines of `where`."""
    from stackscope.snapshot.folding import repeats
    from stackscope_pdb.views.folding import fold_middle, folded
    from stackscope_pdb.views.frames import stack_lines

    entries, current = debugger.stack, debugger.curindex
    stack = debugger.session.extract(with_contexts=show_contexts)
    hidden, repeated = [False] * len(entries), []
    if not show_hidden:
        hidden = folded(debugger, stack)
        hidden[current] = False
        busy = {id(frame.pyframe) for frame in stack.frames if frame.contexts}
        apart = {i for i, (frame, _) in enumerate(entries) if id(frame) in busy or i == current}
        repeated = repeats(entries, hidden, apart, selected)
        fold_middle(hidden, repeated, current)
    snapshots = debugger.session.snapshots
    return list(
        stack_lines(
            entries,
            stack,
            hidden,
            repeated,
            current,
            selected,
            snapshots,
            console,
            show_contexts=show_contexts,
        )
    )


def _selected(debugger: Host, count: Optional[int]) -> range:
    """The indexes of the frames that ``where N`` shows, as `pdb.Pdb.print_stack_trace` has them."""
    length = len(debugger.stack)
    if count is None:
        return range(length)
    if count == 0:
        return range(debugger.curindex, debugger.curindex + 1)
    if count < 0:
        return range(min(-count, length))
    return range(max(length - count, 0), length)


def _complete_frame(debugger: Host, text: str) -> List[str]:
    return [number for number in map(str, range(len(debugger.stack))) if number.startswith(text)]


@command("go to a frame by its number", complete=_complete_frame)
def frame(debugger: Host, argument: str) -> None:
    """frame [NUMBER]

    Go to the frame that has this number in 'where', even if it is
    folded there. A negative number counts from the innermost frame.
    Without a number, show the current frame.
    """
    if not argument:
        debugger.print_stack_entry(debugger.stack[debugger.curindex])
        return
    length = len(debugger.stack)
    number = integer(argument, "the number of a frame")
    index = number + length if number < 0 else number
    if not 0 <= index < length:
        raise CommandError(f"There is no frame {number}. The numbers go from 0 to {length - 1}.")
    debugger.select(index)


@command("go to the caller", aliases=("u",))
def up(debugger: Host, argument: str) -> None:
    """u(p) [COUNT]

    Move to the caller, or COUNT levels up; to the outermost frame if
    COUNT is negative. Folded frames are skipped: see 'where'.
    """
    _move(debugger, argument, -1)


@command("go to the frame called from here", aliases=("d",))
def down(debugger: Host, argument: str) -> None:
    """d(own) [COUNT]

    Move to the frame called from here, or COUNT levels down; to the
    innermost frame if COUNT is negative. Folded frames are skipped: see
    'where'.
    """
    _move(debugger, argument, +1)


def _move(debugger: Host, argument: str, direction: int) -> None:
    count = integer(argument or "1", "a number of frames")
    visible = _visible(debugger)
    if direction < 0:
        ahead = [index for index in reversed(visible) if index < debugger.curindex]
    else:
        ahead = [index for index in visible if index > debugger.curindex]
    if not ahead:
        raise CommandError(_end_reached(debugger, direction))
    debugger.select(ahead[-1] if count < 0 else ahead[max(min(count, len(ahead)), 1) - 1])


def _end_reached(debugger: Host, direction: int) -> str:
    """Why there is nothing to move to: as `pdb` says it, and what has been passed over."""
    is_outwards = direction < 0
    name = "Oldest frame" if is_outwards else "Newest frame"
    left = debugger.curindex if is_outwards else len(debugger.stack) - 1 - debugger.curindex
    if not left:
        return name
    words = "one more is folded: 'where --hidden' shows it"
    if left > 1:
        words = f"{left} more are folded: 'where --hidden' shows them"
    return f"{name}; {words}."


def _visible(debugger: Host) -> Sequence[int]:
    from stackscope_pdb.views.folding import folded

    stack = debugger.session.extract(with_contexts=False)
    return [i for i, is_folded in enumerate(folded(debugger, stack)) if not is_folded]


def _complete_skip(_debugger: Host, _text: str) -> List[str]:
    return ["on", "off"]


@command("whether 'step' and others skip libraries", complete=_complete_skip)
def skip(debugger: Host, argument: str) -> None:
    """skip [on | off]

    Skip the code of libraries, installed ones and the standard library
    alike. This is the default. While it is on, 'step' continues to the
    next line of yours, 'where' folds the frames of libraries, and 'up'
    and 'down' skip them.

    Breakpoints in a library, and calls of breakpoint() there, still
    stop. The library that you are in, by a stop or by 'frame NUMBER',
    and the one in whose folder you work count as yours.

    Without an argument, say whether it is on. To begin with 'off', set
    STACKSCOPE_PDB_SKIP=0 in the environment, or put 'skip off' into
    '.pdbrc'.
    """
    word = single(argument.split(), "word")
    if word is not None:
        if word not in ("on", "off"):
            raise CommandError(f"{word!r} is neither 'on' nor 'off'.")
        settings.set_passes_libraries(word == "on")
    passes = settings.passes_libraries()
    debugger.message(
        f"Code of libraries is {'passed over' if passes else 'shown and stepped into'}."
    )
