"""The options of ``%stackscope`` and ``%%stackscope``: one table for parsing, help, Tab and docs.

IPython isn't imported here, so that the documentation can be made without it.
"""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from stackscope_ipython.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Tuple, Union

    Value = Union[bool, str, float, None]

DEFAULT_PAUSE = 1.0
"""Seconds between two looks of ``--watch``."""

DEFAULT_EVERY = 10.0
"""Seconds between two looks at a cell that takes longer than ``--after``."""


class Option(NamedTuple):
    """One option.

    Args:
        names: How it is written.
        help: What it does.
        value: What its value is called; empty without one, in brackets if it may be left out.
        sets: Under what name it is found in `Request.values`, and what is found there without a
            value.
        where: ``"line"``, ``"cell"`` or both: which magic has it.
        needs_stack: Whether it only means something where a stack is shown.
    """

    names: Tuple[str, ...]
    help: str
    value: str = ""
    sets: Tuple[str, Value] = ("", True)
    where: Tuple[str, ...] = ("line",)
    needs_stack: bool = False

    @property
    def key(self) -> str:
        """The name that its value is found by."""
        return self.sets[0] or self.names[-1].lstrip("-")

    @property
    def usage(self) -> str:
        """How it is written, with its value."""
        return ", ".join(self.names) + (f" {self.value}" if self.value else "")


LINE, CELL = ("line",), ("cell",)
BOTH = LINE + CELL

OPTIONS = (
    Option(("--all",), "Also show what IPython and the kernel run themselves.", where=BOTH),
    Option(
        ("--last",),
        "The last traceback: its frames with the context managers that were active, the exceptions "
        "in a group, and the causes.",
    ),
    Option(("--why",), "What is stuck, and why."),
    Option(
        ("--filter",), 'Only the tasks and threads that match, as in --filter "waits:lock".', "TEXT"
    ),
    Option(
        ("--watch",),
        "Look again every second, or every SECONDS, and mark what has changed. In a notebook, "
        "other cells can run meanwhile, until --stop; in a terminal, until Ctrl-C.",
        "[SECONDS]",
        ("watch", DEFAULT_PAUSE),
    ),
    Option(("--stop",), "End --watch."),
    Option(("--contexts",), "Show context managers (the default).", where=BOTH),
    Option(
        ("--no-contexts",),
        "Leave out context managers. Holders of locks aren't known then.",
        sets=("contexts", False),
        where=BOTH,
    ),
    Option(("--children",), "Also show the stacks of child tasks.", needs_stack=True),
    Option(
        ("--hidden",),
        "Also show the frames and contexts that libraries mark as hidden.",
        needs_stack=True,
    ),
    Option(("--flat",), "Show the stack as a traceback, without a tree.", needs_stack=True),
    Option(("--ascii",), "Draw with ASCII characters only, as plain text.", where=BOTH),
    Option(("--json",), "Write JSON to a file, and show nothing.", "FILE"),
    Option(("--html",), "Write an HTML page to a file, and show nothing.", "FILE"),
    Option(("-o", "--out"), "Also assign the result to a variable.", "NAME"),
    Option(("--quiet",), "Show nothing, only return the result."),
    Option(
        ("--after",),
        "Show where everything is if the cell takes longer than this.",
        "SECONDS",
        where=CELL,
    ),
    Option(
        ("--every",),
        f"After that, show it again every SECONDS (default: {DEFAULT_EVERY:g}).",
        "SECONDS",
        where=CELL,
    ),
    Option(("-h", "--help"), "Show this help.", where=BOTH),
)
"""All options, in the order of the help."""

NUMBERS = ("after", "every", "watch")
"""The options whose value is a number of seconds."""

SUMMARY = {
    "line": """%stackscope [OPTIONS] [EXPR]

Show what the program is doing. Without EXPR: all tasks, what each waits for
and who holds that, tasks that wait for each other in a circle, and the
threads that aren't idle.

With EXPR, show its stack, with the context managers that are active in each
frame. EXPR is a Python expression for a task, coroutine, generator, thread,
frame, exception or event loop, or for a list of these. It can also be the
number or name of a task, or the name of a function that only one task is
in. If it is valid as both, it is the expression; '#3' is always task 3.

'x = %stackscope EXPR' returns the Stack, and shows nothing; without EXPR it
returns the Snapshot. '%%stackscope' runs a cell, and shows where it hangs.
""",
    "cell": """%%stackscope [OPTIONS]

Run the cell, and show where everything is if it is interrupted, raises an
exception, or takes longer than '--after SECONDS'.
""",
}
"""What each of the magics does."""


class Request:
    """What was asked for.

    Args:
        values: The values of the options, by their keys.
        expression: What stands beside the options; empty if nothing does.
    """

    def __init__(self, values: Dict[str, Value], expression: str = "") -> None:
        self.values = values
        self.expression = expression

    def has(self, key: str) -> bool:
        """Whether an option is given that has no value, or that has one."""
        return self.values.get(key, False) is not False

    def text(self, key: str) -> Optional[str]:
        """The value of an option that has a text."""
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def seconds(self, key: str) -> Optional[float]:
        """The value of an option that has a number of seconds."""
        value = self.values.get(key)
        return value if isinstance(value, float) else None

    @property
    def contexts(self) -> bool:
        """Whether context managers are looked for."""
        return self.values.get("contexts") is not False


def options_of(where: str) -> List[Option]:
    """The options of the line magic or of the cell magic."""
    return [option for option in OPTIONS if where in option.where]


def help_text(where: str) -> str:
    """The help of one of the magics."""
    options = options_of(where)
    width = max(len(option.usage) for option in options) + 4
    lines = [SUMMARY[where], "Options:"]
    for option in options:
        first, *rest = textwrap.wrap(option.help, 78 - width)
        lines.append(f"  {option.usage:<{width - 2}}{first}")
        lines += [" " * width + line for line in rest]
    return "\n".join(lines)


def parse(line: str, where: str) -> Request:
    """Read what is typed after the magic's name.

    Args:
        line: What was typed.
        where: ``"line"`` or ``"cell"``.

    Raises:
        Refused: An option is unknown, lacks its value, or makes no sense with another one.
    """
    words = list(split(line))
    known = {name: option for option in options_of(where) for name in option.names}
    values: Dict[str, Value] = {}
    rest: List[str] = []
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        name, has_value, value = word.partition("=") if word[:2] == "--" else (word, "", "")
        option = known.get(name)
        if option is not None:
            if has_value:
                words.insert(0, value)
            values[option.key] = _value_of(option, words, has_value=bool(has_value))
        elif word.startswith("--") or (word[:1] == "-" and word[1:].isalpha() and not rest):
            raise Refused(f"There is no option {name}. There are: {', '.join(known)}.")
        else:
            rest.append(word)
    request = Request(values, " ".join(rest))
    _check(request, where)
    return request


def _value_of(option: Option, words: List[str], *, has_value: bool) -> Value:
    """The value of an option, which is taken from the words that follow it."""
    if not option.value:
        if has_value:
            raise Refused(f"{option.names[-1]} has no value.")
        return option.sets[1]
    is_optional = option.value.startswith("[")
    if option.key in NUMBERS:
        number = _number(words[0]) if words else None
        if number is None and is_optional and not has_value:
            return option.sets[1]
        if number is None:
            raise Refused(f"{option.names[-1]} needs a number of seconds above 0.")
        del words[0]
        return number
    if not words or words[0].startswith("--"):
        raise Refused(f"{option.names[-1]} needs a value: {option.usage}.")
    return unquoted(words.pop(0))


def _number(word: str) -> Optional[float]:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if 0 < number < 1e6 else None


def _check(request: Request, where: str) -> None:
    """Refuse what can't be done together."""
    if where == "cell":
        if request.expression:
            raise Refused(f"'%%stackscope' takes only options: {request.expression!r} isn't one.")
        if request.has("every") and not request.has("after"):
            raise Refused("--every needs --after: it says how often to look after that.")
        return
    whole = [name for name in ("last", "why", "watch", "stop") if request.has(name)]
    if len(whole) > 1 or (whole and request.expression):
        other = f"--{whole[1]}" if len(whole) > 1 else request.expression
        raise Refused(f"Give either --{whole[0]} or {other}, not both.")
    shows_stack = bool(request.expression) or whole == ["last"]
    for option in OPTIONS:
        if option.needs_stack and request.has(option.key) and not shows_stack:
            raise Refused(f"{option.names[-1]} is about a stack: give EXPR or --last with it.")
    if shows_stack and request.has("filter"):
        raise Refused("--filter is about all tasks and threads: leave out EXPR and --last.")
    if whole in (["watch"], ["stop"]):
        for key in ("json", "html", "out"):
            if request.has(key):
                raise Refused(f"--{whole[0]} has no result that --{key} could keep.")


def split(line: str) -> Iterator[str]:
    """The words of a line. What stands in quotes or brackets is one word with what is beside it."""
    word, quote, depth = "", "", 0
    previous = ""
    for char in line:
        if char.isspace() and not quote and depth <= 0:
            if word:
                yield word
            word = ""
        else:
            word += char
            if quote:
                quote = "" if char == quote and previous != "\\" else quote
            elif char in "'\"":
                quote = char
            else:
                depth += (char in "([{") - (char in ")]}")
        previous = char
    if word:
        yield word


def unquoted(word: str) -> str:
    """A word without quotes around it."""
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return word
