"""Tracebacks in the standard format that can't repaint the terminal, nor pretend to have frames."""

from __future__ import annotations

import traceback

from stackscope.safe.interruptions import interrupts
from stackscope_pdb.output.harmless import harmless, one_line, without_colors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Iterator, Optional


def harmless_traceback(exc: BaseException, tb: Optional[TracebackType]) -> str:
    """What `traceback.print_exception` would print. Messages and notes keep their lines."""
    try:
        report = traceback.TracebackException(type(exc), exc, tb)
        for each in _chained(report):
            _escape_names(each)
        return harmless(without_colors("".join(report.format())))
    except Exception as failure:  # the loader of a module, asked for its source, may do anything
        if interrupts(failure):
            raise
        from stackscope.safe.text import describe_exception

        return describe_exception(exc) + "\n"


def _chained(report: Any) -> Iterator[Any]:
    """An exception, and all that are shown with it."""
    found, seen = [report], {id(report)}
    while found:
        each = found.pop()
        yield each
        # Up to 3.10 there are no groups.
        for other in (each.__cause__, each.__context__, *(getattr(each, "exceptions", None) or ())):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                found.append(other)


def _escape_names(report: Any) -> None:
    for frame in report.stack:
        frame.line  # noqa: B018  (found by the file's real name)
        frame.filename = one_line(frame.filename)
        frame.name = one_line(frame.name)
    for name in ("filename", "text"):  # those of a SyntaxError
        value = getattr(report, name, None)
        if isinstance(value, str):
            setattr(report, name, one_line(value.rstrip("\n")))
    if hasattr(report, "exc_type_qualname"):  # 3.13+
        for name in ("exc_type_qualname", "exc_type_module"):
            value = getattr(report, name)
            if isinstance(value, str):
                setattr(report, name, one_line(value))
    elif report.exc_type is not None:
        report.exc_type = _with_harmless_name(report.exc_type)


def _with_harmless_name(kind: Any) -> Any:
    name, module = kind.__qualname__, kind.__module__
    if name.isprintable() and not (isinstance(module, str) and not module.isprintable()):
        return kind
    base = SyntaxError if issubclass(kind, SyntaxError) else Exception
    namespace = {"__qualname__": one_line(name), "__module__": one_line(str(module))}
    return type("Renamed", (base,), namespace)


def one_line_of(exc: BaseException) -> str:
    """An exception as the standard debugger shows it: its type and its text."""
    import traceback

    return traceback.format_exception_only(type(exc), exc)[-1].strip()
