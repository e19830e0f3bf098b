"""`python -m tests.tools.places` extracts from delicate places, and says what went well."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
import weakref

import stackscope
from stackscope.interpreter.facts import FREE_THREADED
from tests.helpers.managers import Manager


def say(place, what="ok"):
    os.write(1, f"{place}: {what}\n".encode())


def look(place, draw=True):
    """Extract the caller's stack: the caller must be there, in a `with`.

    And extract all that there is.
    """
    caller = sys._getframe(1)
    try:
        stack = stackscope.extract_until(caller)
        assert stack.error is None, stack.error
        assert stack.frames[-1].pyframe is caller
        contexts = [type(context.obj) for context in stack.frames[-1].contexts]
        assert contexts == [Manager], contexts
        if not draw:
            return say(place)
        assert stack.format()
        assert any(node.is_here for node in stackscope.extract_all().threads)
    except BaseException as exc:
        say(place, repr(exc))
    else:
        say(place)


def in_signal_handler(*args):
    with Manager():
        look("signal handler")


class Finalized:
    def __init__(self, place):
        self.place = place

    def __del__(self):
        with Manager():
            look(self.place)


def in_weakref_callback(reference):
    with Manager():
        look("weakref callback")


def in_gc_callback(phase, info):
    if phase == "start":
        gc.callbacks.remove(in_gc_callback)
        with Manager():
            look("gc callback")


def in_trace_function(frame, event, arg):
    sys.settrace(None)
    with Manager():
        look("trace function")


def in_profile_function(frame, event, arg):
    sys.setprofile(None)
    with Manager():
        look("profile function")


def in_monitoring_callback(*args):
    sys.monitoring.set_events(3, 0)
    with Manager():
        look("monitoring callback")


audited = []


def in_audit_hook(event, arguments):
    if event == "stackscope.test" and not audited:
        audited.append(event)
        with Manager():
            look("audit hook")


def in_excepthook(*args):
    with Manager():
        look("excepthook")


def in_unraisablehook(*args):
    with Manager():
        look("unraisablehook")


def in_thread_excepthook(*args):
    with Manager():
        look("thread excepthook")


def at_exit():
    with Manager():
        look("atexit")


class Unraisable:
    def __del__(self):
        raise ValueError


def traced():
    return 1


def fail():
    raise ValueError


def fork(place):
    child = os.fork()
    if not child:
        with Manager():
            look(place)
        os._exit(0)
    os.waitpid(child, 0)


def fork_from_a_thread():
    """While another thread extracts all the time."""
    with Manager():  # else the lock of a module that is being imported may be left to nobody
        stackscope.extract_since(None).format()
        stackscope.extract_all().format()
    over = threading.Event()

    def keep_busy():
        while not over.is_set():
            stackscope.extract_all()

    threads = [
        threading.Thread(target=keep_busy),
        threading.Thread(target=fork, args=("fork from a thread",)),
    ]
    for thread in threads:
        thread.start()
    threads[1].join()
    over.set()
    threads[0].join()


class AtTheVeryEnd:
    """Its finalizer runs when modules are torn down."""

    # What it needs, for there may be no globals any more.
    def __init__(self):
        self.needs = (look, Manager)

    def __del__(self):
        look, manager = self.needs
        with manager():
            look("module teardown", draw=False)  # nothing can be imported any more


def main():
    if hasattr(os, "fork"):
        import warnings

        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12+ minds that there are threads
        fork("fork")
        fork_from_a_thread()
    signal.signal(signal.SIGINT, in_signal_handler)
    signal.raise_signal(signal.SIGINT)
    Finalized("finalizer")
    cyclic = Finalized("finalizer run by the collector")
    cyclic.itself = cyclic
    del cyclic
    gc.collect()
    thing = Manager()
    reference = weakref.ref(thing, in_weakref_callback)
    del thing
    gc.callbacks.append(in_gc_callback)
    gc.collect()
    sys.settrace(in_trace_function)
    traced()
    sys.setprofile(in_profile_function)
    traced()
    if sys.version_info >= (3, 12):
        sys.monitoring.use_tool_id(3, "test")
        sys.monitoring.register_callback(3, sys.monitoring.events.PY_START, in_monitoring_callback)
        sys.monitoring.set_events(3, sys.monitoring.events.PY_START)
        traced()
    sys.addaudithook(in_audit_hook)
    sys.audit("stackscope.test")
    sys.unraisablehook = in_unraisablehook
    Unraisable()
    threading.excepthook = in_thread_excepthook
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    atexit.register(at_exit)
    sys.excepthook = in_excepthook
    try:
        fail()
    except ValueError:
        sys.excepthook(*sys.exc_info())


if __name__ == "__main__":
    # The names in this module last longer than those in __main__.
    from tests.tools import places

    # Without the GIL only the collector frees functions, and so what their modules hold: when these
    # are empty.
    stay = None if FREE_THREADED else places.AtTheVeryEnd()
    places.main()
