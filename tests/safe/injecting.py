"""An exception that comes at a given line of what runs: by a trace function, or a signal in it."""

from __future__ import annotations

import signal
import sys

from tests.helpers.rows import VERSIONS, share


class Injected(Exception):
    """What no handler of ours expects."""


class InjectedError(TimeoutError):
    """What the standard library takes for a file that can't be read."""


def raise_from_handler(signum, frame):
    """As a handler that is one no more when what it raises is caught."""
    signal.signal(signum, signal.SIG_IGN)
    raise InjectedError


def by_signal():
    signal.signal(signal.SIGUSR1, raise_from_handler)
    signal.raise_signal(signal.SIGUSR1)


def raiser(kind):
    def inject():
        raise kind

    return inject


WAYS = {kind.__name__: (kind, raiser(kind)) for kind in (KeyboardInterrupt, SystemExit, Injected)}
if hasattr(signal, "SIGUSR1"):
    WAYS["signal"] = (InjectedError, by_signal)


def is_ours(code):
    return "stackscope" in code.co_filename


def lines_until(number, inject, work, wanted=is_ours):
    """Do ``work``, and ``inject`` at line event ``number`` of the wanted code. Gives the result.

    Returns:
        The result, and how many such events there were.
    """
    count = 0

    def trace_line(frame, event, arg):
        nonlocal count
        if event == "line":
            count += 1
            if count == number:
                sys.settrace(None)
                places.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
                inject()
        return trace_line

    def trace_call(frame, event, arg):
        return trace_line if wanted(frame.f_code) else None

    def apart():
        # A trace function can raise where no code can: within what ends the handling of an
        # exception. Then the interpreter goes on handling that, but no longer than a generator.
        yield work()

    before = sys.gettrace()
    sys.settrace(trace_call)
    try:
        result = next(apart())
    finally:
        sys.settrace(before)
    return result, count


places = []
"""Where it was injected: what is lost can be looked for there."""

IS_SLOW = sys.implementation.name == "pypy"  # while a trace function is set


def losses(work, way, points=None, wanted=is_ours):
    """Inject at lines of ``work``: where that didn't reach us, or changed what comes next.

    At each line, or at about as many ``points``, which are others on each version of Python.
    """
    kind, inject = WAYS[way]
    expected, _ = lines_until(0, inject, work, wanted)  # what is done once only
    _, total = lines_until(0, inject, work, wanted)
    assert total > 100
    found = []
    numbers = range(1, total + 1)
    if points is not None or IS_SLOW:
        points = (points or total) // (5 if IS_SLOW else 1)
        numbers = share(numbers[:: max(total // (points * VERSIONS), 1)])
    for number in numbers:
        try:
            _, reached = lines_until(number, inject, work, wanted)
        except kind:
            pass
        except BaseException as exc:
            found.append((number, repr(exc)))
        else:
            if reached < number:  # what other tests had left is gone, and the work is shorter
                assert number > total // 2
                break
            found.append((number, "lost at " + places[-1]))
        if work() != expected:
            found.append((number, "not as before"))
    return found
