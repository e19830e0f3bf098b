"""Programs of gevent that go on by themselves."""

from __future__ import annotations

import time

from tests.diagnosis.cases import healthy
from tests.diagnosis.planted.on_gevent import settle, spawn
from tests.diagnosis.starting import start_thread

FAR = 1000
KEPT = []


@healthy(on="gevent")
def sleepers_and_who_waits_for_them(look):
    import gevent
    from gevent.event import Event
    from gevent.lock import BoundedSemaphore

    def holds():
        with semaphore:
            gevent.sleep(FAR)

    def wants():
        with semaphore:
            pass

    def sets():
        gevent.sleep(FAR)
        event.set()

    semaphore, event = BoundedSemaphore(), Event()
    holder = spawn(holds, name="holds")
    gevent.sleep(0.005)
    spawn(wants, name="wants")
    spawn(holder.join, name="joins")
    spawn(event.wait, name="waits")
    spawn(sets, name="sets")
    spawn(Event().wait, FAR, name="waits with a limit")
    settle()
    look()


@healthy(on="gevent")
def a_server_under_load(look):
    import gevent
    from gevent import socket
    from gevent.server import StreamServer

    def echo(connection, _):
        while True:
            data = connection.recv(100)
            if not data:
                break
            connection.sendall(data)

    def ask(number):
        connection = socket.create_connection(("127.0.0.1", server.server_port))
        for _ in range(10):
            connection.sendall(b"%d" % number)
            answers.append(int(connection.recv(100)))
            gevent.sleep(0.001)
        connection.close()

    answers = []
    server = StreamServer(("127.0.0.1", 0), echo)
    server.start()
    gevent.sleep(0.01)
    look()
    clients = [gevent.spawn(ask, number) for number in range(8)]
    while not all(client.dead for client in clients):
        gevent.sleep(0.005)
        look()
    look.expect("all are answered", sorted(answers) == sorted(list(range(8)) * 10))
    server.stop()


@healthy(on="gevent")
def a_pool_at_rest(look):
    import gevent
    from gevent.pool import Pool
    from gevent.queue import Queue

    def consume():
        for _ in queue:
            pass

    pool, queue = Pool(3), Queue()
    pool.map(str, range(10))
    spawn(consume, name="consumer")
    settle()
    look()
    queue.put(StopIteration)
    gevent.sleep(0)
    look()


@healthy(on="gevent")
def what_somebody_has(look):
    """Each greenlet waits for something that only one other thing has, each of another kind."""
    import gevent
    from gevent.event import AsyncResult, Event
    from gevent.lock import Semaphore
    from gevent.queue import Queue

    class Actor(gevent.Greenlet):
        def __init__(self):
            super().__init__()
            self.inbox = Queue()

        def _run(self):
            for _ in self.inbox:
                pass

    def has(boxes):
        mine = boxes.pop()
        gevent.sleep(FAR)
        return mine

    def in_thread(event):
        time.sleep(FAR)
        return event

    def releases(semaphore):
        semaphore.acquire()
        gevent.sleep(FAR)
        semaphore.release()

    events = [Event() for _ in range(5)]
    for event in events:
        spawn(event.wait, name="waits")
    KEPT.append(events.pop().set)
    spawn(has, [events.pop()], name="has")
    gevent.spawn_later(FAR, events.pop().set)
    start_thread(in_thread, events.pop(), name="has")
    gevent.get_hub().loop.timer(FAR).start(events.pop().set)
    result, semaphore = AsyncResult(), Semaphore(1)
    spawn(result.get, name="gets")
    gevent.spawn_later(FAR, result.set, 1)
    spawn(releases, semaphore, name="releases")
    spawn(semaphore.acquire, name="acquires")
    KEPT.append(Actor())
    KEPT[-1].start()
    del event, result, semaphore
    settle()
    look()


@healthy(on="gevent")
def a_chain_of_greenlets(look):
    """The last of ten that wake each other has a timer."""
    import gevent
    from gevent.event import Event

    def passes_on(mine, following):
        mine.wait()
        following.set()

    event = Event()
    spawn(event.wait, name="waits")
    for number in range(10):
        earlier = Event()
        spawn(passes_on, earlier, event, name=f"passes_{number}")
        event = earlier
    gevent.spawn_later(FAR, event.set)
    del event, earlier
    settle()
    look()


@healthy(on="gevent")
def a_call_in_a_thread_of_the_hub(look):
    import gevent

    def applies():
        gevent.get_hub().threadpool.apply(time.sleep, (FAR,))

    spawn(applies, name="applies")
    settle()
    look()
