"""`where`, `frame`, `up`, `down`: the frames, and which of them is the current one."""

from __future__ import annotations

from stackscope_pdb.commands.arguments import integer, options_and_rest, single
from stackscope_pdb.commands.registry import CommandError, command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Sequence

    from stackscope_pdb.stop.host import Host

WHERE_OPTIONS = {"--contexts": "contexts", "-c": "contexts", "--hidden": "hidden"}

STATES = {"thread": "goes on meanwhile", "ended": "has ended"}
"""What the things in focus do that aren't suspended."""


def _complete_where(_debugger: Host, text: str) -> List[str]:
    before, _, word = text.rpartition(" ")
    before = f"{before} " if before else ""
    return [before + name for name in WHERE_OPTIONS if name.startswith(word)]


@command(
    "the stack, with contexts if wanted",
    aliases=("w", "bt"),
    options=tuple(WHERE_OPTIONS),
    complete=_complete_where,
)
def where(debugger: Host, argument: str) -> None:
    """where [--contexts] [--hidden] [N]

    Show the stack with numbered frames, the current one marked by '>'.
    'frame NUMBER' goes to one of them. 'w' and 'bt' are short for it.

    With --contexts, or -c, show every frame's active context managers.

    Frames of event loops, of the debugger, and such as libraries mark
    as hidden are folded, and so is the middle of a very deep stack; the
    line that stands for them says how many. With --hidden, show them.

    From Python 3.14 on, N limits the frames: 0 is the current one, 3
    are the three most recent ones, -3 the three oldest ones. Before,
    it does nothing, as in pdb.
    """
    options, rest = options_and_rest(argument, WHERE_OPTIONS)
    word = single(rest, "number of frames")
    count = None if word is None else integer(word, "a number of frames")
    from stackscope_pdb.views.folding import fold_middle, folded
    from stackscope_pdb.views.frames import stack_lines

    if not debugger.stack:
        raise CommandError("There are no frames.")
    show_contexts = "contexts" in options
    stack = debugger.session.extract(with_contexts=show_contexts)
    hidden = [False] * len(debugger.stack)
    if "hidden" not in options:
        hidden = folded(debugger.stack, stack.frames)
        hidden[debugger.curindex] = False
        fold_middle(hidden, debugger.curindex)
    console = debugger.console
    lines = stack_lines(
        debugger.stack,
        stack,
        hidden,
        debugger.curindex,
        _selected(debugger, count if debugger.counts_frames else None),
        debugger.session.snapshots,
        console,
        show_contexts=show_contexts,
    )
    focus = debugger.session.focus
    if focus is not None:
        what = STATES.get(focus.kind, focus.doing)
        debugger.message(f"{focus.noun[0].upper()}{focus.noun[1:]}, which {what}:")
    debugger.show(list(lines), console)


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

    Go to the frame that has this number in 'where', also if it is
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
        raise CommandError("Oldest frame" if direction < 0 else "Newest frame")
    debugger.select(ahead[-1] if count < 0 else ahead[max(min(count, len(ahead)), 1) - 1])


def _visible(debugger: Host) -> Sequence[int]:
    from stackscope_pdb.views.folding import folded

    frames = debugger.session.extract(with_contexts=False).frames
    return [i for i, hidden in enumerate(folded(debugger.stack, frames)) if not hidden]
