"""gevent, in processes of its own: what it patches concerns all of a process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.helpers.rows import IN_TURN

pytest.importorskip("gevent", reason="gevent has no wheels for this interpreter")

COMMON = """
import sys, warnings
warnings.simplefilter("error", RuntimeWarning)

def shown(stack):
    assert stack.error is None, stack.error
    return [frame.funcname for frame in stack.frames if not frame.hide]

def contexts(stack, name):
    [frame] = [frame for frame in stack.frames if frame.funcname == name]
    return [(context.varname, type(context.obj).__name__) for context in frame.contexts]

class Manager:
    def __enter__(self):
        return self
    def __exit__(self, *exc):
        pass
"""

PLAIN = """
import threading
import gevent, gevent.event
from stackscope import extract, extract_all, extract_since
event, asleep = gevent.event.Event(), gevent.event.Event()

def worker(number):
    with Manager() as manager:
        event.wait()

class Own(gevent.Greenlet):
    def _run(self):
        with Manager():
            event.wait()

one, own, later = gevent.spawn(worker, 1), Own(), gevent.spawn_later(50, worker, 2)
own.start()
gevent.idle()
stack = extract(one)
assert stack.root is one and stack.leaf is None
assert shown(stack)[0] == "worker", stack
assert contexts(stack, "worker") == [("manager", "Manager")]
assert shown(extract(own))[0] == "_run"
assert extract(later).frames == []
hub = gevent.get_hub()
assert shown(extract(hub)) == []

def look():
    return extract(gevent.getcurrent()), extract_since(None), extract_all()
current, whole, snapshot = gevent.spawn(look).get()
assert shown(current) == ["look"]
assert shown(whole)[0] == "<module>" and shown(whole)[-1] == "look"
threads = [(node.name, shown(node.stack)[-1]) for node in snapshot.threads]
assert threads == [("MainThread", "look")], threads
# The hub is not among them, and nothing is below it.
items = sorted((item.name, item.state, item.thread) for item in snapshot.items)
assert items == [
    ("Own", "suspended", "MainThread"),
    ("look", "running here", "MainThread"),
    ("worker", "suspended", "MainThread"),
], items

# From a thread of gevent's pool, while this one waits in the hub:
def look_from_thread():
    return extract_since(None), extract_all()
whole, snapshot = hub.threadpool.apply(look_from_thread)
assert shown(whole) == ["look_from_thread"], shown(whole)
here, there = snapshot.threads
assert here.is_here and not there.is_here
items = {item.name: item for item in snapshot.items}
assert sorted(items) == ["Own", "worker"], items
assert shown(there.stack)[0] == "<module>", there.stack  # the hub returns to the main greenlet
event.set()
gevent.joinall([one, own])
assert extract(one).frames == []
later.kill()
print("done")
"""

PATCHED = """
import concurrent.futures, queue, threading, time
import gevent
requests, results = queue.Queue(), []

def work():
    with Manager() as manager, lock:
        requests.get()

lock = threading.RLock()
thread = threading.Thread(target=work, name="worker", daemon=True)
thread.start()
pool = concurrent.futures.ThreadPoolExecutor(1)
def call():
    with Manager():
        requests.get()
future = pool.submit(call)
time.sleep(0)
gevent.idle()
main = threading.main_thread()
for item in (thread, thread.ident):
    assert shown(extract(item))[0] == "work", extract(item)
    assert contexts(extract(item), "work")[0] == ("manager", "Manager")
assert shown(extract(future))[0] == "call", extract(future)
for item in (main, main.ident, threading.current_thread()):
    assert shown(extract(item)) == ["<module>"], extract(item)

def look():
    return extract(threading.current_thread()), extract(main), extract_all()
another = threading.Thread(target=lambda: results.extend(look()))
another.start()
another.join()
own, of_main, snapshot = results
assert shown(own)[-1] == "look"
assert shown(of_main)[0] == "<module>"
assert [node.name for node in snapshot.threads] == ["MainThread"]
names = {item.name: item.thread for item in snapshot.items}
assert names["worker"] == "MainThread", names
real = gevent.get_hub().threadpool.apply(lambda: extract(main))
assert shown(real)[0] == "<module>", real

def busy():
    with Manager():
        began.append(True)
        while not seen:
            pass
def look_at_busy():
    while not began:
        real_sleep(0.001)
    seen.append(extract_all())
began, seen = [], []
from gevent import monkey
real_sleep = monkey.get_original("time", "sleep")
looker = gevent.get_hub().threadpool.spawn(look_at_busy)
gevent.spawn(busy).join()
[snapshot] = seen
# gevent's pool may have got a second thread, which is idle.
[there] = [node for node in snapshot.threads if node.name == "MainThread"]
assert not there.is_here
assert shown(there.stack)[0] == "<module>" and shown(there.stack)[-1] == "busy", there.stack
assert contexts(there.stack, "busy")
assert [item.state for item in snapshot.items if item.name == "busy"] == ["running elsewhere"]

def fail():
    with Manager():
        raise ValueError
try:
    fail()
except ValueError as exc:
    assert shown(extract(exc)) == ["<module>", "fail"]
def generate():
    with Manager() as manager:
        yield
generator = generate()
next(generator)
assert contexts(extract(generator), "generate") == [("manager", "Manager")]
requests.put(None)
requests.put(None)
thread.join()
assert extract(thread).frames == [] and extract(thread).leaf is None
print("done")
"""

FIRST = """
from gevent import monkey
monkey.patch_all()
from stackscope import extract, extract_all
"""

LATE = """
import threading
from stackscope import extract, extract_all
extract(threading.main_thread())
from gevent import monkey
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that it comes late
    monkey.patch_all()
"""


def run(program, **environment):
    result = subprocess.run(
        [sys.executable, "-c", COMMON + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env={**os.environ, **environment},
        timeout=100,
    )
    assert result.stdout == "done\n", result.stdout


@pytest.mark.parametrize("pure", ["", "1"], ids=["compiled", "pure"])
def test_greenlets(pure):
    run(PLAIN, PURE_PYTHON=pure)


@pytest.mark.parametrize("patch", [FIRST, LATE], ids=["first", "late"])
def test_monkey_patches(patch):
    run(patch + PATCHED)


def test_what_greenlets_wait_for():
    path = os.path.join(os.path.dirname(__file__), "gevent_program.py")
    run(f"import runpy\nrunpy.run_path({path!r})")


MAIN = """
import re
import gevent, gevent.event, gevent.lock
from gevent import monkey
real_sleep = monkey.get_original("time", "sleep")

semaphore = gevent.lock.Semaphore(1)
stop = gevent.event.Event()
found = []

def hold():
    with semaphore:
        stop.wait()

def look():
    real_sleep(0.2)
    snapshot = extract_all()
    [node] = [node for node in snapshot.threads if node.name == "MainThread"]
    [holder] = [item for item in snapshot.items if item.name == "hold"]
    found.append((str(node.waiting), holder.number))
    hub.loop.run_callback_threadsafe(looked.set)

looked = gevent.event.Event()
hub = gevent.get_hub()
holder = gevent.spawn(hold)
gevent.sleep(0)

def looked_at(wait):
    looking = hub.threadpool.spawn(look)
    wait()
    looking.get()
    return found.pop()

words, _ = looked_at(lambda: gevent.sleep(2))
assert re.fullmatch(r"gevent\\.sleep\\(\\): [01]\\.\\d s left", words), words
looked.clear()
looked.rawlink(lambda _: stop.set())
words, number = looked_at(semaphore.acquire)
assert words == f"Semaphore.acquire(): 1 waiter, held by greenlet {number}", words
print("done")
"""


def test_what_the_main_greenlet_of_a_thread_waits_for():
    run(FIRST + MAIN)


POOLS = """
import gevent.pool

def told(wait):
    waits = gevent.spawn(wait)
    gevent.idle()
    found = {id(item.item): item.waiting for item in extract_all().items}[id(waits)]
    waits.kill()
    return found

pool, group = gevent.pool.Pool(2), gevent.pool.Group()
busy = [pool.spawn(gevent.sleep, 100) for _ in range(2)]
inside = [group.spawn(gevent.sleep, 100) for _ in range(3)]
gevent.idle()

found = told(lambda: pool.spawn(int))
assert str(found) == "Pool.spawn(): Pool.add(): queued behind 2 greenlets, 1 waiter", found
[found] = [layer for layer in found.layers() if layer.workers]
assert set(map(id, found.workers)) == set(map(id, busy)), found
assert (found.ahead.number, found.ahead.noun) == (2, "greenlet"), found.ahead
assert found.obj is pool and found.lock is None

found = told(group.join)
assert found.call == "Group.join()", found
assert set(map(id, found.tasks)) == set(map(id, inside)), found
assert [(one.number, one.noun) for one in found.amounts] == [(3, "greenlet")]
assert found.seconds_left is None and found.obj is group

found = told(lambda: group.join(50))
assert 0 < found.seconds_left < 60, found
gevent.killall(busy + inside)
print("done")
"""


def test_what_those_wait_for_that_use_pools():
    run(FIRST + POOLS)


QUADRATIC = """
import time
import gevent

def measured(number):
    items = [gevent.spawn(gevent.sleep, 100) for _ in range(number)]
    gevent.sleep(0)
    extract_all()
    begin = time.process_time()
    snapshot = extract_all()
    taken = time.process_time() - begin
    assert len(snapshot.items) == number
    gevent.killall(items)
    return taken

ballast = [[number] for number in range(100_000)]
few, many = measured(100), measured(400)
assert many < 12 * few + 0.2, (few, many)
print("done")
"""


@IN_TURN
def test_time_is_linear():
    run(FIRST + QUADRATIC)
