"""eventlet, in a process of its own: what it patches concerns all of a process."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

if importlib.util.find_spec("eventlet") is None:  # not to import it: it warns of each fork
    pytest.skip("eventlet isn't installed here", allow_module_level=True)

PROGRAM = """
import re, sys
import eventlet
eventlet.monkey_patch()
import eventlet.event, eventlet.queue, os, socket, threading, time
import stackscope

event, queue, lock = eventlet.event.Event(), eventlet.queue.Queue(2), threading.Lock()
server = eventlet.listen(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
port = server.getsockname()[1]

def sleeps():
    with lock:
        time.sleep(100)
def locks():
    with lock:
        pass
def waits():
    event.wait()
def gets():
    queue.get()
def reads():
    client.recv(1)
def joins():
    items[0].wait()

WANTED = {
    sleeps: r"eventlet\\.sleep\\(\\): (?:99\\.\\d|100\\.0) s left",
    locks: r"Lock\\.acquire\\(\\): 1 waiter, held by greenlet {0}",
    waits: r"Event\\.wait\\(\\): 1 waiter",
    gets: r"Queue\\.get\\(\\): 0 of 2 items",
    reads: rf"GreenSocket\\.recv\\(\\): 127\\.0\\.0\\.1:{port}",
    joins: r"GreenThread\\.wait\\(\\): greenlet {0}",
}
items = [eventlet.spawn(function) for function in WANTED]
eventlet.sleep(0.01)
snapshot = stackscope.extract_all()
nodes = {id(node.item): node for top in snapshot.items for node in top.walk()}
number = nodes[id(items[0])].number
for (function, wanted), item in zip(WANTED.items(), items):
    node = nodes[id(item)]
    assert node.name == function.__name__, node.name
    words = str(node.waiting)
    assert re.fullmatch(wanted.format(number), words), (function, words)
assert nodes[id(items[1])].waiting.lock is lock
assert len(nodes) == len(items), nodes  # the hub is not among them
assert [node.name for node in snapshot.threads] == ["MainThread"]
print("done")
sys.stdout.flush()
os._exit(0)
"""


def test_what_greenlets_wait_for():
    # With its own resolver it would import trio with patched sockets, which trio doesn't take.
    env = {**os.environ, "EVENTLET_NO_GREENDNS": "yes"}
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        timeout=100,
    )
    assert result.stdout == "done\n", result.stdout
