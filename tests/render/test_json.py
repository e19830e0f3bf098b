"""Stacks and snapshots as JSON: what is read back is drawn as the original."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import itertools
import json
import math
import os
import subprocess
import sys
import threading
import time
import types

import pytest

import stackscope
from stackscope import Snapshot, Stack, extract, extract_all
from stackscope.render import json_writing
from stackscope.render.schema import schema
from tests.helpers import managers
from tests.helpers.hostile import CPYTHON, TRICK
from tests.helpers.repository import ROOT
from tests.helpers.rows import ALL_ROWS, IN_TURN
from tests.render.scenes import SCENES
from tests.render.test_depth import EVERY, exit_stacks
from tests.render.test_golden import drawings
from tests.snapshot.programs import awaits, forever, start

OPTIONS = [
    {},
    {"ascii_only": True},
    {"show_contexts": False},
    {"show_hidden_frames": True},
    {"max_alike": None},
    {"overview": False},
    {"stacks": False},
    {"fold": False},
    {"short_paths": False},
    {"width": 60},
    {"whole": True},
]


WRITTEN = []
"""All documents that the tests above the last ones have written."""


def read_back(snapshot):
    """The snapshot after it was written and read; it is drawn as before in every way."""
    text = snapshot.to_json()
    WRITTEN.append(text)
    loaded = Snapshot.from_json(text)
    for options in OPTIONS:
        assert loaded.format(**options) == snapshot.format(**options), options
    assert loaded.to_json() == text
    return loaded


def read_back_stack(stack):
    text = stack.to_json()
    WRITTEN.append(text)
    loaded = Stack.from_json(text)
    assert list(drawings(loaded)) == list(drawings(stack))
    assert loaded.to_json() == text
    return loaded


# ---------------------------------------------------------------------- stacks


@pytest.mark.parametrize("name", SCENES)
def test_scenes(name):
    read_back_stack(SCENES[name]())


@IN_TURN
@EVERY
def test_depth(make):
    item = make(1000)
    stack = extract(item, recurse_child_tasks=True)
    text = stack.to_json()
    assert str(Stack.from_json(text)) == str(stack)
    if make is exit_stacks:
        next(item, None)


class Manager(managers.Manager):
    def __init__(self, name=""):
        self.name = name

    def __repr__(self):
        return f"<Manager {self.name}>"


def fails():
    with Manager("a") as first, Manager("b"):
        with contextlib.ExitStack() as stack:
            stack.enter_context(Manager("c"))
            raise ValueError(first.name)


def test_an_exception_with_past_contexts():
    try:
        fails()
    except ValueError as exc:
        stack = extract(exc)
    loaded = read_back_stack(stack)
    states = [entry["state"] for entry in json.loads(stack.to_json())["contexts"]]
    assert "past" in states
    assert "(line" in str(loaded)
    assert any(context.is_past for frame in loaded.frames for context in frame.contexts)


def test_an_error_of_an_extraction():
    class Odd:
        pass

    @stackscope.unwrap_stackitem.register(Odd)
    def unwrap_odd(item):
        raise LookupError("nothing to see")

    stack = extract(Odd())
    loaded = read_back_stack(stack)
    assert "nothing to see" in str(loaded)
    assert isinstance(loaded.error, Exception)


def test_the_model_answers_as_before():
    def program(self):
        with Manager("x") as x:
            yield x

    generator = program(Manager())
    next(generator)
    stack = extract(generator)
    loaded = read_back_stack(stack)
    for one, other in zip(stack.frames, loaded.frames):
        for name in ("filename", "funcname", "clsname", "modname", "linetext", "lineno", "hide"):
            assert getattr(one, name) == getattr(other, name)
    (context,) = loaded.frames[0].contexts
    assert (context.varname, context.is_async, context.is_exiting) == ("x", False, False)
    assert repr(loaded)


class Secret:
    asked = 0

    def __repr__(self):
        Secret.asked += 1
        return "<Secret 12345>"


def test_locals_are_written_only_if_asked_for():
    def program(secret):
        with Manager():
            yield

    generator = program(Secret())
    next(generator)
    stack = extract(generator)
    assert "12345" not in stack.to_json()
    assert not Secret.asked
    text = stack.to_json(capture_locals=True)
    WRITTEN.append(text)
    loaded = Stack.from_json(text)
    options = {"capture_locals": True, "show_contexts": True}
    one, other = stack.as_stdlib_summary(**options), loaded.as_stdlib_summary(**options)
    assert [entry.locals for entry in one] == [entry.locals for entry in other]
    assert "<Secret 12345>" in "".join(other.format())


# ------------------------------------------------------------------- snapshots


async def holds(lock, number):
    async with lock, Manager("several lines") as manager:
        await asyncio.sleep(100 + number)
        return manager


async def group_of(lock):
    return await asyncio.gather(*[holds(lock, number) for number in range(8)])


async def entered(mine, other):
    async with mine:
        for _ in range(10):
            await asyncio.sleep(0)
        async with other:
            pass


async def raising():
    raise ValueError(TRICK)


def test_asyncio():
    kept = []

    async def main():
        lock, first, second = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        tasks = [
            await start(group_of(lock), "group"),
            await start(entered(first, second), "one"),
            await start(entered(second, first), "other"),
            await start(awaits(asyncio.wait([asyncio.ensure_future(forever())], timeout=5)), "w"),
            await start(awaits(asyncio.get_running_loop().run_in_executor(pool, leave.wait)), "x"),
            await start(awaits(asyncio.Queue(3).get()), TRICK),
        ]
        kept.append(asyncio.ensure_future(raising()))
        for _ in range(10):
            await asyncio.sleep(0)
        snapshot = extract_all()
        kept[0].exception()
        kept[:] = snapshot, read_back(snapshot)
        leave.set()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)

    leave = threading.Event()
    with concurrent.futures.ThreadPoolExecutor(2, "pool") as pool:
        asyncio.run(main())
    snapshot, loaded = kept
    assert "waiting for each other" in str(loaded)
    assert "held by" in str(loaded)
    failed = [[task.name for task in one.loops[0].failed] for one in (snapshot, loaded)]
    assert failed[0] == failed[1]
    assert len(loaded.cycles) == 1
    assert [node.number for node in loaded.cycles[0]] == [
        node.number for node in snapshot.cycles[0]
    ]
    for one, other in zip(snapshot.tasks(), loaded.tasks()):
        assert (one.number, one.name, one.state) == (other.number, other.name, other.state)
        assert str(one.waiting) == str(other.waiting)


def test_what_strange_glue_tells():
    """A task twice, numbers that JSON doesn't have, and no object."""

    async def main():
        tasks = [await start(forever(), f"task {number}") for number in range(2)]
        snapshot = extract_all()
        loop = snapshot.loops[0]
        loop.tasks.append(loop.tasks[0])
        waiting = loop.tasks[0].waiting = stackscope.Waiting("call()", seconds_left=math.inf)
        waiting.deadline = -math.inf
        waiting.thread = ""
        waiting.amounts.append(stackscope.Amount(1, "item", math.inf))
        loop.tasks[1].task = None
        loaded = read_back(snapshot)
        assert loaded.loops[0].tasks[0].waiting.seconds_left == math.inf
        for task in tasks:
            task.cancel()

    asyncio.run(main())


def test_trio():
    trio = pytest.importorskip("trio")
    pytest.importorskip("trio.testing")
    found = []

    async def child(number, lock):
        async with lock:
            with trio.move_on_after(1000):
                await trio.sleep_forever()

    async def main():
        lock = trio.Lock()
        async with trio.open_nursery() as nursery:
            for number in range(9):
                nursery.start_soon(child, number, lock)
            await trio.testing.wait_all_tasks_blocked()
            found.append(read_back(extract_all()))
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert "held by" in str(found[0])


def test_threads():
    lock, leave = threading.Lock(), threading.Event()

    def works():
        with lock:
            leave.wait(10)

    threads = [threading.Thread(target=works, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    try:
        loaded = read_back(extract_all())
    finally:
        leave.set()
        for thread in threads:
            thread.join(5)
    assert len(loaded.threads) >= 9


def test_greenlets():
    greenlet = pytest.importorskip("greenlet")

    def inside(number):
        with Manager(number):
            greenlet.getcurrent().parent.switch()

    greenlets = [greenlet.greenlet(inside) for _ in range(8)]
    for number, one in enumerate(greenlets):
        one.switch(number)
    loaded = read_back(extract_all())
    assert any(node.kind == "greenlet" for node in loaded.items)


# ------------------------------------------------------------ without the process

ELSEWHERE = """
import sys
from stackscope import Snapshot

with open(sys.argv[1], encoding="utf-8") as file:
    sys.stdout.write(str(Snapshot.from_json(file.read())))
"""


def test_another_process_in_another_folder(tmp_path):
    """Nothing is asked of the process that reads: not its folders, sources, glue or tasks."""
    program = tmp_path / "site-packages" / "app.py"
    program.parent.mkdir()
    program.write_text(
        "import asyncio, stackscope, sys, concurrent.futures, time\n"
        "async def waits(lock):\n"
        "    async with lock:\n"
        "        await asyncio.sleep(100)\n"
        "async def main():\n"
        "    pool = concurrent.futures.ThreadPoolExecutor(1)\n"
        "    await asyncio.get_running_loop().run_in_executor(pool, int)\n"
        "    lock = asyncio.Lock()\n"
        "    tasks = [asyncio.ensure_future(waits(lock)) for _ in range(9)]\n"
        "    await asyncio.sleep(0.1)\n"
        "    snapshot = stackscope.extract_all()\n"
        "    with open('saved.json', 'w') as file:\n"
        "        file.write(snapshot.to_json())\n"
        "    sys.stdout.write(str(snapshot))\n"
        "    for task in tasks: task.cancel()\n"
        "asyncio.run(main())\n",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    live = run([sys.executable, "app.py"], program.parent, environment)
    saved = tmp_path / "saved.json"
    os.replace(str(program.parent / "saved.json"), str(saved))
    program.unlink()
    assert "idle pool worker" in live
    command = [sys.executable, "-c", ELSEWHERE, str(saved)]
    other = {**environment, "HOME": os.sep}
    assert run(command, tmp_path, other) == live


def run(command, folder, environment):
    return subprocess.run(
        command,
        cwd=str(folder),
        env=environment,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
        timeout=60,
    ).stdout


# -------------------------------------------------------------- hostile and broken


class Huge:
    def __repr__(self):
        return TRICK * 10_000


def test_hostile_names():
    def program():
        yield

    generator = program()
    next(generator)
    trick = TRICK if CPYTHON else TRICK[:-1]  # PyPy's code objects take no lone surrogates
    code = generator.gi_code.replace(co_name=trick, co_filename=trick)
    replaced = types.FunctionType(code, {"__name__": TRICK})()
    next(replaced)
    stack = Stack(Huge(), extract(replaced).frames, Huge())
    text = stack.to_json()
    assert len(text) < 10_000
    assert text.isascii()
    assert text.isprintable()
    read_back_stack(stack)


def saved():
    with Manager():
        return extract_all().to_json()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it isn't JSON"),
        ("[" * 100_000, "it isn't JSON"),
        ("[]", '"schema"'),
        ('{"schema": 1}', '"schema"'),
        ('{"schema": "stackscope/2"}', "reads 'stackscope/1': read it with the version"),
        ('{"schema": "stackscope/1"}', 'has no "tasks"'),
    ],
)
def test_what_is_no_snapshot(text, why):
    with pytest.raises(ValueError) as caught:
        Snapshot.from_json(text)
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_other_kind():
    with pytest.raises(ValueError, match=r"read it with Snapshot\.from_json"):
        Stack.from_json(saved())
    stack = SCENES["plain"]()
    with pytest.raises(ValueError, match=r"read it with Stack\.from_json"):
        Snapshot.from_json(stack.to_json())


def places_in(value, path=()):
    """The paths to all values in a document."""
    yield path
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(entries):
        if isinstance(inner, (dict, list)):
            yield from places_in(inner, (*path, key))
        else:
            yield (*path, key)


def test_a_document_that_is_broken_anywhere():
    """It is refused, or still drawn; nothing else happens."""
    text = saved()
    document = json.loads(text)
    paths = [path for path in places_in(document) if path]
    step = max(1, len(paths) // (1000 if ALL_ROWS else 75))
    refused = 0
    for path, value in itertools.product(
        paths[sys.version_info[1] % step :: step], (None, -1, 10**9, [{}], "x")
    ):
        broken = json.loads(text)
        inner = broken
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        try:
            loaded = Snapshot.from_json(json.dumps(broken))
        except ValueError as exc:
            refused += 1
            assert "\n" not in str(exc)
        else:
            assert str(loaded)
    assert refused > 100


def test_tasks_below_themselves():
    entry = {"number": 1, "name": "a", "state": "waiting", "stack": 0, "children": [0]}
    document = {
        "schema": "stackscope/1",
        "snapshot": {
            "loops": [{"library": "asyncio", "noun": "loop", "tasks": [0]}],
            "threads": [],
            "items": [],
            "cycles": [],
            "taken_at": 0,
            "frozen": 0,
            "places": {"folders": [], "library": ""},
        },
        "tasks": [entry],
        "stacks": [{"frames": []}],
        **{name: [] for name in ("threads", "items", "contexts", "codes", "objects")},
    }
    with pytest.raises(ValueError, match="below itself"):
        Snapshot.from_json(json.dumps(document))
    entry["children"] = []
    assert "1 task" in str(Snapshot.from_json(json.dumps(document)))
    document["snapshot"]["loops"] *= 100
    with pytest.raises(ValueError, match="in too many places"):
        Snapshot.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("children", "why"),
    [
        ([[0]], "a context is below itself"),
        ([[1], [2], [0]], "a context is below itself"),
        ([*[[n + 1] * 2 for n in range(40)], []], "contexts are in too many places"),
    ],
)
def test_contexts_whose_drawing_would_have_no_end(children, why):
    document = {
        "schema": "stackscope/1",
        "stack": 0,
        "stacks": [{"frames": [{"id": 0, "code": 0, "line": 1, "contexts": [0]}]}],
        "codes": [{"file": "a.py", "function": "f", "rank": 0, "lines": {}}],
        "contexts": [
            {"state": "held", "children": [{"context": index} for index in some]}
            for some in children
        ],
        **{name: [] for name in ("tasks", "threads", "items", "objects")},
    }
    with pytest.raises(ValueError, match=why):
        Stack.from_json(json.dumps(document))
    document["contexts"][0]["children"] = []
    document["contexts"] = document["contexts"][:1]
    assert "with" in str(Stack.from_json(json.dumps(document)))


def test_a_diagnosis_tells_of_what_a_filter_has_left_out():
    async def main():
        locks, ready = [asyncio.Lock(), asyncio.Lock()], asyncio.Event()
        orders = [locks, locks[::-1]]
        tasks = [asyncio.create_task(crossed(*order, ready)) for order in orders]
        await asyncio.sleep(0)
        ready.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        diagnosis = stackscope.diagnose()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return diagnosis

    async def crossed(first, second, ready):
        async with first:
            await ready.wait()
            async with second:
                pass

    diagnosis = asyncio.run(main())
    assert [finding.kind for finding in diagnosis.findings] == ["deadlock"]
    diagnosis.snapshot = diagnosis.snapshot.filter("name:MainThread")
    read = stackscope.Diagnosis.from_json(diagnosis.to_json())
    assert [len(finding.nodes) for finding in read.findings] == [2]
    assert str(read) == str(diagnosis)


def test_what_is_written_is_valid():
    """The schema is one, and says of what is written what our own check makes of it."""
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    validator = jsonschema.Draft202012Validator(schema())
    read_back_stack(SCENES["exit_stacks"]())
    read_back(extract_all())
    for text in WRITTEN:
        validator.validate(json.loads(text))


@pytest.mark.parametrize("at_once", [1, 3, 500])
def test_what_is_written_in_parts_is_one_document(at_once, monkeypatch):
    monkeypatch.setattr(json_writing, "AT_ONCE", at_once)
    for text in (
        SCENES["exit_stacks"]().to_json(),
        extract_all().to_json(),
        Stack(None, []).to_json(),
    ):
        assert json.dumps(json.loads(text)) == text


KEYWORDS = """
    $defs $id $ref $schema additionalProperties anyOf description enum items maxItems maxProperties
    minItems minProperties minimum pattern properties propertyNames required title type
"""


def test_the_schema_uses_what_is_checked():
    def keywords(part):
        for key, value in part.items():
            yield key
            if key in ("properties", "$defs"):
                for inner in value.values():
                    yield from keywords(inner)
            elif isinstance(value, dict):
                yield from keywords(value)
            elif key == "anyOf":
                for inner in value:
                    yield from keywords(inner)

    assert set(keywords(schema())) <= set(KEYWORDS.split())


# ------------------------------------------------------------------------ growth


def cost_of(count):
    """Seconds to write and to read, and the size, of as many tasks that wait."""

    async def main():
        tasks = [asyncio.ensure_future(forever()) for _ in range(count)]
        await asyncio.sleep(0)
        snapshot = extract_all()
        gc.disable()  # its time depends on all there is
        start = time.process_time()
        text = snapshot.to_json()
        middle = time.process_time()
        Snapshot.from_json(text)
        end = time.process_time()
        gc.enable()
        for task in tasks:
            task.cancel()
        return middle - start, end - middle, len(text)

    return asyncio.run(main())


@IN_TURN
def test_time_and_size_are_linear():
    # Both are reported to the collector in the end, which first counts what is frozen.
    few = [min(values) for values in zip(*[cost_of(250) for _ in range(3)])]
    many = [min(values) for values in zip(*[cost_of(1000) for _ in range(2)])]
    assert many[2] < 4.4 * few[2]
    assert many[0] < 8 * few[0]
    assert many[1] < 8 * few[1]
