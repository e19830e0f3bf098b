"""A program of a test: greenlets of gevent, and how it is said what each of them waits for."""

from __future__ import annotations

import os
import re
import sys
import time

import gevent
import gevent.event
import gevent.lock
import gevent.queue
import gevent.socket

import stackscope

event, result = gevent.event.Event(), gevent.event.AsyncResult()
semaphore, rlock = gevent.lock.BoundedSemaphore(1), gevent.lock.RLock()
empty, full = gevent.queue.Queue(), gevent.queue.Queue(1)
full.put(1)
server = gevent.socket.socket()
server.bind(("127.0.0.1", 0))
server.listen()
client = gevent.socket.create_connection(server.getsockname())
port = server.getsockname()[1]


def holds_both():
    with semaphore, rlock:
        gevent.sleep(100)


def wants_semaphore():
    with semaphore:
        pass


def wants_rlock():
    with rlock:
        pass


def waits_with_timeout():
    event.wait(50)


def waits():
    event.wait()


def gets_result():
    result.get()


def gets():
    empty.get(timeout=30)


def puts():
    full.put(2)


def reads():
    client.recv(1)


def joins():
    greenlets[0].join()


def joins_all():
    gevent.joinall(greenlets[:2])


def waits_for_some():
    gevent.wait([event, result])


def calls_in_pool():
    gevent.get_hub().threadpool.apply(time.sleep, (60,))


WANTED = {
    holds_both: r"gevent\.sleep\(\): 9\d\.\d s left",
    wants_semaphore: r"BoundedSemaphore\.acquire\(\): 1 waiter.*",
    wants_rlock: r"RLock\.acquire\(\): 1 waiter, held by .*",
    waits_with_timeout: r"Event\.wait\(\): 1st of 3 waiters, 4\d\.\d s left",
    waits: r"Event\.wait\(\): 2nd of 3 waiters",
    gets_result: r"AsyncResult\.get\(\): 1st of 2 waiters",
    gets: r"Queue\.get\(\): 0 items, 1 waiter, 2\d\.\d s left",
    puts: r"Queue\.put\(\): 1 of 1 items, 1 waiter",
    reads: rf"socket\.recv\(\): 127\.0\.0\.1:{port}",
    joins: r"Greenlet\.join\(\): greenlet {0}",
    joins_all: r"gevent\.joinall\(\): greenlets {0}-{1}",
    waits_for_some: r"gevent\.wait\(\): 2 objects, 2nd of 2 waiters",
    calls_in_pool: r"ThreadPool\.apply\(\): in thread .*, in time\.sleep\(\)",
}
if sys.implementation.name != "cpython":
    WANTED.pop(joins)  # what a call in C was given isn't known

greenlets = [gevent.spawn(function) for function in WANTED]
gevent.sleep(0.3)  # so that it isn't rounded to what it was at first


def look(place):
    snapshot = stackscope.extract_all()
    nodes = {id(node.item): node for top in snapshot.items for node in top.walk()}
    numbers = [nodes[id(one)].number for one in greenlets]
    for (function, wanted), item in zip(WANTED.items(), greenlets):
        node = nodes[id(item)]
        assert node.stack.error is None, node.stack.error
        assert (node.name, node.state) == (function.__name__, "suspended"), node
        words = str(node.waiting)
        assert re.fullmatch(wanted.format(*numbers), words), (place, function.__name__, words)
    assert nodes[id(greenlets[1])].waiting.lock is semaphore
    assert nodes[id(greenlets[2])].waiting.holders == [greenlets[0]]
    text = str(snapshot)
    assert "in MainThread: suspended, waiting for gevent.sleep(): " in text, text


look("here")
gevent.get_hub().threadpool.apply(look, ("in another thread",))
print("done")
sys.stdout.flush()
os._exit(0)  # the thread of the pool sleeps
