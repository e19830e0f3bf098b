"""What an expression means in a frame, without code of the program's."""

from __future__ import annotations

import os
import sys

import pytest

from stackscope import Frame, extract_since
from stackscope.snapshot.holding import _value_of
from stackscope.snapshot.user_code import frames_of_program, index_of_user_frame, package_of

LOCK = object()


class Service:
    shared = object()

    def __init__(self):
        self.lock = object()

    @property
    def asked(self):
        raise AssertionError


SERVICE = Service()


def frame():
    local = Service()
    return sys._getframe(), local


@pytest.mark.parametrize(
    "path, value",
    [
        ("LOCK", LOCK),
        ("SERVICE.lock", SERVICE.lock),
        ("SERVICE.shared", Service.shared),
        ("Service.shared", Service.shared),
        ("os.path", os.path),
        ("os.path.join", os.path.join),
        ("os.no_such_name", None),
        ("no_such_name", None),
        ("SERVICE.no.such", None),
    ],
)
def test_the_value_of_an_expression(path, value):
    found, local = frame()
    assert _value_of(found, tuple(path.split("."))) is value
    assert _value_of(found, ("local",)) is local
    assert _value_of(found, ("local", "lock")) is local.lock


def test_no_property_is_asked():
    assert _value_of(frame()[0], ("SERVICE", "asked")) is vars(Service)["asked"]


# ------------------------------------------------------------------------- frames of users


def test_which_frame_is_the_users():
    stack = extract_since(None)
    stack.frames = stack.frames[-1:]
    assert index_of_user_frame(stack) == 0
    hidden = Frame(stack.frames[0].pyframe, 1, hide=True)
    stack.frames = [hidden, *stack.frames, hidden]
    assert index_of_user_frame(stack) == 1
    stack.frames = [hidden, hidden]
    assert index_of_user_frame(stack) == 1  # there is none: the innermost of all


def in_module(name, function="function", filename="<string>"):
    space = {"__name__": name}
    code = f"def {function}():\n import sys\n return sys._getframe()"
    exec(compile(code, filename, "exec"), space)
    return Frame(space[function](), 1)


def test_the_frames_of_a_program_that_a_debugger_has_stopped():
    program, debugger = in_module("program"), in_module("stackscope_pdb.stop")
    base, manager, runner = in_module("bdb"), in_module("contextlib"), in_module("bdb", "run")
    for frames, left in (
        ([program, base, debugger], 1),
        ([program, debugger, manager, debugger, debugger], 1),
        ([program, manager, debugger], 2),
        ([runner, program], 2),  # all inside is the program's
        ([program], 1),
        ([], 0),
    ):
        assert frames_of_program(frames) == frames[:left]


def test_a_module_of_the_standard_library_that_is_run():
    path = os.path.join(os.path.dirname(os.__file__), "doctest.py")
    assert package_of(in_module("__main__", filename=path).pyframe) == "doctest"
