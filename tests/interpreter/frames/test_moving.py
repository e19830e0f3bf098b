"""A frame may move on between any two instructions of the code that reads it: here it does.

The program is at one of its steps when its frame is looked at, and goes on by some steps at one
instruction of ours. What is found must be what was there before or what was there after.
"""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading

import pytest

import stackscope
from stackscope.interpreter.facts import has_gil
from stackscope.lowlevel import contexts_active_in_frame

pytestmark = pytest.mark.skipif(
    not has_gil() or sys.implementation.name != "cpython",
    reason="frames of other threads are read on CPython with the GIL",
)

_PACKAGE = os.path.dirname(stackscope.__file__) + os.sep
_READERS = tuple(_PACKAGE + name for name in (f"frames{os.sep}", "contexts.py"))
#: More of them find more: set it in the environment.
_TRIALS = int(os.environ.get("STACKSCOPE_TRIALS", "600"))


class Manager:
    """Steps while it's entered and left; its number is that of the block."""

    def __init__(self, step, number, fails=False):
        self.step = step
        self.number = number
        self.fails = fails

    def __enter__(self):
        self.step()
        self.step()
        return self

    def __exit__(self, *exc):
        self.step()
        self.step()
        if self.fails:
            raise KeyError
        return exc[0] is KeyError


def program(step):
    """Blocks of which more and fewer are active, at the same depth of the stack and at others."""
    for number in range(2):
        with Manager(step, 1) as a:
            step()
            with Manager(step, 2), Manager(step, 3) as b:
                step(a, b)
            step()
        with Manager(step, 4) as a:
            step()
            if number:
                break
        with contextlib.suppress(KeyError), Manager(step, 5), Manager(step, 6, True):
            step()
            raise KeyError
        step(number)
    return [step(number) for number in range(2)]


def generator(step):
    """The same for a generator, which can't step inside of a manager."""
    for number in range(2):
        with Manager(step, 1) as a:
            yield
            with Manager(step, 2), Manager(step, 3) as b:
                yield a, b
                yield
            yield
        with Manager(step, 4) as a:
            yield
            if number:
                break
        with Manager(step, 5), Manager(step, 6):
            yield
            raise KeyError
        yield


class InThread:
    """`program` in a thread of its own, which waits at each step."""

    def __init__(self):
        self.left = 1
        self.ended = False
        self.mine, self.others = threading.Lock(), threading.Lock()
        self.mine.acquire()
        self.others.acquire()
        self.frame = None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        self.others.acquire()

    def run(self):
        program(self.step)
        self.ended = True
        self.others.release()

    def step(self, *_):
        if self.frame is None:
            self.frame = sys._getframe(1)
            while self.frame.f_code is not program.__code__:
                self.frame = self.frame.f_back
        self.left -= 1
        if self.left == 0:
            self.others.release()
            self.mine.acquire()

    def go_on(self, steps):
        if steps and not self.ended:
            self.left = steps
            self.mine.release()
            self.others.acquire()

    def end(self):
        self.go_on(10_000)
        self.thread.join()


class InGenerator:
    """`generator`, suspended at each step."""

    def __init__(self):
        self.generator = generator(lambda *_: None)
        self.frame = self.generator.gi_frame
        next(self.generator)

    @property
    def ended(self):
        return self.generator.gi_frame is None

    def go_on(self, steps):
        for _ in range(steps):
            next(self.generator, None)

    def end(self):
        self.generator.close()


class AtInstruction:
    """A trace function that does something at one instruction of the code that reads frames."""

    def __init__(self, number, action):
        self.number = number
        self.action = action
        self.seen = 0

    @contextlib.contextmanager
    def traced(self):
        """Trace this thread."""
        before = sys.gettrace()
        sys.settrace(self.called)
        try:
            yield
        finally:
            sys.settrace(before)

    def called(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(_READERS):
            return None
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return self.stepped

    def stepped(self, frame, event, argument):
        if event == "opcode":
            self.seen += 1
            if self.seen == self.number:
                self.action()
        return self.stepped


def found(frame):
    """What is active in a frame, without the objects themselves."""
    return [
        (
            getattr(each.obj, "number", type(each.obj)),
            each.varname,
            each.start_line,
            each.is_exiting,
        )
        for each in contexts_active_in_frame(frame)
    ]


def states(where):
    """What is found at each step, and how many instructions of ours that takes."""
    running = where()
    seen = []
    while not running.ended:
        counter = AtInstruction(0, None)
        with counter.traced():
            seen.append((found(running.frame), counter))
        running.go_on(1)
    running.end()
    return [(contexts, counter.seen) for contexts, counter in seen]


@pytest.mark.parametrize("where", [InThread, InGenerator])
def test_between_any_two_of_our_instructions(where):
    """Each trial moves the frame at another instruction."""
    rng = random.Random(1)
    seen = states(where)
    moved = 0
    for _ in range(_TRIALS):
        start = rng.randrange(len(seen))
        steps = rng.randrange(1, 8)
        before, count = seen[start]
        after = seen[start + steps][0] if start + steps < len(seen) else []
        running = where()
        running.go_on(start)
        mover = AtInstruction(rng.randrange(max(count, 1)) + 1, lambda: running.go_on(steps))
        with mover.traced():
            result = found(running.frame)
        running.end()
        moved += before != after
        assert result in (before, after), (start, steps, mover.number)
    assert moved > _TRIALS / 4
