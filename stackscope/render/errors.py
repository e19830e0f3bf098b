"""The errors of extractions as lines of text, much as `traceback` writes them.

`traceback` itself keeps whatever comes up in an exception's ``__str__``, Ctrl-C included, and asks
the program's objects for names that might have been meant.
"""

from __future__ import annotations

from traceback import FrameSummary, StackSummary, walk_tb
from typing import TYPE_CHECKING

from stackscope.model.saved import SavedError
from stackscope.render.source import Sources
from stackscope.safe.interruptions import interrupts
from stackscope.safe.objects import (
    cause_of,
    class_attribute,
    context_of,
    exceptions_in_group,
    instance_attributes,
    qualname_of,
    suppresses_context,
    traceback_of,
)
from stackscope.safe.text import (
    class_name,
    describe_exception,
    exception_in_brief,
    may_run_reprs,
    safe_line,
    safe_text,
    str_of_exception,
)

if TYPE_CHECKING:
    from typing import Iterator, List, Optional, Set, Tuple

LONGEST_CHAIN = 20
"""The most exceptions of a chain that are shown: the last ones."""

MOST_MEMBERS = 15
"""The most exceptions of a group that are shown, as in `traceback`."""

DEEPEST_GROUP = 5
"""The levels of groups inside groups that are shown."""

LONGEST_MESSAGE = 10_000

LONGEST_BRIEF = 200
"""Characters that are shown of an error where a line is all there is for it."""

BECAUSE = "The above exception was the direct cause of the following exception:"
MEANWHILE = "During handling of the above exception, another exception occurred:"


def error_lines(error: BaseException) -> List[str]:
    """The lines that tell of an error, without line ends."""
    if type(error) is SavedError:
        return error.lines
    try:
        return [safe_line(line) for line in _lines(error, set(), 0)]
    except BaseException as exc:  # hardly any room is left on the stack
        if interrupts(exc):
            raise
        return [describe_exception(error)]


def error_in_brief(error: BaseException) -> str:
    """The same in one line, without running any code of the error's."""
    return error.brief if type(error) is SavedError else exception_in_brief(error, LONGEST_BRIEF)


def _lines(error: BaseException, seen: Set[int], level: int) -> Iterator[str]:
    """The lines for an exception after those for what it was raised from."""
    chain = [(error, "")]
    seen.add(id(error))
    while len(chain) <= LONGEST_CHAIN:
        older, words = _older(chain[-1][0])
        if older is None or id(older) in seen:
            break
        seen.add(id(older))
        chain[-1] = chain[-1][0], words
        chain.append((older, ""))
    if len(chain) > LONGEST_CHAIN:
        del chain[LONGEST_CHAIN:]
        yield "..."
    for exception, words in reversed(chain):
        if words:
            yield from ("", words, "")
        yield from _entries(exception)
        yield from _message(exception)
        yield from _members(exception, seen, level)


def _older(exception: BaseException) -> Tuple[Optional[BaseException], str]:
    cause = cause_of(exception)
    if cause is not None:
        return cause, BECAUSE
    return None if suppresses_context(exception) else context_of(exception), MEANWHILE


def _entries(exception: BaseException) -> Iterator[str]:
    """The frames that it has passed."""
    sources = Sources()
    entries = []
    for frame, lineno in walk_tb(traceback_of(exception)):
        code = frame.f_code
        line = safe_line(sources.line(frame, lineno))
        filename, name = safe_text(code.co_filename), safe_text(code.co_name)
        entries.append(FrameSummary(filename, lineno or 0, name, lookup_line=False, line=line))
    for entry in StackSummary.from_list(entries).format():
        yield from entry.rstrip("\n").split("\n")


def _message(exception: BaseException) -> Iterator[str]:
    """Its class with its message, and its notes."""
    if not may_run_reprs():
        yield describe_exception(exception)
        return
    cls = type(exception)
    module: object = class_attribute(cls, "__module__")
    name = safe_text(qualname_of(cls))
    if type(module) is str and module not in ("__main__", "builtins"):
        name = f"{module}.{name}"
    try:
        message = str_of_exception(exception, LONGEST_MESSAGE)
    except BaseException as failure:
        if interrupts(failure):
            raise
        message = f"(str raised {class_name(failure)})"
    yield from (f"{name}: {message}" if message else name).split("\n")
    notes: object = instance_attributes(exception).get("__notes__")
    if type(notes) is list:
        for note in notes:
            if type(note) is str:
                yield from note[:LONGEST_MESSAGE].split("\n")


def _members(exception: BaseException, seen: Set[int], level: int) -> Iterator[str]:
    """The exceptions in it, if it is a group."""
    members = exceptions_in_group(exception)
    if members and level == DEEPEST_GROUP:
        yield f"... with {len(members)} more inside"
        return
    for number, member in enumerate(members[:MOST_MEMBERS], 1):
        yield f"---------------- {number} of {len(members)} ----------------"
        if id(member) not in seen:
            for line in _lines(member, seen, level + 1):
                yield f"  {line}"
        else:
            yield f"  {class_name(member)}, as above"
    if len(members) > MOST_MEMBERS:
        yield f"... and {len(members) - MOST_MEMBERS} more"
