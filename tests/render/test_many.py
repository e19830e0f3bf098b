"""Thousands of tasks: what is drawn, written and read of them is right, bounded, and soon there."""

from __future__ import annotations

import asyncio
import json
import re
import time

import pytest

from stackscope import Snapshot, extract_all
from tests.helpers.many import coroutines
from tests.helpers.rows import ALL_ROWS, share
from tests.render.test_html import checked
from tests.render.test_json import schema

TASKS = 10_000 if ALL_ROWS else 1_000

ROOM = 1_900_000 if ALL_ROWS else 400_000
"""The most bytes of HTML: too few for all tasks, if these differ."""


def in_asyncio(jobs, look):
    """Start jobs as tasks, and look when all of them sleep."""

    async def main():
        tasks = [asyncio.ensure_future(function(*rest)) for function, *rest in jobs(asyncio.sleep)]
        await asyncio.sleep(0.1)
        found = look()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return found

    return asyncio.run(main())


def in_trio(jobs, look):
    """The same in trio."""
    trio = pytest.importorskip("trio")
    pytest.importorskip("trio.testing")

    async def main():
        async with trio.open_nursery() as nursery:
            for function, *rest in jobs(trio.sleep):
                nursery.start_soon(function, *rest)
            await trio.testing.wait_all_tasks_blocked(0.01)
            found = look()
            nursery.cancel_scope.cancel()
        return found

    return trio.run(main)


def alike(sleep):
    """Jobs that sleep at the same line."""
    (job,) = coroutines(1, 1, sleep)
    return [job] * TASKS


def different(sleep):
    """Jobs that sleep at lines of their own."""
    return coroutines(100, TASKS // 100, sleep)


def seconds_of(function, *args):
    """The time that the process spends on a call, and what that gives."""
    start = time.process_time()
    result = function(*args)
    return time.process_time() - start, result


@pytest.mark.parametrize(("run", "jobs"), share([(in_asyncio, different), (in_trio, alike)], 2))
def test_all_of_them_are_told_within_bounds(run, jobs):
    def look():
        taking, snapshot = seconds_of(extract_all)
        count = sum(1 for task in snapshot.tasks() if task.state == "waiting")
        assert count >= TASKS
        for full in (False, True):
            drawing, html = seconds_of(lambda: snapshot.to_html(full=full, max_bytes=ROOM))
            assert drawing < 3 * taking + 1
            assert len(html.encode()) <= (ROOM if jobs is different else 50_000)
            text = checked(html).text
            left_out = re.search(r"left out to save space: (\d+) tasks", text)
            assert bool(left_out) == (jobs is different)
            assert f"{TASKS - 1} more at the same lines" in text or left_out
        writing, document = seconds_of(snapshot.to_json)
        assert writing < 4 * taking + 1
        assert len(document) < 2000 * TASKS
        reading, loaded = seconds_of(Snapshot.from_json, document)
        assert reading < 4 * taking + 1
        assert str(loaded) == str(snapshot)
        return document

    json.loads(run(jobs, look))


def test_the_document_is_as_the_schema_says():
    jsonschema = pytest.importorskip("jsonschema")
    document = in_asyncio(lambda sleep: coroutines(10, 10, sleep), lambda: extract_all().to_json())
    jsonschema.Draft202012Validator(schema()).validate(json.loads(document))
