"""What is read of libraries' objects, of which another version has other ones, or none at all."""

from __future__ import annotations

import socket
import sys
from collections import OrderedDict, deque
from urllib.parse import urlsplit

import pytest

from stackscope import Context, Frame, Stack, Waiting, extract


def frame_with(**variables):
    """A frame of a function that has these variables."""
    space = {}
    exec(f"def function({', '.join(variables)}):\n import sys\n return sys._getframe()", space)
    return Frame(space["function"](**variables), 1)


class Having:
    """Something with attributes."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


having = Having


# ---------------------------------------------------------------------------------- clients


class URL(Having):
    """Stands for yarl's."""


@pytest.mark.parametrize(
    "url, text",
    [
        ("http://a/b", "http://a/b"),
        (URL(_val=urlsplit("http://a/b?c#d")), "http://a/b?c#d"),
        (URL(_scheme="http", _netloc="a", _path="/b", _query="c", _fragment=""), "http://a/b?c"),
        (URL(_scheme="http", _netloc=5), None),
    ],
)
def test_the_url_of_a_request_by_aiohttp(url, text):
    aiohttp = pytest.importorskip("stackscope.glue.aiohttp")
    assert aiohttp.url_text(url) == text
    waiting = Waiting("")
    aiohttp.describe_request(frame_with(method="GET", url=url, str_or_url=None), waiting)
    assert waiting.call == ("ClientSession.request()" if text is None else f"GET {text}")
    waiting = Waiting("")
    aiohttp.describe_body(frame_with(self=having(method="GET", _real_url=url)), waiting)
    assert waiting.call == "the body of the response"
    assert waiting.resource == (None if text is None else f"GET {text}")


def test_a_request_around_another_wait():
    aiohttp = pytest.importorskip("stackscope.glue.aiohttp")
    waiting = Waiting("the response")
    aiohttp.describe_request(frame_with(method="GET", url="http://a", str_or_url=None), waiting)
    assert waiting.call == "GET http://a"
    assert waiting.inner.call == "the response"


@pytest.mark.parametrize(
    "message, subject",
    [
        (having(method="GET", path="/a"), "GET /a"),
        (having(method="GET", path=None), None),
        (having(method=b"GET", path="/a"), None),
        (None, None),
    ],
)
def test_the_request_that_aiohttp_answers(message, subject):
    aiohttp = pytest.importorskip("stackscope.glue.aiohttp")
    assert aiohttp.subject_of_handler(frame_with(request=having(_message=message))) == subject


@pytest.mark.parametrize("kind", [deque, OrderedDict])
def test_those_who_wait_for_a_connection_of_aiohttp(kind):
    aiohttp = pytest.importorskip("stackscope.glue.aiohttp")
    lines = {"a": kind({1: 1, 2: 2}), "b": kind({3: 3}), "c": [1, 2]}
    connector = having(_acquired={1, 2}, _limit=2, _waiters=lines)
    future = object()
    waiting = Waiting("await", obj=future)
    aiohttp.describe_connect(frame_with(self=connector, fut=future), waiting)
    assert waiting.count == 3
    assert [(one.number, one.total) for one in waiting.amounts] == [(2, 2)]
    untouched = Waiting("await", obj=future)
    assert aiohttp.describe_connect(frame_with(self=connector, fut=None), untouched) is False
    assert untouched.call == "await"
    unlimited = having(_acquired={1}, _limit=0, _waiters=None)
    waiting = Waiting("await")
    aiohttp.describe_turn(frame_with(self=unlimited), waiting)
    assert waiting.count is None
    assert waiting.amounts == []


def httpcore_url(**changes):
    parts = {"scheme": b"http", "host": b"a", "port": 80, "target": b"/b", **changes}
    return having(method=b"GET", url=having(**parts))


@pytest.mark.parametrize(
    "request_, text",
    [
        (httpcore_url(), "GET http://a:80/b"),
        (httpcore_url(port=None), "GET http://a/b"),
        (httpcore_url(host="a"), None),
        (having(method=b"GET"), None),
        (None, None),
    ],
)
def test_the_request_of_httpcore(request_, text):
    from stackscope.glue import httpcore

    assert httpcore.request_line(request_) == text


def test_who_has_a_connection_of_httpcore():
    from stackscope.glue import httpcore

    entry = having(connection=object())
    assert httpcore.requests_served(having(_requests=[having(connection=None), entry])) == [entry]
    assert httpcore.requests_served(having(_requests=None)) == []
    stream = having(_pool_request=entry)
    for name in httpcore.WRAPPED:
        stream = having(**{name: stream})
    assert [one.thing for one in httpcore.request_of_stream(stream)] == [entry]
    assert httpcore.request_of_stream(having(stream=having())) == []
    for _ in range(httpcore.MOST_WRAPPERS):
        stream = having(stream=stream)
    assert httpcore.request_of_stream(stream) == []


def test_the_wait_for_a_connection_of_httpcore():
    from stackscope.glue import httpcore

    pool = having(_connections=[1, 2], _max_connections=2)
    entry = having(connection=None, request=httpcore_url())
    waiting = Waiting("await")
    assert httpcore.describe_pool_wait(frame_with(self=pool, pool_request=entry), waiting) is None
    assert waiting.resource == "GET http://a:80/b"
    assert [(one.number, one.total) for one in waiting.amounts] == [(2, 2)]
    entry.connection = object()
    for other in (entry, None):
        frame = frame_with(self=pool, pool_request=other)
        assert httpcore.describe_pool_wait(frame, Waiting("")) is False


def test_connections_of_asyncpg_and_redis():
    from stackscope.glue import asyncpg, redis

    used = having(_in_use=object())
    pool = having(_holders=[used, having(_in_use=None)], _maxsize=2)
    assert asyncpg.holders_in_use(pool) == [used]
    assert asyncpg.holders_in_use(having(_holders=None)) == []
    assert asyncpg.describe_acquire(frame_with(self=pool, ch=used), Waiting("")) is False
    waiting = Waiting("")
    assert asyncpg.describe_acquire(frame_with(self=pool, ch=None), waiting) is None
    assert [(one.number, one.total) for one in waiting.amounts] == [(1, 2)]
    assert asyncpg.holder_of_proxy(having(_holder=None)) == []
    assert redis.connections_in_use(having(_in_use_connections=None)) == []
    assert redis.connection_of(having(connection=None)) == []
    frame = frame_with(self=pool, connection=object())
    assert redis.describe_pool_wait(frame, Waiting("")) is False


def test_the_request_that_django_answers():
    from stackscope.glue import django

    scope = {"type": "http", "method": "GET", "path": "/a"}
    assert django.subject_of_request(frame_with(request=having(scope=scope))) == "GET /a"
    assert django.subject_of_request(frame_with(request=having())) is None


# -------------------------------------------------------------------------------- processes


@pytest.mark.parametrize(
    "numbers, text",
    [([], ""), ([7, 3], "3, 7"), ([4, 3, 2, 1], "1, 2, 3, 4"), (range(6), "0, 1, 2, 3 and 2 more")],
)
def test_the_numbers_of_processes(numbers, text):
    from stackscope.glue.stdlib.processes import numbers_text

    assert numbers_text(numbers) == text


@pytest.mark.parametrize(
    "process, resource",
    [
        (having(_popen=having(pid=7), _name="a"), "process 7 (a)"),
        (having(_popen=having(pid=7), _name=None), "process 7"),
        (having(_popen=None, _name="a"), None),
    ],
)
def test_the_process_that_has_to_end(process, resource):
    from stackscope.glue.stdlib.processes import describe_join

    waiting = Waiting("join()")
    describe_join(frame_with(self=process), waiting)
    assert waiting.resource == resource
    assert waiting.processes == ([] if resource is None else [7])


@pytest.mark.parametrize(
    "workers, resource",
    [
        ([having(_popen=having(pid=7))], "process 7"),
        ([having(_popen=having(pid=7)), having(_popen=having(pid=5))], "one of the processes 5, 7"),
        ([having()], None),  # threads
        (None, None),
    ],
)
def test_the_result_of_a_pool(workers, resource):
    from stackscope.glue.stdlib.processes import describe_result

    waiting = Waiting("get()")
    result = having(_pool=having(_pool=workers))
    describe_result(frame_with(self=result), waiting)
    assert waiting.resource == resource


@pytest.mark.parametrize(
    "numbers, is_begun, busy, call, resource, ahead",
    [
        ([7], True, 1, "a call in process 7", None, None),
        ([7, 8], True, 1, "a call in one of several processes", "7, 8", None),
        ([7, 8], False, 2, "a call in another process", None, 2),
        ([7, 8], False, 1, "a call in another process", None, None),
    ],
)
def test_a_call_in_a_process(monkeypatch, numbers, is_begun, busy, call, resource, ahead):
    from stackscope.glue.stdlib import multiprocessing

    future, waiting = object(), Waiting("")
    found = multiprocessing.Call(numbers, is_begun, busy)
    monkeypatch.setattr(multiprocessing, "the_calls", lambda: {id(future): (future, found)})
    assert multiprocessing.describe_process_call(future, waiting) is True
    assert (waiting.call, waiting.resource, waiting.processes) == (call, resource, numbers)
    assert (waiting.ahead.number if waiting.ahead else None) == ahead
    assert waiting.notes == ([] if is_begun else ["not begun"])
    assert multiprocessing.describe_process_call(object(), Waiting("")) is False


def test_the_calls_of_a_pool_of_processes():
    from stackscope.glue.stdlib import multiprocessing

    states = ["RUNNING", "PENDING", "RUNNING", "RUNNING"]
    futures = [having(_state=state) for state in states]
    pending = {key: having(future=future) for key, future in enumerate(futures)}
    manager = having(pending_work_items=pending, processes={7: None, 8: None, "x": None})
    found = multiprocessing._calls_of(frame_with(self=manager).pyframe)
    calls = [found[id(future)][1] for future in futures]
    assert [call.is_begun for call in calls] == [True, False, True, False]
    assert {(call.busy, tuple(call.processes)) for call in calls} == {(2, (7, 8))}
    # In 3.8 they are variables of a function.
    frame = frame_with(pending_work_items=pending, processes={7: None})
    assert len(multiprocessing._calls_of(frame.pyframe)) == 4
    assert multiprocessing._calls_of(frame_with(self=having()).pyframe) == {}


def test_a_lock_of_processes():
    import multiprocessing as mp

    from stackscope.glue.stdlib.multiprocessing import describe_lock

    for lock, is_for_one in ((mp.Lock(), True), (mp.Semaphore(2), False)):
        waiting = Waiting("")
        describe_lock(frame_with(self=lock), waiting)
        assert waiting.obj is lock
        assert waiting.lock is (lock if is_for_one else None)


# ------------------------------------------------------------------------------------ gevent


def test_the_address_of_a_socket(tmp_path, monkeypatch):
    gevent_waits = pytest.importorskip("stackscope.glue.greenlets.gevent_waits")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        own = "{}:{}".format(*server.getsockname())
        assert gevent_waits.peer_of(server) == own
        with socket.create_connection(server.getsockname()) as client:
            assert gevent_waits.peer_of(client) == own
    if sys.platform != "win32":
        monkeypatch.chdir(tmp_path)
        with socket.socket(socket.AF_UNIX) as server:
            assert gevent_waits.peer_of(server) == f"socket {server.fileno()}"
            server.bind("s")
            assert gevent_waits.peer_of(server) == "s"


def test_what_a_greenlet_of_gevent_waits_for():
    gevent_waits = pytest.importorskip("stackscope.glue.greenlets.gevent_waits")
    import greenlet

    waiting = Waiting("")
    some = [greenlet.greenlet(len), greenlet.greenlet(len)]
    gevent_waits.describe_several(some, waiting)
    assert (waiting.call, waiting.tasks) == ("gevent.joinall()", some)
    waiting = Waiting("")
    gevent_waits.describe_several([some[0], object()], waiting)
    assert (waiting.call, waiting.tasks) == ("gevent.wait()", some[:1])
    assert [(one.number, one.noun) for one in waiting.amounts] == [(2, "object")]
    for owner in (some[0], 5, None):
        waiting = Waiting("")
        lock = having(_owner=owner)
        gevent_waits.describe_rlock(frame_with(self=lock), waiting)
        assert waiting.lock is lock
        assert waiting.holders == ([owner] if owner is some[0] else [])


# ------------------------------------------------------------------------------------- anyio


def test_the_end_of_anyio_s_messages():
    on_asyncio = pytest.importorskip("stackscope.glue.anyio.on_asyncio")
    assert on_asyncio.reason_in("why") == "why"
    begin = on_asyncio.MESSAGES[0]
    assert on_asyncio.reason_in(f"{begin}5f; reason: too slow") == "too slow"
    assert on_asyncio.reason_in(f"{begin}5f") is None


def test_the_task_that_sets_a_future():
    on_asyncio = pytest.importorskip("stackscope.glue.anyio.on_asyncio")

    def chained(source):
        def _call_check_cancel(destination):
            return source

        return _call_check_cancel

    def _call_check_cancel(destination):
        return None

    task = object()
    future = having(_done_callbacks=[len, _call_check_cancel, chained(task)])
    assert on_asyncio.task_for(future) is task
    assert on_asyncio.task_for(having(_done_callbacks=[_call_check_cancel])) is None
    assert on_asyncio.task_for(having(_done_callbacks=None)) is None


def test_who_keeps_a_portal_going():
    common = pytest.importorskip("stackscope.glue.anyio.common")
    portal, waiting = object(), Waiting("Event.wait()", lock=object())
    common.describe_stop(frame_with(self=portal), waiting)
    assert (waiting.call, waiting.obj) == ("BlockingPortal.stop()", portal)


# ------------------------------------------------------------------------------------ Cython


def test_objects_of_cython_s(monkeypatch):
    """They lead to what they await, one after the other; one that has frames goes on with those."""
    from stackscope.extraction.walk import Leaf
    from stackscope.glue import cython

    class Coroutine:
        __slots__ = ("cr_await",)

    class Wrapper:
        __slots__ = ("coroutine",)

        def __init__(self, coroutine):
            self.coroutine = coroutine

    class Bare:
        pass

    names = ((Coroutine, "coroutine"), (Wrapper, "coroutine_wrapper"), (Bare, "generator"))
    monkeypatch.setattr(cython, "_types", {id(cls): (cls, name) for cls, name in names})

    async def plain():
        pass

    awaited = plain()
    inner, outer = Coroutine(), Coroutine()
    inner.cr_await = awaited
    outer.cr_await = Wrapper(inner)
    assert cython.unwrap(outer) is outer.cr_await
    assert cython.unwrap(outer.cr_await) is inner
    assert cython.unwrap(inner) is awaited
    inner.cr_await = None
    assert type(cython.unwrap(inner)) is Leaf
    inner.cr_await = object()
    assert type(cython.unwrap(inner)) is Leaf
    assert type(cython.unwrap(Bare())) is Leaf  # this version has no such attribute
    assert type(cython.unwrap(Wrapper(5))) is Leaf
    awaited.close()
    inner.cr_await = outer  # for ever
    assert type(cython.unwrap(outer)) is Leaf


# ------------------------------------------------------------------------- anyio, once more


def test_what_is_no_scope_of_anyio_s_is_left_alone():
    common = pytest.importorskip("stackscope.glue.anyio.common")
    context = Context(object(), False, description="fail_after(...)")
    common.elaborate_cancel_scope(object(), context)
    common.elaborate_fail_after(Having(_cancel_scope=object()), context)
    common.elaborate_timeout(frame_with(), context)
    within = frame_with()
    inner = Stack(None, [frame_with()])
    within.contexts = [Context(object(), False, inner_stack=inner), Context(object(), False)]
    common.elaborate_timeout(within, context)
    assert context.description == "fail_after(...)"


def test_the_scope_of_fail_after_may_be_deeper():
    common = pytest.importorskip("stackscope.glue.anyio.common")
    anyio = pytest.importorskip("anyio")

    async def main():
        with anyio.CancelScope(shield=True) as scope:
            deepest = frame_with()
            deepest.contexts = [Context(scope, False)]
            outer = frame_with()
            outer.contexts = [Context(object(), False, inner_stack=Stack(None, [deepest]))]
            context = Context(object(), False, description="fail_after(...)")
            extract(None)  # which has the glue for the backend installed
            common.elaborate_timeout(outer, context)
            return context.description

    assert anyio.run(main, backend="asyncio") == "fail_after(...): no deadline, shielded"


def test_no_task_runs_the_call_of_a_portal():
    common = pytest.importorskip("stackscope.glue.anyio.common")

    async def other():
        pass

    portal = frame_with(self=Having(_task_group=object()))
    assert common.elaborate_portal_call(portal, None) is None
    result = frame_with(self=object())
    assert common.elaborate_portal_call(portal, result) is None
    space = {}
    exec("def result(self):\n import sys\n return sys._getframe()", space)
    result = Frame(space["result"](object()), 1)
    assert common.elaborate_portal_call(portal, result) is None
    coroutine = other()
    assert common._runs_call_for(Having(coro=coroutine), object()) is False
    assert common._runs_call_for(Having(coro=None), object()) is False
    coroutine.close()
    assert common._runs_call_for(Having(coro=coroutine), object()) is False


@pytest.mark.parametrize("owner", [None, object()])
def test_who_has_a_lock_of_anyio_s(owner):
    common = pytest.importorskip("stackscope.glue.anyio.common")
    lock, waiting = Having(_owner_task=owner, _waiters=[1, 2]), Waiting("acquire()")
    common.describe_lock(frame_with(self=lock), waiting)
    assert waiting.holders == ([] if owner is None else [owner])
    assert (waiting.lock, waiting.count) == (lock, 2)


# -------------------------------------------------------------------------- gevent, once more


def test_waits_of_gevent_of_which_little_is_known(monkeypatch):
    gevent_waits = pytest.importorskip("stackscope.glue.greenlets.gevent_waits")
    waiting = Waiting("switch()")
    gevent_waits.describe_greenlet(gevent_waits.GreenletWait(object()), waiting)
    assert (waiting.call, waiting.obj, waiting.seconds_left) == ("switch()", None, None)
    for timer in (Having(), Having(at=5.0, loop=object())):
        assert gevent_waits.seconds_until(timer) is None
    queue = Having(queue=5)
    gevent_waits.describe_queue(queue, waiting)
    assert (waiting.call, waiting.obj, waiting.amounts) == ("Having.get()", queue, [])
    for items, call in (([], "get"), ([1], "put")):
        waiting = Waiting("")
        gevent_waits.describe_queue(Having(queue=items, maxsize=1), waiting)
        assert waiting.call == f"Having.{call}()"
        assert [(one.number, one.total) for one in waiting.amounts] == [(len(items), 1)]
    other = Having(_sock=object())
    waiting = Waiting("recv()", resource="as it was")
    gevent_waits.describe_socket(frame_with(self=other), waiting)
    assert (waiting.obj, waiting.resource) == (other, "as it was")


# ----------------------------------------------------------------------- threads and futures


def test_calls_of_which_nobody_is_known_to_be_at_work():
    import concurrent.futures

    from stackscope.glue.stdlib import concurrent_futures

    future = concurrent.futures.Future()
    waiting = Waiting("result()")
    concurrent_futures.describe_executor_call(future, waiting)
    assert (waiting.call, waiting.obj) == ("result()", future)
    future.set_result(1)
    assert not concurrent_futures.is_pending(future)
    assert concurrent_futures.frames_of_call(future) == []
    assert concurrent_futures.items_of_queue(Having(_queue=deque([1, 2]))) == [1, 2]
    assert concurrent_futures.items_of_queue(Having(_queue=None)) != [1, 2]


def test_a_thread_of_trio_s_that_nobody_waits_for():
    threads = pytest.importorskip("stackscope.glue.trio.threads")
    plain = frame_with()
    assert threads.find_worker(plain.pyframe) is None
    assert threads.find_worker(frame_with(worker_fn=object()).pyframe) is None
    assert threads.elaborate_to_thread(plain, None) is None
    assert threads._after_worker([plain.pyframe]) is None
    mark = object()
    assert threads.system_task_for(Having(_reentry_queue=object()), frame_with(q=mark)) is None
    assert threads._holds(frame_with(self=mark).pyframe, [(True, mark), (False, None)])
    assert threads._holds(frame_with(q=mark).pyframe, [(False, None), (True, mark)])
    assert not threads._holds(frame_with(self=object()).pyframe, [(True, mark), (True, mark)])
    assert not threads._holds(plain.pyframe, [(True, mark), (True, mark)])


def test_the_reason_in_a_message_of_anyio_s():
    """The message that a task was cancelled with says more than the reason."""
    on_asyncio = pytest.importorskip("stackscope.glue.anyio.on_asyncio")
    import asyncio

    from stackscope import extract_all

    async def main():
        text = f"{on_asyncio.MESSAGES[0]}5f; reason: too slow"
        tasks = [asyncio.ensure_future(asyncio.sleep(5)) for _ in range(2)]
        await asyncio.sleep(0)
        extract(None)  # which has the glue installed
        for task, message in zip(tasks, (text, "my own")):
            task.cancel(message)
        found = {node.task: node.cancel_reason for node in extract_all().tasks()}
        await asyncio.wait(tasks)
        return [found[task] for task in tasks]

    if sys.version_info < (3, 9):
        pytest.skip("there are no messages")
    assert asyncio.run(main()) == ["too slow", "my own"]


# ---------------------------------------------------------------------------- trio and others


def test_why_a_task_of_trio_s_is_cancelled():
    runs = pytest.importorskip("stackscope.glue.trio.runs")

    def status(is_cancelled, parent=None):
        return Having(_scope=Having(_cancel_called=is_cancelled), _parent=parent)

    runtime = runs.TrioRuns()
    for found in (None, status(False), status(False, status(False))):
        assert runtime.cancel_reason(Having(_cancel_status=found)) is None
    assert runtime.cancel_reason(Having()) is None


def test_a_task_below_a_cancel_status_of_trio_s():
    runners = pytest.importorskip("stackscope.glue.trio.runners")
    task = object()
    lower = Having(_tasks=[task], _children=[])
    assert runners._some_task(Having(_tasks=[], _children=[lower])) is task
    assert runners._some_task(Having(_tasks=[], _children=[])) is None
    assert runners._some_task(None) is None
    assert runners.runner_of_task(task) is None


def test_what_greenback_and_sqlalchemy_run_in_greenlets():
    greenback = pytest.importorskip("stackscope.glue.greenlets.greenback")
    sqlalchemy = pytest.importorskip("stackscope.glue.sqlalchemy")
    import greenlet

    nothing, coroutine = frame_with(), object()
    assert greenback.elaborate_await(nothing, None) is None
    assert greenback.elaborate_await(frame_with(coro=coroutine), None) is coroutine
    assert greenback.elaborate_await(frame_with(coro=coroutine), nothing) is None
    for child in (None, object(), greenlet.greenlet(len)):
        frame = frame_with(child_greenlet=child, orig_coro=coroutine)
        assert greenback.suspended_child(frame) is None
        assert greenback.elaborate_shim(frame, None) is coroutine
        assert greenback.elaborate_shim(frame, nothing) is None
    assert sqlalchemy.elaborate_greenlet_spawn(nothing, None) is None
    for context in (object(), greenlet.greenlet(len)):
        assert sqlalchemy.elaborate_greenlet_spawn(frame_with(context=context), None) is None


def test_managers_of_async_generator_of_which_little_is_known():
    async_generator = pytest.importorskip("stackscope.glue.async_generator")
    assert async_generator._code_of(object()) is None
    assert async_generator._code_of(None) is None
    context = Context(object(), False, description="as it was")
    async_generator.elaborate_manager(Having(_func_name=5), context)
    assert (context.description, context.inner_stack) == ("as it was", None)
    async_generator.elaborate_manager(Having(_func_name="made"), context)
    assert context.description == "made(...)"


def test_what_asyncio_keeps_in_other_containers():
    from stackscope.glue.asyncio import waits

    class Mine(list):
        def __iter__(self):
            raise AssertionError

    for other in (None, 5, Mine([1]), "ab"):
        assert waits.pending(other) == ([], 0)
        assert waits.length(other) is None
    for cls in (list, set, deque):
        assert waits.length(cls([1, 2])) == 2
    waiting = Waiting("", obj=5)
    for line in (None, [5]):
        waits.note_line(waiting, line)
        assert waiting.count is None
    waits.note_line(waiting, deque([4, 5, 6]))
    assert (waiting.count, waiting.place) == (3, 2)
    waits.note_line(waiting, deque([4, 6]))
    assert (waiting.count, waiting.place) == (2, None)


def test_timers_of_asyncio():
    """Those of another class may have an own way to tell when they are due."""
    import asyncio

    from stackscope.glue.asyncio import waits

    async def main():
        loop = asyncio.get_running_loop()
        handle = loop.call_later(5, len)
        found = []
        for timer in (handle, object(), None):
            waiting = Waiting("")
            waits.note_timer(waiting, timer, loop)
            found.append(waiting.seconds_left)
        handle.cancel()
        return found

    first, *others = asyncio.run(main())
    assert 4 < first < 5.1  # since the loop last looked
    assert others == [None, None]


def test_the_address_of_what_is_no_socket():
    from stackscope.glue import describing

    assert describing.socket_text(object()) is None
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        assert describing.socket_text(one) is not None


def test_addresses():
    from stackscope.glue.describing import address_text

    for address, text in (
        (("127.0.0.1", 80), "127.0.0.1:80"),
        (("::1", 80, 0, 0), "[::1]:80"),
        ("/run/s", "'/run/s'"),
        (("127.0.0.1", "http"), "('127.0.0.1', 'http')"),
        ((5,), "(5,)"),
    ):
        assert address_text(address) == text


def test_groups_of_asyncio_s_of_which_little_is_known():
    from stackscope.glue.asyncio import stacks, waits

    assert stacks.state_of_group(Having(_aborting=False, _errors=[ValueError()])) == []
    assert stacks.state_of_group(Having(_aborting=True, _errors=None)) == ["cancelled"]
    assert stacks.state_of_group(Having(_aborting=True, _errors=[])) == ["cancelled"]
    errors = [ValueError(number) for number in range(stacks.MOST_ERRORS + 2)]
    cancelled, failed = stacks.state_of_group(Having(_aborting=True, _errors=errors))
    assert cancelled == "cancelled"
    assert failed.startswith(f"{len(errors)} failed: ValueError: 0; ")
    assert failed.endswith("; 2 more")
    assert stacks.elaborate_wait(frame_with(fs=5), None) is None
    assert stacks.elaborate_await(frame_with(), None) is None
    assert stacks.elaborate_await(frame_with(self=object()), frame_with()) is None
    writer, waiting = Having(_transport=None), Waiting("drain()")
    waits.describe_writer(frame_with(self=writer), waiting)
    assert (waiting.obj, waiting.resource) == (writer, None)


def test_how_long_a_loop_has_been_at_work():
    import asyncio
    import time

    from stackscope.glue.asyncio.clocks import seconds_at_work

    async def main():
        extract(None)
        time.sleep(0.05)
        return seconds_at_work(asyncio.get_running_loop())

    assert 0.04 < asyncio.run(main()) < 10
    loop = asyncio.new_event_loop()
    assert seconds_at_work(loop) is None
    loop.close()


def test_a_runner_of_tornado_s():
    tornado = pytest.importorskip("stackscope.glue.tornado")
    import asyncio

    async def main():
        future = asyncio.get_running_loop().create_future()
        assert tornado.behind_runner(Having(future=future)) == [future]
        assert tornado.behind_runner(Having(future=None)) == tornado.behind_runner(Having()) == []
        waiting = Waiting("as it was")
        tornado.describe_runner(Having(future=future), waiting)
        assert waiting.obj is future

    asyncio.run(main())
