"""multiprocessing: what threads wait for that other processes have to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.helpers.repository import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it has other kinds of processes")

PROGRAM = """
import json, multiprocessing.pool, os, signal, sys, threading, time
import stackscope

def waits(event, number=0):
    event.wait()

def sleeps(number):
    time.sleep(1000)

def main():
    context = multiprocessing.get_context(sys.argv[1])
    event, condition, barrier = context.Event(), context.Condition(), context.Barrier(2)
    queue, simple, joinable = context.Queue(), context.SimpleQueue(), context.JoinableQueue()
    joinable.put(1)
    end, _ = context.Pipe()
    child = context.Process(target=waits, args=[event], name="worker-a")
    child.start()
    pool = context.Pool(2)
    result = pool.apply_async(sleeps, [1])

    def in_condition():
        with condition:
            condition.wait()

    calls = {
        "join": child.join, "limited": lambda: child.join(1000), "event": event.wait,
        "condition": in_condition, "queue": queue.get, "simple": simple.get,
        "joinable": joinable.join, "pipe": end.recv, "result": result.get,
        "map": lambda: pool.map(sleeps, [1, 2]),
    }
    for name, call in calls.items():
        threading.Thread(target=call, name=name, daemon=True).start()
    deadline = time.monotonic() + 30
    waiting = {}
    while not (set(calls) <= set(waiting)):
        assert time.monotonic() < deadline, waiting
        snapshot = stackscope.extract_all()
        waiting = {one.name: one.waiting for one in snapshot.threads if one.waiting is not None}
    diagnosis = stackscope.diagnose(snapshot)
    back = stackscope.Diagnosis.from_json(diagnosis.to_json())
    pids = sorted(one.pid for one in pool._pool)
    print(json.dumps([
        {name: str(waiting[name]) for name in calls},
        {name: [n for one in waiting[name].layers() for n in one.processes] for name in calls},
        child.pid, pids, str(diagnosis), str(back), len(diagnosis.findings),
    ]))

if __name__ == "__main__":
    try:
        main()
    finally:  # not to wait for the processes, whatever has happened, nor to have new ones
        multiprocessing.pool.Pool._maintain_pool = staticmethod(lambda *_: None)
        for one in multiprocessing.active_children():
            os.kill(one.pid, signal.SIGKILL)
        sys.stdout.flush()
        os._exit(0)
"""


@pytest.fixture(scope="module", params=["fork", "forkserver"])
def found(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("processes") / "program.py"
    path.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(path), request.param],
        stdout=subprocess.PIPE,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return json.loads(done.stdout)


def test_the_process_is_named(found):
    texts, processes, child, pool, *_ = found
    for name in ("join", "limited"):
        assert texts[name].endswith(f"Process.join(): process {child} (worker-a)")
        assert processes[name] == [child]
    for name in ("result", "map"):
        assert f"Result.get(): one of the processes {pool[0]}, {pool[1]}" in texts[name]
        assert sorted(processes[name]) == pool


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("event", "Event.wait"),
        ("condition", "Condition.wait"),
        ("queue", "Queue.get"),
        ("simple", "SimpleQueue.get"),
        ("joinable", "JoinableQueue.join"),
        ("pipe", "Connection.recv"),
    ],
)
def test_what_is_shared_is_said_to_be(found, name, call):
    assert found[0][name] == f"{call}(): shared between processes"
    assert found[1][name] == []


def test_others_may_end_such_a_wait(found):
    """So nothing is said to be stuck, but who may be asked is named, also from a file."""
    *_, child, pool, text, saved, findings = found
    assert findings == 0
    for shown in (text, saved):
        assert shown.startswith("Nothing is stuck")
        for pid in (child, *pool):
            assert f" for process {pid}, which may be asked: stackscope why {pid}\n" in shown
