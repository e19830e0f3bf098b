"""Programs that make and drop objects in threads while they are looked at, again and again.

``STACKSCOPE_LOOKS`` says how often; 1,000 are tried by hand.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref

from tests.diagnosis.cases import ASYNCIO, healthy
from tests.diagnosis.starting import start, start_thread

LOOKS = int(os.environ.get("STACKSCOPE_LOOKS", "10"))


class Linked:
    """A node of a list whose end refers to its beginning."""

    def __init__(self, following):
        self.following = following


class Churn:
    """Threads that make cycles, tuples from generators, and threads, until they are stopped."""

    def __init__(self):
        self.is_over = False
        self.errors = []
        self.count = 0
        self.weak = weakref.WeakSet()
        self.threads = [
            start_thread(self.repeat, function, name=function.__name__)
            for function in (self.make_cycles, self.make_tuples, self.make_threads, self.pass_on)
        ]

    def repeat(self, function):
        try:
            while not self.is_over:
                function()
                self.count += 1
        except BaseException as error:
            self.errors.append(error)

    def make_cycles(self):
        first = following = Linked(None)
        self.weak.add(first)
        for _ in range(100):
            following = Linked(following)
        first.following = following

    def make_tuples(self):
        for number in range(50):
            made = tuple(Linked(part) for part in range(number))
            assert len(made) == number
            assert all(type(one) is Linked for one in made)

    def make_threads(self):
        event = threading.Event()
        thread = threading.Thread(target=event.wait, name="short")
        thread.start()
        event.set()
        thread.join()

    def pass_on(self):
        """Two locks that are taken in the same order by two threads."""

        def takes():
            with a:
                with b:
                    pass

        a, b = threading.Lock(), threading.Lock()
        thread = threading.Thread(target=takes, name="takes")
        with a:
            thread.start()
        thread.join()

    def stop(self):
        """Stop them all; what went wrong in them, and that they have done something."""
        self.is_over = True
        for thread in self.threads:
            thread.join()
        return self.errors or (["nothing was done"] if not self.count else [])


@healthy(on="threads")
def threads_that_make_and_drop_objects(look):
    churn = Churn()
    for _ in range(LOOKS):
        look()
    look.expect(f"no errors: {churn.stop()}", not churn.errors and churn.count)


@healthy(on=ASYNCIO)
async def tasks_that_come_and_go(look):
    """Beside the threads: tasks that start others, pass locks on, and wait for each other."""

    async def child(event, lock):
        async with lock:
            event.set()
            await asyncio.sleep(0)

    async def parent():
        while not over:
            event, lock = asyncio.Event(), asyncio.Lock()
            task = asyncio.ensure_future(child(event, lock))
            await event.wait()
            async with lock:
                await task
            done.append(1)

    over, done = False, []
    churn = Churn()
    tasks = [start(parent(), f"parent-{number}") for number in range(10)]
    for number in range(LOOKS):
        await asyncio.sleep(0.001)
        if number % 2:
            look()
        else:
            await look.beside()
    over = True
    await asyncio.gather(*tasks)
    look.expect("something was done", done)
    look.expect(f"no errors: {churn.stop()}", not churn.errors and churn.count)
