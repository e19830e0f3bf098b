"""Programs of gevent that go on by themselves."""

from __future__ import annotations

from tests.diagnosis.cases import healthy
from tests.diagnosis.planted.on_gevent import settle, spawn

FAR = 1000


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
