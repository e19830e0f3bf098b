"""The cases, measured with the `stackscope` that this interpreter imports.

Started by `python -m benchmarks`, once for this library and once for another one of the
same interface. Needs nothing else from this folder. Prints one JSON object: for every case a
list of times in seconds per call, and the same for what it is compared with; and what was found,
so that times are compared of equal answers only. All times are the processor's: the machine may be
busy with other things.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import json
import sys
import threading
import time
import traceback
import types

import stackscope

CHAIN_FRAMES = 21
RECURSION_FRAMES = 100
DEPTHS = 10
SAMPLE_SECONDS = 0.05  # a sample repeats the call for at least this long


class Manager:
    """A context manager that does nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


def sample(function) -> float:
    """Seconds per call."""
    calls = 1
    while True:
        start = time.thread_time()
        for _ in range(calls):
            function()
        spent = time.thread_time() - start
        if spent >= SAMPLE_SECONDS:
            return spent / calls
        calls = max(calls + 1, int(1.2 * calls * SAMPLE_SECONDS / max(spent, 1e-9)))


def interleaved(functions, repeat) -> dict:
    """Samples of several functions by name, taken in turns after one warm-up each."""
    for function in functions.values():
        function()
    times = {name: [] for name in functions}
    for _ in range(repeat):
        for name, function in functions.items():
            gc.collect()
            times[name].append(sample(function))
    return times


def once(prepare, function, repeat) -> list:
    """Samples of what can be done only once with what ``prepare`` makes, after one warm-up."""
    times = []
    for _ in range(repeat + 1):
        made = prepare()
        gc.collect()
        start = time.thread_time()
        kept = function(made)
        times.append(time.thread_time() - start)
        del kept, made
    return times[1:]


def answer_of(stack) -> list:
    """What a stack says, in a form that the other library's can be compared with."""
    return [[frame.funcname, len(frame.contexts)] for frame in stack.frames]


def summary_of(frames):
    """What `traceback` makes of the same frames."""
    pairs = [(frame, frame.f_lineno) for frame in frames]
    return traceback.StackSummary.extract(iter(pairs), lookup_lines=False)


# ------------------------------------------------------------- suspended


@types.coroutine
def suspend():
    """Suspends the coroutine that awaits this."""
    yield


async def chain(depth):
    """A chain of coroutines with two context managers in each one."""
    with Manager(), Manager():
        if depth > 1:
            await chain(depth - 1)
        else:
            await suspend()


def measure_chain(args) -> dict:
    coroutine = chain(CHAIN_FRAMES)
    coroutine.send(None)
    frames = [frame.pyframe for frame in stackscope.extract(coroutine).frames]
    # The last frame is that of `suspend`.
    assert len(frames) == CHAIN_FRAMES + 1, len(frames)
    contexts = [frame.contexts for frame in stackscope.extract(coroutine).frames]
    complete = [len(found) for found in contexts] == [2] * CHAIN_FRAMES + [0]
    functions = {
        "with contexts": lambda: stackscope.extract(coroutine),
        "without contexts": lambda: stackscope.extract(coroutine, with_contexts=False),
        "baseline": lambda: summary_of(frames),
    }
    times = interleaved(functions, args.repeat)
    answer = answer_of(stackscope.extract(coroutine))
    coroutine.close()
    result = {"times": times, "baseline": "StackSummary.extract", "answer": answer}
    return {**result, "complete": complete}


def measure_text(args) -> dict:
    """The same chain as text: ours has a line for each manager, and the source of each frame."""
    coroutine = chain(CHAIN_FRAMES)
    coroutine.send(None)
    stack = stackscope.extract(coroutine)
    frames = [frame.pyframe for frame in stack.frames]
    functions = {
        "with contexts": lambda: str(stack),
        "baseline": lambda: "".join(summary_of(frames).format()),
    }
    times = interleaved(functions, args.repeat)
    complete = str(stack).count("with Manager()") >= CHAIN_FRAMES
    coroutine.close()
    result = {"times": times, "baseline": "StackSummary.format", "answer": answer_of(stack)}
    return {**result, "complete": complete}


# ------------------------------------------------------------ first looks


def generator_of(lines):
    """A generator that is suspended in a function that nobody has looked at."""
    space: dict = {"Manager": Manager}
    source = "def generator():\n" + "".join(f"    {line}\n" for line in lines)
    exec(compile(source, "<made>", "exec"), space)  # noqa: S102
    made = space["generator"]()
    next(made)
    return made


def some_generators(count=50):
    """Generators of functions of some thirty lines, all different."""
    made = []
    for number in range(count):
        lines = ["with Manager() as a, Manager():"]
        for index in range(8):
            lines += [f"    if a == {index}:", "        for x in a:", "            print(x)"]
        lines += ["    try:", f"        yield {number}", "    finally:", "        a = None"]
        made.append(generator_of(lines))
    return made


def measure_first_look(args) -> dict:
    def look(generators):
        return [stackscope.extract(one) for one in generators]

    generators = some_generators()
    times = [each / len(generators) for each in once(some_generators, look, args.repeat)]
    answer = answer_of(stackscope.extract(generators[0]))
    return {"times": {"with contexts": times}, "answer": answer, "complete": answer[0][1] == 2}


def with_blocks(count):
    """A generator of a function with so many `with` blocks beside each other."""
    return generator_of(["with Manager():", "    yield"] * count)


def measure_blocks(args) -> dict:
    times = once(lambda: with_blocks(500), stackscope.extract, args.repeat)
    answer = answer_of(stackscope.extract(with_blocks(500)))
    return {"times": {"with contexts": times}, "answer": answer, "complete": answer[0][1] == 1}


def exit_stack():
    """A generator with an exit stack of 10,000 managers."""
    with contextlib.ExitStack() as stack:
        for _ in range(10_000):
            stack.enter_context(Manager())
        yield stack


def measure_exit_stack(args) -> dict:
    made = exit_stack()
    stack = next(made)
    times = interleaved({"with contexts": lambda: stackscope.extract(made)}, args.repeat)
    contexts = stackscope.extract(made).frames[0].contexts
    children = [child for context in contexts for child in context.children]
    stack.pop_all()
    return {"times": times, "answer": [len(children)], "complete": len(children) == 10_000}


# --------------------------------------------------------------- running


def recurse(depth, at_the_bottom):
    """Frames that are running, with two context managers in each one."""
    with Manager(), Manager():
        if depth > 1:
            return recurse(depth - 1, at_the_bottom)
        return at_the_bottom()


def deeper(depth, function):
    """Call ``function`` so many frames further in."""
    return deeper(depth - 1, function) if depth else function()


def measure_recursion(args) -> dict:
    """At many depths: a call takes longer where it needs a new piece of the interpreter's stack."""

    def at_the_bottom():
        stack = stackscope.extract_since(None)
        found = [one for one in answer_of(stack) if one[0] == "recurse"]
        functions = {
            "with contexts": lambda: stackscope.extract_since(None),
            "without contexts": lambda: stackscope.extract_since(None, with_contexts=False),
            "baseline": traceback.extract_stack,
        }
        return interleaved(functions, 1), found

    times, answer = {}, []
    for index in range(max(args.repeat, DEPTHS)):
        depth = index * 13 % 100
        found, answer = deeper(depth, lambda: recurse(RECURSION_FRAMES, at_the_bottom))
        for name, samples in found.items():
            times.setdefault(name, []).extend(samples)
    complete = answer == [["recurse", 2]] * RECURSION_FRAMES
    return {"times": times, "baseline": "extract_stack", "answer": answer, "complete": complete}


# ----------------------------------------------------------------- tasks


async def asyncio_task(stop, depth=3):
    """The body of a task: three frames, each with a context manager."""
    with Manager():
        if depth > 1:
            await asyncio_task(stop, depth - 1)
        else:
            await stop.wait()


def extract_task(task):
    """The stack of an asyncio task; of its coroutine, where tasks are not known."""
    stack = stackscope.extract(task)
    return stack if stack.frames else stackscope.extract(task.get_coro())


def measure_asyncio(args) -> dict:
    async def main():
        stop = asyncio.Event()
        tasks = [asyncio.ensure_future(asyncio_task(stop)) for _ in range(args.tasks)]
        await asyncio.sleep(0)
        stack = extract_task(tasks[0])
        complete = sum(len(frame.contexts) for frame in stack.frames) == 3
        functions = {"with contexts": lambda: [extract_task(task) for task in tasks]}
        baseline = "StackSummary.extract"
        if sys.version_info >= (3, 14):
            baseline = "capture_call_graph"
            functions["baseline"] = lambda: [asyncio.capture_call_graph(task) for task in tasks]
        else:
            frames = [[frame.pyframe for frame in extract_task(task).frames] for task in tasks]
            functions["baseline"] = lambda: [summary_of(each) for each in frames]
        times = per_task(interleaved(functions, args.repeat), args.tasks)
        stop.set()
        await asyncio.gather(*tasks)
        answer = answer_of(stack)
        return {"times": times, "baseline": baseline, "answer": answer, "complete": complete}

    return asyncio.run(main())


def per_task(times, tasks) -> dict:
    """Divide the samples of every function by the number of tasks."""
    return {name: [each / tasks for each in values] for name, values in times.items()}


def measure_trio(args) -> dict:
    import trio
    import trio.testing

    width = 10  # children of one nursery

    async def leaf():
        with Manager():
            await trio.sleep_forever()

    async def branch(count):
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(leaf)

    async def main():
        async with trio.open_nursery() as nursery:
            for _ in range(args.tasks // (width + 1)):
                nursery.start_soon(branch, width)
            await trio.testing.wait_all_tasks_blocked()
            root = trio.lowlevel.current_task()
            whole = functools.partial(stackscope.extract, root, recurse_child_tasks=True)
            tasks = count_tasks(whole())
            complete = tasks == 1 + args.tasks // (width + 1) * (width + 1)
            times = interleaved({"with contexts": whole}, args.repeat)
            nursery.cancel_scope.cancel()
        return {"times": per_task(times, tasks), "answer": [tasks], "complete": complete}

    return trio.run(main)


def count_tasks(stack) -> int:
    """How many tasks a tree of trio's has, found through the nurseries of its frames."""
    waiting, count = [stack], 0
    while waiting:
        count += 1
        for frame in waiting.pop().frames:
            for context in frame.contexts:
                waiting.extend(child for child in context.children if hasattr(child, "frames"))
    return count


# ------------------------------------------------------- everything at once


def function_of_its_own(number):
    """A coroutine function whose code no other one has, at a line of its own."""
    source = "\n" * (number % 997) + "async def wait(manager, event):\n with manager: await event()"
    space: dict = {}
    exec(compile(source, "<made>", "exec"), space)  # noqa: S102
    return space["wait"]


async def waits(awaitable):
    with Manager():
        await awaitable


def tasks_alike(count, stop):
    return [asyncio.ensure_future(asyncio_task(stop)) for _ in range(count)]


def tasks_of_200_functions(count, stop):
    functions = [function_of_its_own(number) for number in range(200)]
    return [
        asyncio.ensure_future(functions[number % 200](Manager(), stop.wait))
        for number in range(count)
    ]


def tasks_gathered(count, stop):
    tasks = tasks_alike(count - 1, stop)
    return [*tasks, asyncio.ensure_future(waits(asyncio.gather(*tasks)))]


def tasks_chained(count, stop):
    tasks = tasks_alike(1, stop)
    while len(tasks) < count:
        tasks.append(asyncio.ensure_future(waits(tasks[-1])))
    return tasks


SHAPES = {
    "alike": tasks_alike,
    "of 200 functions": tasks_of_200_functions,
    "gathered": tasks_gathered,
    "chained": tasks_chained,
}


async def among(make, count, measure):
    """What ``measure()`` gives while there are so many tasks."""
    stop = asyncio.Event()
    tasks = make(count, stop)
    for _ in range(3):
        await asyncio.sleep(0)
    try:
        return measure()
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def seconds_for_all(count, repeat):
    """What `extract_all` takes per task, by the processor's time of this thread."""
    assert sum(1 for _ in stackscope.extract_all().tasks()) == count + 1
    times = []
    for _ in range(repeat):
        gc.collect()
        start = time.thread_time()
        snapshot = stackscope.extract_all()
        times.append((time.thread_time() - start) / count)
        del snapshot
    return times


def measure_growth(shape):
    def measure(args) -> dict:
        def at(count):
            measure = functools.partial(seconds_for_all, count, args.repeat)
            return asyncio.run(among(SHAPES[shape], count, measure))

        few = at(max(args.tasks // 100, 10))
        times = {"with contexts": at(args.tasks), "baseline": few}
        return {"times": times, "baseline": "a hundredth of the tasks"}

    return measure


def longest_stop(work):
    """For how long ``work`` keeps another thread from running, at most.

    By the processor's time that this thread uses, so that other processes don't count.
    """
    clock = time.pthread_getcpuclockid(threading.get_ident())
    stops = [0.0]
    begun, ended = threading.Event(), threading.Event()

    def watch():
        begun.set()
        last = time.clock_gettime(clock)
        while not ended.is_set():
            now = time.clock_gettime(clock)
            stops.append(now - last)
            last = now

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun.wait()
    try:
        kept = work()
        after = [[] for _ in range(10_000)]  # the collector may come for what was made
    finally:
        ended.set()
        watcher.join()
    del kept, after
    return max(stops)


def spin():
    """As much as a snapshot of some tasks does, without a collection."""
    end = time.thread_time() + 0.3
    while time.thread_time() < end:
        pass


def measure_stops(args) -> dict:
    def measure():
        stackscope.extract_all()
        functions = {"with contexts": stackscope.extract_all, "baseline": spin}
        return {
            name: [longest_stop(function) for _ in range(args.repeat)]
            for name, function in functions.items()
        }

    times = asyncio.run(among(tasks_alike, args.tasks, measure))
    return {"times": times, "baseline": "a loop that makes nothing"}


def seconds_of(function) -> float:
    """What a single call takes."""
    start = time.thread_time()
    function()
    return time.thread_time() - start


def measure_first_dump(args) -> dict:
    """The first dump of a process beside a later one: what is kept of each function."""

    def dump():
        return str(stackscope.extract_all())

    def measure():
        first, *later = [seconds_of(dump) for _ in range(args.repeat + 1)]
        return [first], later

    def tasks(count, stop):
        functions = [function_of_its_own(number) for number in range(600)]
        return [
            asyncio.ensure_future(functions[number % 600](Manager(), stop.wait))
            for number in range(count)
        ]

    first, later = asyncio.run(among(tasks, 1000, measure))
    return {"times": {"with contexts": first, "baseline": later}, "baseline": "a later dump"}


CASES = {
    "text": measure_text,
    "first-look": measure_first_look,
    "blocks": measure_blocks,
    "exit-stack": measure_exit_stack,
    "first-dump": measure_first_dump,
    **{f"growth-{shape.replace(' ', '-')}": measure_growth(shape) for shape in SHAPES},
    "stops": measure_stops,
    "chain": measure_chain,
    "recursion": measure_recursion,
    "asyncio": measure_asyncio,
    "trio": measure_trio,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=10_000)
    args = parser.parse_args()
    result = CASES[args.case](args)
    result["version"] = stackscope.__version__
    print(json.dumps(result))


if __name__ == "__main__":
    main()
