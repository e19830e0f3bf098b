"""Interrupts the first extraction of a process, once in each of many child processes.

Usage: ``python -m tests.helpers.first_use KIND WHAT TRIALS``. Writes how often each outcome was
seen, as JSON.
"""

from __future__ import annotations

import collections
import json
import os
import signal
import sys
import warnings

import stackscope

FOLDER = os.path.dirname(stackscope.__file__)


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


def look():
    with Manager() as held:
        return stackscope.extract_since(None), held


def look_at_everything():
    with Manager() as held:
        return str(stackscope.extract_all()), held


def generate():
    with Manager() as held:
        yield held


LOOKS = {"one stack": look, "everything": look_at_everything}


class Stop(BaseException):
    pass


class Tracer:
    """Counts lines, of ours and of what is imported for us, and does something at one of them."""

    def __init__(self, line, act):
        self.line = line
        self.act = act
        self.count = 0

    def __call__(self, frame, event, arg):
        name = frame.f_code.co_filename
        if not name.startswith(FOLDER) and "importlib" not in name and name[0] != "<":
            return None
        if event == "line":
            self.count += 1
            if self.count == self.line:
                self.act()
        return self


def interrupt():
    sys.settrace(None)
    raise KeyboardInterrupt


def fail():
    sys.settrace(None)
    raise MemoryError


def trial(kind, what, place):
    """One first use with an interruption. Gives the lines that it had, and what is wrong later."""
    first = LOOKS[what]
    inner = []

    def reenter(*args):
        for function in LOOKS.values():
            try:
                function()
            except Exception as exc:
                inner.append(f"the inner one raises {type(exc).__name__}: {exc}")

    lines = 0
    try:
        if kind.startswith("timer"):
            signal.signal(signal.SIGALRM, stop if kind == "timer that raises" else reenter)
            signal.setitimer(signal.ITIMER_REAL, place)
            try:
                first()
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        elif kind == "recursion":
            deeper(sys.getrecursionlimit() - place, first)
        else:
            tracer = Tracer(place, {"interrupt": interrupt, "memory": fail}.get(kind, reenter))
            sys.settrace(tracer)
            try:
                first()
            finally:
                sys.settrace(None)
                lines = tracer.count
    except (KeyboardInterrupt, MemoryError, RecursionError, Stop):
        pass
    return lines, ", ".join(inner) or what_is_wrong()


def stop(*args):
    raise Stop


def deeper(levels, function):
    return deeper(levels - 1, function) if levels > 0 else function()


def what_is_wrong():
    """What a later extraction shows wrongly; ``fine`` if nothing."""
    generator = generate()
    held = next(generator)
    stack = stackscope.extract(generator)
    if stack.error is not None:
        return f"a later one has an error: {stack.error}"
    if not stack.frames:
        return "a later one is empty"
    [context] = stack.frames[0].contexts or [None]
    if context is None or context.obj is not held or context.varname != "held":
        return f"a later one is inexact: {context}"
    running, held = look()
    [context] = running.frames[-1].contexts or [None]
    if context is None or context.obj is not held or context.varname != "held":
        return f"a later one of a running frame is inexact: {context}"
    text, _ = look_at_everything()
    return "fine" if "# held: Manager" in text else f"a drawing lacks the manager: {text}"


def in_child(kind, what, place):
    """What `trial` gives, in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            result = trial(kind, what, place)
        except BaseException as exc:
            result = 0, f"a later one raises {type(exc).__name__}: {exc}"
        os.write(writer, json.dumps(result).encode()[:4000])
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(data) if data else (0, f"it died: {status}")


def main(kind, what, trials):
    warnings.simplefilter("error")
    lines, _ = in_child("interrupt", what, 0)
    if kind == "recursion":
        places = range(10, 250, 240 // trials)
    elif kind.startswith("timer"):
        places = [0.0002 + 0.1 * index / trials for index in range(trials)]
    else:
        stride = max(lines // trials, 1)
        # Each version begins elsewhere.
        places = range(1 + sys.version_info[1] * stride // 16, lines, stride)
    results = {place: in_child(kind, what, place)[1] for place in places}
    wrong = {place: result for place, result in results.items() if result != "fine"}
    if wrong:
        print(f"of {lines} lines, interrupted at", wrong, file=sys.stderr)
    found = collections.Counter(results.values())
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
