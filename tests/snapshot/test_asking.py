"""Threads that wait for what a task does for them, with tasks and threads made by hand."""

from __future__ import annotations

import sys

from stackscope import Frame, Stack, TaskNode, ThreadNode
from stackscope.snapshot.asking import Asking


def frames_in(depth, origin=None):
    """Frames of functions that call each other, the innermost last; the first has an origin."""

    def function(left):
        return [sys._getframe(), *(function(left - 1) if left else [])]

    first, *rest = function(depth - 1)
    return [Frame(first, 1, origin=origin), *[Frame(one, 1) for one in rest]]


def task_with(frames, state="waiting"):
    return TaskNode(object(), 1, "t1", state, Stack(None, frames), None, [])


def thread_with(frames):
    return ThreadNode(None, 2, "w2", False, Stack(None, frames))


def test_the_stack_of_a_thread_that_goes_on_in_a_task():
    own, of_task = frames_in(2), frames_in(2, origin=object())
    task = task_with(of_task)
    waiting = Asking([task]).describe(thread_with([*own, *of_task]))
    assert waiting.tasks == [task.task]
    assert Asking([task]).describe(thread_with(own)) is None
    assert Asking([]).describe(thread_with([*own, *of_task])) is None
    assert Asking([task]).describe(thread_with([])) is None


def test_one_that_runs_does_nothing_for_a_thread():
    of_task = frames_in(1, origin=object())
    for state in ("running", "starting"):
        assert Asking([task_with(of_task, state)]).describe(thread_with(of_task)) is None


def test_a_task_that_goes_on_after_the_frames_of_a_thread():
    outer, of_thread, after = frames_in(1, object()), frames_in(2), frames_in(1, object())
    task = task_with([*outer, *of_thread, *after])
    waiting = Asking([task]).describe(thread_with(of_thread))
    assert waiting.tasks == [task.task]
    assert Asking([task_with([*outer, *of_thread])]).describe(thread_with(of_thread)) is None
