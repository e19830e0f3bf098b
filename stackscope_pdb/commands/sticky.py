"""`sticky`: the code around the current line, drawn at every stop."""

from __future__ import annotations

from stackscope_pdb import settings
from stackscope_pdb.commands.arguments import single
from stackscope_pdb.commands.registry import CommandError, command
from stackscope_pdb.output.harmless import harmless, without_colors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Optional, Tuple

    from stackscope_pdb.stop.focus import Entry
    from stackscope_pdb.stop.host import Host

ROWS_AROUND = 5
"""The rows of a terminal that are left to the prompt and to what is above the code."""


def _complete_sticky(_debugger: Host, _text: str) -> List[str]:
    return ["on", "off"]


@command("draw the code around the line at each stop", complete=_complete_sticky)
def sticky(debugger: Host, argument: str) -> None:
    """sticky [on | off | LINES]

    From now on, draw the code around the current line at each stop,
    and when you go to another frame. 'B' marks breakpoints. In a
    terminal, the new drawing replaces the previous one; what the program
    prints stays. LINES is the number of lines to draw. The default is
    STACKSCOPE_PDB_CONTEXT, or 15.

    Without an argument, switch it on or off. To begin with 'on', set
    STACKSCOPE_PDB_STICKY=1 in the environment, or put 'sticky on' into
    '.pdbrc'.
    """
    count = _wanted(single(argument.split(), "number of lines"))
    settings.set_sticky(count)
    if not count:
        debugger.message("Stops show one line again.")
    elif debugger.session.is_shown:
        debugger.print_stack_entry(debugger.stack[debugger.curindex])


def _wanted(word: Optional[str]) -> int:
    """How many lines are wanted; 0 for none."""
    if word == "off" or (word is None and settings.sticky_lines()):
        return 0
    if word in (None, "on"):
        return settings.context_lines()
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise CommandError(f"{word!r} is not 'on', 'off' or a number of lines.")


def draw(debugger: Host, entry: Entry) -> bool:
    """Draw the code around the current line, if that is wanted and there is some.

    Args:
        debugger: Where.
        entry: The current frame, and its line.

    Returns:
        Whether that was done.
    """
    count = settings.sticky_lines()
    frame, lineno = entry
    if not count or not lineno:
        return False
    from stackscope.render.words import shortened as shortened_middle
    from stackscope_pdb.views.code import (
        Marks,
        around,
        colored_part,
        listing,
        shortened,
        source_lines,
    )

    code = frame.f_code
    lines = source_lines(frame)
    if not 1 <= lineno <= len(lines):
        return False
    shown = around(code, lineno, _fitting(count, debugger), len(lines))
    sources = [
        harmless(without_colors(line.rstrip("\n")))
        for line in lines[shown.start - 1 : shown.stop - 1]
    ]
    console = debugger.console
    if console.colors:
        sources = colored_part(lines, shown.start, shown.stop, code.co_firstlineno)
    raised = getattr(debugger, "tb_lineno", {}).get(frame, -1)
    current = lineno if raised == -1 else frame.f_lineno
    marks = Marks(current, raised, debugger.get_file_breaks(debugger.canonic(code.co_filename)))
    place, value = map(harmless, _head(debugger, lineno))
    drawn = [
        shortened_middle(place, console.width, console.ellipsis) + value,
        *listing(sources, shown.start, marks, colors=console.colors),
    ]
    text = "\n".join([shortened(line, console.width, console.ellipsis) for line in drawn])
    _write(debugger, text)
    return True


def _fitting(count: int, debugger: Host) -> int:
    """As many lines as the terminal has room for, with what comes before and after them."""
    from stackscope_pdb.output.redrawing import size_of

    size = size_of(debugger.stdout)
    return count if size is None else min(count, max(size[1] - ROWS_AROUND, 1))


def _write(debugger: Host, text: str) -> None:
    """Write what was drawn, and have it taken off the screen when it is drawn anew."""
    from stackscope_pdb.output.redrawing import Drawing, size_of

    debugger.session.forget_drawing()
    erases = getattr(debugger, "erases_drawings", False)
    size = size_of(debugger.stdout) if erases else None
    if size is None:
        debugger.message_painted(text)
        return
    drawing = Drawing(text.split("\n"), size)
    drawing.watch(debugger.stdout)
    try:
        with drawing.alone():
            debugger.message_painted(text)
    except BaseException:
        drawing.close()
        raise
    debugger.session.drawn = drawing


def _head(debugger: Host, lineno: int) -> Tuple[str, str]:
    """Where that is, and what a function that is about to return gives, as `pdb` says it."""
    from stackscope.safe.text import safe_repr

    code = debugger.current_frame.f_code
    variables = debugger.frame_locals()
    value = f"->{safe_repr(variables['__return__'])}" if "__return__" in variables else ""
    return f"> {debugger.canonic(code.co_filename)}({lineno}){code.co_name}()", value
