"""The context managers that are active in frames of real programs."""

from __future__ import annotations

import contextlib
import sys

import pytest

from stackscope.interpreter.frames import reader
from stackscope.lowlevel import contexts_active_in_frame
from stackscope.model.stacks import Context
from tests.extraction.contexts.programs import Manager, _here, _objects
from tests.interpreter.bytecode.programs import PROGRAMS, Program, lines_never_run, marked_lines


class _Marks:
    """Looks at the frame that calls `mark`, at each of its lines."""

    def __init__(self, expected):
        self.expected = expected
        self.reached = set()

    def mark(self):
        frame = sys._getframe(1)
        if frame.f_lineno not in self.expected:
            return  # only handed on
        self.reached.add(frame.f_lineno)
        found = contexts_active_in_frame(frame, None, sys._getframe())
        names = self.expected[frame.f_lineno]
        assert tuple(context.obj.name for context in found) == names, frame.f_lineno
        assert tuple(context.varname for context in found) == names
        assert not any(context.is_exiting for context in found)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_programs(program: Program):
    """Real runs of the programs whose code is analysed in tests/interpreter/bytecode."""
    expected = marked_lines(program.source)
    marks = _Marks(expected)
    namespace = {}
    exec(compile(program.source, "<program>", "exec"), namespace)

    def make(name):
        return Manager(name, swallow=name == "swallow")

    result = namespace["program"](make, marks.mark)
    if result is not None and hasattr(result, "send"):
        with contextlib.suppress(StopIteration):
            while True:
                result.send(None)
    assert marks.reached == set(expected) - lines_never_run(program.source)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_programs_stepped(program: Program):
    """The same with a trace function that looks at every instruction."""
    looked = []

    def tracer(frame, event, arg):
        if frame.f_code.co_filename == "<program>":
            frame.f_trace_opcodes = True
            looked.append(contexts_active_in_frame(frame))
            return tracer
        return None

    namespace = {}
    exec(compile(program.source, "<program>", "exec"), namespace)
    old = sys.gettrace()
    sys.settrace(tracer)
    try:
        result = namespace["program"](lambda name: Manager(name, name == "swallow"), lambda: None)
        if result is not None and hasattr(result, "send"):
            with contextlib.suppress(StopIteration):
                while True:
                    result.send(None)
    finally:
        sys.settrace(old)
    if reader() is not None:
        assert any(looked)
    for contexts in looked:
        for context in contexts:
            assert context.obj is None or type(context.obj) is Manager
            if type(context.obj) is Manager:
                assert context.varname == context.obj.name


def test_all_fields():
    manager = Manager()
    line = sys._getframe().f_lineno + 1
    with manager as named:
        [context] = _here()
    assert context == Context(manager, False, False, "named", line)
    assert named is manager


def test_contexts_are_fresh_and_may_be_changed():
    with Manager():
        [first] = _here()
        first.obj = "changed"
        first.varname = "changed"
        [second] = _here()
    assert first is not second
    assert second.obj != "changed"
    assert list(second.children) == []
    assert second.inner_stack is None
    assert second.description is None
    assert not second.hide


def test_no_hook_runs():
    @contextlib.contextmanager
    def manager():
        yield

    with manager():
        [context] = _here()
    assert type(context.obj) is contextlib._GeneratorContextManager
    assert context.inner_stack is None


def test_start_line_is_that_of_the_keyword():
    line = sys._getframe().f_lineno + 1
    with Manager() as first, \
         Manager() as second:  # fmt: skip
        found = _here()
    assert [context.start_line for context in found] == [line, line]


def test_a_frame_without_contexts():
    assert _here() == []


def test_a_frame_that_has_ended():
    def program():
        with Manager():
            return sys._getframe()

    assert contexts_active_in_frame(program()) == []


def test_a_generator_that_has_not_begun_or_has_ended():
    def program():
        with Manager():
            yield

    generator = program()
    assert contexts_active_in_frame(generator.gi_frame, generator) == []
    frame = generator.gi_frame
    list(generator)
    assert contexts_active_in_frame(frame, generator) == []


def test_recursion():
    def program(depth):
        with Manager(depth):
            if depth:
                return program(depth - 1)
            frame = sys._getframe()
            found = []
            while frame is not None and frame.f_code is program.__code__:
                [context] = contexts_active_in_frame(frame)
                found.append(context.obj.name)
                frame = frame.f_back
            return found

    assert program(50) == list(range(51))


def test_from_a_trace_function():
    found = []

    def tracer(frame, event, arg):
        found.append((event, _objects(contexts_active_in_frame(frame))))
        return tracer

    def program():
        with manager:
            pass

    manager = Manager()
    old = sys.gettrace()
    sys.settrace(lambda frame, *args: tracer if frame.f_code is program.__code__ else None)
    try:
        program()
    finally:
        sys.settrace(old)
    if reader() is not None:
        assert ("line", [manager]) in found
