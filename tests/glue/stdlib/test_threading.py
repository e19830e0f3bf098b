from __future__ import annotations

import _thread
import threading
import time

from stackscope import extract, extract_outermost
from stackscope.interpreter.facts import has_gil
from tests.helpers.stacks import all_names, names


class Waiting:
    """A thread that waits."""

    def __init__(self, cls=threading.Thread):
        self.ready, self.leave = threading.Event(), threading.Event()
        self.thread = cls(target=self.work, daemon=True)

    def __enter__(self):
        self.thread.start()
        assert self.ready.wait(10)
        time.sleep(0.05)
        return self.thread

    def __exit__(self, *exc):
        self.leave.set()
        self.thread.join(10)

    def work(self):
        with self.leave._cond:
            pass
        self.ready.set()
        self.leave.wait(10)


def test_a_thread():
    with Waiting() as thread:
        stack = extract(thread)
    assert stack.root is thread
    assert stack.error is None
    assert stack.leaf is None
    assert all_names(stack)[:5] == ["_bootstrap", "_bootstrap_inner", "run", "work", "wait"]
    assert names(stack)[:2] == ["work", "wait"]


def test_unstarted_and_dead_threads():
    thread = threading.Thread(target=int)
    for _ in range(2):
        stack = extract(thread)
        assert (stack.frames, stack.leaf, stack.error) == ([], None, None)
        if thread.ident is None:
            thread.start()
            thread.join()


def test_a_dead_thread_whose_identifier_is_in_use_again():
    for _ in range(50):
        dead = threading.Thread(target=int)
        dead.start()
        dead.join()
        with Waiting() as thread:
            again = thread.ident == dead.ident
            assert extract(dead).frames == []
        if again:
            return


def test_the_current_thread():
    stack = extract(threading.current_thread())
    assert all_names(stack)[-1] == "test_the_current_thread"
    assert stack.frames[0].pyframe.f_back is None


def test_the_main_thread_from_another_one():
    found = []
    thread = threading.Thread(target=lambda: found.append(extract(threading.main_thread())))
    thread.start()
    thread.join()
    assert "test_the_main_thread_from_another_one" in all_names(found[0])


def test_contexts_of_another_thread():
    lock = threading.Lock()
    ready, leave = threading.Event(), threading.Event()

    def work():
        with lock as locked:
            ready.set()
            leave.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(10)
    time.sleep(0.05)
    try:
        [frame] = [frame for frame in extract(thread) if frame.funcname == "work"]
    finally:
        leave.set()
        thread.join()
    expected = [(lock, "locked")] if has_gil() else []
    assert [(context.obj, context.varname) for context in frame.contexts] == expected


def test_a_thread_that_threading_has_not_started():
    ready, leave = threading.Event(), threading.Event()
    found = []

    def work():
        found.append(threading.current_thread())
        ready.set()
        leave.wait(10)

    _thread.start_new_thread(work, ())
    ready.wait(10)
    time.sleep(0.05)
    try:
        assert all_names(extract(found[0]))[:2] == ["work", "wait"]
    finally:
        leave.set()


def test_methods_of_the_program_are_not_called():
    touched = []

    class Strange(threading.Thread):
        def is_alive(self):
            touched.append("is_alive")
            return super().is_alive()

        def __getattribute__(self, name):
            if name == "ident" and tracing:
                touched.append(name)
            return super().__getattribute__(name)

        @property
        def ident(self):
            if tracing:
                touched.append("property")
            return super().ident

    tracing = False
    waiting = Waiting(Strange)
    with waiting as thread:
        touched.clear()
        tracing = True
        stack = extract(thread)
        tracing = False
        assert touched == []
        assert "work" in all_names(stack)


def test_a_thread_by_its_number():
    with Waiting() as thread:
        stack = extract(thread.ident)
        assert stack.root == thread.ident
        assert (stack.leaf, stack.error) == (None, None)
        assert names(stack)[:2] == ["work", "wait"]
        assert extract_outermost(thread.ident).funcname == "_bootstrap"
    assert all_names(extract(threading.get_ident()))[-1] == "test_a_thread_by_its_number"
    main = threading.main_thread()
    found = []
    other = threading.Thread(target=lambda: found.append(extract(main.ident)))
    other.start()
    other.join()
    assert "test_a_thread_by_its_number" in all_names(found[0])


def test_numbers_that_are_no_threads():
    for number in (3, -1, 2**70, True, thread_that_has_ended()):
        stack = extract(number)
        assert (stack.frames, stack.leaf, stack.error) == ([], number, None)


def thread_that_has_ended():
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    alive = {other.ident for other in threading.enumerate()}
    return 5 if thread.ident in alive else thread.ident
