"""Greenlets that hold what others wait for. In processes of their own: gevent changes a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("gevent", reason="gevent has no wheels for this interpreter")

PROGRAM = """
import gevent, gevent.lock, gevent.event
import stackscope

def take(first, second):
    with first:
        gevent.sleep(0.01)
        with second:
            pass

def acquire(lock):
    lock.acquire()

def show(*greenlets):
    gevent.sleep(0.05)
    snapshot = stackscope.extract_all()
    nodes = {id(node.item): node for top in snapshot.items for node in top.walk()}
    for one in greenlets:
        waiting = nodes[id(one)].waiting
        holders = [greenlets.index(holder) for holder in waiting.holders]
        print(type(waiting.lock).__name__, holders, waiting.holders_are_likely)
    print([sorted(greenlets.index(node.item) for node in one) for one in snapshot.cycles])
    print(sum("waiting for" in line for line in str(snapshot).splitlines()) > 0)
    gevent.killall(greenlets)

for kind in (gevent.lock.BoundedSemaphore, gevent.lock.RLock):
    locks = kind(), kind()
    show(gevent.spawn(take, *locks), gevent.spawn(take, *locks[::-1]))
lock = gevent.lock.Semaphore()
holder, leave = gevent.spawn(take, lock, gevent.lock.Semaphore(0)), gevent.event.Event()
gevent.sleep(0.02)
waits = gevent.spawn(acquire, lock)
gevent.sleep(0.02)
snapshot = stackscope.extract_all()
[node] = [node for node in snapshot.items if node.item is waits]
assert node.waiting.holders == [holder], node.waiting
[node] = [node for node in snapshot.items if node.item is holder]
print(node.waiting)
"""

SHOWN = """\
BoundedSemaphore [1] False
BoundedSemaphore [0] False
[[0, 1]]
True
RLock [1] False
RLock [0] False
[[0, 1]]
True
"""


@pytest.mark.skipif(sys.implementation.name == "pypy", reason="what is compiled has no frames")
def test_greenlets_that_wait_for_each_other():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith(SHOWN), done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
