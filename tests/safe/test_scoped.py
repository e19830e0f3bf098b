from __future__ import annotations

import contextvars
import threading

from stackscope.safe.scoped import Scoped


def test_it_holds_during_one_call():
    variable = Scoped("test", "usual")
    seen = []

    def inner(more):
        seen.append(variable.get())
        return more and variable.during("inner", inner, None)

    assert variable.get() == "usual"
    assert variable.during("outer", inner, True) is None
    assert (seen, variable.get()) == (["outer", "inner"], "usual")


def test_an_exception_ends_it():
    variable = Scoped("test", 0)

    def fail():
        assert variable.get() == 1
        raise ValueError

    try:
        variable.during(1, fail)
    except ValueError:
        assert variable.get() == 0


def test_a_thread_inherits_nothing():
    """Not even one that has the context, as threads do that are started without the GIL."""
    variable = Scoped("test", "usual")
    seen = []

    def start():
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: seen.append(variable.get()),))
        thread.start()
        thread.join()

    variable.during("here", start)
    assert seen == ["usual"]
