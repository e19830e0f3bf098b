"""Tasks of asyncio that never go on."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys

from tests.diagnosis.cases import ASYNCIO, abandoned, deadlock, planted
from tests.diagnosis.starting import start

# ------------------------------------------------------------------ locks


@planted(
    deadlock("first second", "@enters_second", "@enters_first", "@holds_first", "@holds_second"),
    on=ASYNCIO,
)
async def two_locks():
    async def one():
        async with a:  # @holds_first
            await asyncio.sleep(0)
            async with b:  # @enters_second
                pass

    async def other():
        async with b:  # @holds_second
            await asyncio.sleep(0)
            async with a:  # @enters_first
                pass

    a, b = asyncio.Lock(), asyncio.Lock()
    start(one(), "first")
    start(other(), "second")


async def acquires(first, second):
    await first.acquire()
    await asyncio.sleep(0)
    await second.acquire()  # @acquires
    second.release()
    first.release()


@planted(deadlock("first second", "@acquires"), on=ASYNCIO, searched=True)
async def two_locks_by_acquire():
    """Nobody but these two has the locks, so it is certain even if it isn't who holds them."""
    a, b = asyncio.Lock(), asyncio.Lock()
    start(acquires(a, b), "first")
    start(acquires(b, a), "second")


LOCKS = []


@planted(deadlock("first second", "@acquires", certain=False), on=ASYNCIO)
async def two_locks_by_acquire_that_all_can_reach():
    """Anybody could release them: that nobody will is likely only."""
    LOCKS.extend((asyncio.Lock(), asyncio.Lock()))
    start(acquires(*LOCKS), "first")
    start(acquires(*LOCKS[::-1]), "second")


async def enters(first, second):
    async with first:
        await asyncio.sleep(0)
        async with second:  # @enters
            pass


@planted(deadlock("first second", "@enters"), on=ASYNCIO)
async def two_locks_that_all_can_reach():
    """Only who has entered a lock lets go of it, so it doesn't matter who can reach it."""
    LOCKS.extend((asyncio.Lock(), asyncio.Lock()))
    start(enters(*LOCKS), "first")
    start(enters(*LOCKS[::-1]), "second")


@planted(deadlock("one two three", "@enters"), on=ASYNCIO)
async def three_locks():
    a, b, c = (asyncio.Lock() for _ in range(3))
    start(enters(a, b), "one")
    start(enters(b, c), "two")
    start(enters(c, a), "three")


@planted(deadlock("itself", "@holds_it", "@wants_it"), on=ASYNCIO)
async def one_lock_twice():
    async def twice():
        async with lock:  # @holds_it
            await asyncio.sleep(0)
            async with lock:  # @wants_it
                pass

    lock = asyncio.Lock()
    start(twice(), "itself")


@planted(deadlock("itself", "@enters"), on=ASYNCIO)
async def one_condition_twice():
    condition = asyncio.Condition()
    start(enters(condition, condition), "itself")


@planted(deadlock("itself", "@enters"), on=ASYNCIO)
async def one_semaphore_twice():
    semaphore = asyncio.Semaphore(1)
    start(enters(semaphore, semaphore), "itself")


@planted(deadlock("first second", "@enters"), on=ASYNCIO)
async def a_semaphore_of_two_that_both_want_whole():
    semaphore = asyncio.Semaphore(2)
    start(enters(semaphore, semaphore), "first")
    start(enters(semaphore, semaphore), "second")


# -------------------------------------------------------- tasks and groups


@planted(deadlock("first second", "@awaits"), on=ASYNCIO)
async def tasks_that_await_each_other():
    async def awaits(name):
        await asyncio.sleep(0)
        await tasks[name]  # @awaits

    tasks = {}
    tasks["first"] = start(awaits("second"), "first")
    tasks["second"] = start(awaits("first"), "second")


async def wants(lock):
    async with lock:  # @child_wants
        pass


@planted(deadlock("parent child", "@parent_holds", "@child_wants"), on=ASYNCIO)
async def gathers_a_child_that_wants_the_lock():
    async def parent():
        async with lock:  # @parent_holds
            await asyncio.gather(start(wants(lock), "child"), asyncio.sleep(0))

    lock = asyncio.Lock()
    start(parent(), "parent")


@planted(
    deadlock("parent child", "@group_holds", "@child_wants"),
    on=ASYNCIO,
    skip="asyncio has no TaskGroup before 3.11" if sys.version_info < (3, 11) else None,
)
async def a_task_group_in_the_lock_of_its_child():
    async def parent():
        async with lock:  # @group_holds
            async with asyncio.TaskGroup() as group:
                group.create_task(wants(lock), name="child")

    lock = asyncio.Lock()
    start(parent(), "parent")


@planted(deadlock("parent child", "@child_wants"), on=ASYNCIO)
async def waits_for_a_child_that_wants_the_lock():
    async def parent():
        async with lock:
            await asyncio.wait([start(wants(lock), "child")])

    lock = asyncio.Lock()
    start(parent(), "parent")


@planted(deadlock("parent child", "@child_wants"), on=ASYNCIO)
async def shields_a_child_that_wants_the_lock():
    async def parent():
        async with lock:
            await asyncio.shield(start(wants(lock), "child"))

    lock = asyncio.Lock()
    start(parent(), "parent")


# ------------------------------------------------ what nobody else has


@planted(abandoned("waits", "@waits_for_future"), on=ASYNCIO)
async def a_future_nobody_has():
    async def waits():
        await asyncio.get_running_loop().create_future()  # @waits_for_future

    start(waits(), "waits")


@planted(abandoned("waits", "@waits_for_event"), on=ASYNCIO)
async def an_event_nobody_has():
    async def waits():
        await asyncio.Event().wait()  # @waits_for_event

    start(waits(), "waits")


@planted(abandoned("waits", "@waits_for_condition"), on=ASYNCIO)
async def a_condition_nobody_notifies():
    async def waits():
        condition = asyncio.Condition()
        async with condition:
            await condition.wait()  # @waits_for_condition

    start(waits(), "waits")


@planted(abandoned("waits", "@gets"), on=ASYNCIO)
async def a_queue_nobody_has():
    async def waits():
        await asyncio.Queue().get()  # @gets

    start(waits(), "waits")


@planted(abandoned("waits", "@joins"), on=ASYNCIO)
async def an_item_nobody_is_done_with():
    async def waits():
        queue = asyncio.Queue()
        await queue.put("item")
        await queue.get()
        await queue.join()  # @joins

    start(waits(), "waits")


@planted(abandoned("producer", "@puts"), on=ASYNCIO)
async def a_full_queue_whose_consumer_has_returned():
    async def produce(queue):
        while True:
            await queue.put("item")  # @puts

    async def consume(queue):
        await queue.get()

    queue = asyncio.Queue(1)
    start(produce(queue), "producer")
    await start(consume(queue), "consumer")


@planted(abandoned("producer", "@puts_again", certain=None), on=ASYNCIO)
async def a_full_queue_whose_consumer_has_failed():
    """The exception's traceback still has the frame with the queue; that one never runs again."""

    async def produce(queue):
        while True:
            await queue.put("item")  # @puts_again

    async def consume(queue):
        await queue.get()
        raise ValueError("an item that can't be consumed")

    queue = asyncio.Queue(1)
    start(produce(queue), "producer")
    start(consume(queue), "consumer")
    for _ in range(5):
        await asyncio.sleep(0)


@planted(
    abandoned("waits", "@waits_for_barrier"),
    on=ASYNCIO,
    skip="asyncio has no Barrier before 3.11" if sys.version_info < (3, 11) else None,
)
async def a_barrier_that_nobody_else_reaches():
    async def waits():
        await asyncio.Barrier(2).wait()  # @waits_for_barrier

    start(waits(), "waits")


@planted(abandoned("waits", "@reads"), on=ASYNCIO)
async def a_stream_that_nobody_feeds():
    async def waits():
        await asyncio.StreamReader().read(1)  # @reads

    start(waits(), "waits")


@planted(abandoned("waits", "@waits_with_finalizer"), on=ASYNCIO)
async def a_finalizer_that_only_the_waiting_task_has():
    """It would set the event, but runs only when the task has ended."""

    class Sets:
        def __init__(self, event):
            self.event = event

        def __del__(self):
            self.event.set()

    async def waits():
        event = asyncio.Event()
        sets = Sets(event)
        await event.wait()  # @waits_with_finalizer
        return sets

    start(waits(), "waits")


# -------------------------------------------------- what only others have


async def waits_and_sets(mine, others):
    await mine.wait()  # @waits_for_other
    others.set()


@planted(deadlock("first second", "@waits_for_other"), on=ASYNCIO, searched=True)
async def events_of_each_others():
    a, b = asyncio.Event(), asyncio.Event()
    start(waits_and_sets(a, b), "first")
    start(waits_and_sets(b, a), "second")


@planted(deadlock("first second", "@swaps"), on=ASYNCIO, searched=True)
async def queues_of_each_others():
    async def swap(mine, others):
        item = await mine.get()  # @swaps
        await others.put(item)

    a, b = asyncio.Queue(), asyncio.Queue()
    start(swap(a, b), "first")
    start(swap(b, a), "second")


@planted(deadlock("holder waiter", "@holder_waits", "@waiter_wants"), on=ASYNCIO, searched=True)
async def a_lock_and_an_event_crossed():
    async def hold():
        async with lock:
            await event.wait()  # @holder_waits

    async def wait():
        async with lock:  # @waiter_wants
            event.set()

    lock, event = asyncio.Lock(), asyncio.Event()
    start(hold(), "holder")
    await asyncio.sleep(0)
    start(wait(), "waiter")


@planted(deadlock("parent child", "@waits_for_parent", "@gathers_child"), on=ASYNCIO, searched=True)
async def an_event_that_is_set_after_who_waits_for_it():
    async def child(event):
        await event.wait()  # @waits_for_parent

    async def parent():
        event = asyncio.Event()
        await asyncio.gather(start(child(event), "child"))  # @gathers_child
        event.set()

    start(parent(), "parent")


class Connection:
    """Answers are futures in a dictionary; its lock is released by another method."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self.pending = {}

    async def begin(self):
        await self.lock.acquire()  # @begins

    def end(self):
        self.lock.release()

    async def ask(self):
        async with self.lock:
            self.pending[1] = asyncio.get_running_loop().create_future()
            await self.pending[1]  # @asks

    async def answer(self):
        async with self.lock:  # @answers
            self.pending.pop(1).set_result(None)


@planted(deadlock("asks answers", "@asks", "@answers"), on=ASYNCIO, searched=True)
async def an_answer_behind_the_lock_of_who_asks():
    connection = Connection()
    start(connection.ask(), "asks")
    await asyncio.sleep(0)
    start(connection.answer(), "answers")


@planted(deadlock("first second", "@begins"), on=ASYNCIO, searched=True)
async def two_locks_by_methods_of_their_owners():
    async def begins(one, other):
        await one.begin()
        await asyncio.sleep(0)
        await other.begin()
        other.end()
        one.end()

    a, b = Connection(), Connection()
    start(begins(a, b), "first")
    start(begins(b, a), "second")


@planted(
    deadlock("first third", "@first_arrives", "@third_wants"),
    on=ASYNCIO,
    behind=1,
    skip="asyncio has no Barrier before 3.11" if sys.version_info < (3, 11) else None,
    searched=True,
)
async def a_barrier_whose_last_party_wants_the_lock_of_another():
    async def first():
        async with lock:
            await barrier.wait()  # @first_arrives

    async def third():
        async with lock:  # @third_wants
            await barrier.wait()

    lock, barrier = asyncio.Lock(), asyncio.Barrier(3)
    start(first(), "first")
    start(barrier.wait(), "second")
    await asyncio.sleep(0)
    start(third(), "third")


class Service:
    """What a callback of a server would have."""

    def __init__(self):
        self.lock = asyncio.Lock()
        self.records = asyncio.Queue(1)

    async def transfer(self):
        async with self.lock:  # @service_holds
            while True:
                await self.records.put("record")  # @service_puts

    async def keep_journal(self):
        while True:
            await asyncio.sleep(0)
            async with self.lock:  # @journal_wants
                await self.records.get()


SERVICES = []


@planted(
    deadlock("transfer journal", "@service_puts", "@journal_wants", certain=False),
    on=ASYNCIO,
    behind=2,
)
async def a_lock_and_a_queue_crossed_as_in_the_bank():
    """Anybody who can reach the service could empty its queue; but only the journal ever does."""
    service = Service()
    SERVICES.append(service)
    start(service.transfer(), "transfer")
    await asyncio.sleep(0)
    start(service.keep_journal(), "journal")
    for _ in range(3):
        await asyncio.sleep(0)
    start(service.transfer(), "other-transfer")
    start(service.transfer(), "another-transfer")


# ----------------------------------------- what is reached through others


@planted(
    abandoned("first", "@waits_alone"),
    on=ASYNCIO,
    behind=2,
)
async def who_waits_for_an_abandoned_task():
    async def waits():
        await asyncio.Event().wait()  # @waits_alone

    async def joins(task):
        await task

    first = start(waits(), "first")
    second = start(joins(first), "second")
    start(joins(second), "third")


@planted(abandoned("first", "@never_done"), on=ASYNCIO, behind=1)
async def the_event_is_kept_by_an_abandoned_task():
    async def waits_with(kept):
        await asyncio.get_running_loop().create_future()  # @never_done
        kept.set()

    event = asyncio.Event()
    start(waits_with(event), "first")
    start(event.wait(), "second")


# ------------------------------------- what asyncio has, and wakes nobody


@planted(abandoned("waits", "@waits_in_generator"), on=ASYNCIO)
async def inside_of_an_asynchronous_generator():
    """A loop has weak references to all its asynchronous generators, to close them."""

    async def generate():
        future = asyncio.get_running_loop().create_future()
        yield await future  # @waits_in_generator

    async def waits():
        async for _ in generate():
            pass

    start(waits(), "waits")


@planted(abandoned("waits", "@waits_in_manager"), on=ASYNCIO)
async def inside_of_a_manager_that_has_the_event():
    @contextlib.asynccontextmanager
    async def manages():
        event = asyncio.Event()
        yield event
        event.set()

    async def waits():
        async with manages() as event:
            await event.wait()  # @waits_in_manager

    start(waits(), "waits")


VARIABLE = contextvars.ContextVar("VARIABLE")


@planted(abandoned("waits", "@waits_in_context"), on=ASYNCIO)
async def an_event_in_the_context_of_the_task():
    async def waits():
        VARIABLE.set(asyncio.Event())
        await VARIABLE.get().wait()  # @waits_in_context

    start(waits(), "waits")


@planted(abandoned("waits", "@waits_in_timeout_that_is_over"), on=ASYNCIO)
async def after_a_time_limit_that_is_over():
    """The limit was for something else."""

    async def waits():
        try:
            await asyncio.wait_for(asyncio.sleep(1000), 0.001)
        except asyncio.TimeoutError:
            pass
        await asyncio.Event().wait()  # @waits_in_timeout_that_is_over

    start(waits(), "waits")
    await asyncio.sleep(0.02)


@planted(
    abandoned("lost", "@waits_in_group"),
    on=ASYNCIO,
    skip="asyncio has no TaskGroup before 3.11" if sys.version_info < (3, 11) else None,
)
async def a_time_limit_in_the_block_of_its_group():
    """It ends what the block does, and not the group."""

    async def lost():
        await asyncio.Event().wait()  # @waits_in_group

    async def parent():
        async with asyncio.TaskGroup() as group:
            group.create_task(lost(), name="lost")
            async with asyncio.timeout(1000):
                await asyncio.sleep(1000)

    start(parent(), "parent")


@planted(abandoned("waits", "@waits_with_a_child_that_is_done"), on=ASYNCIO)
async def with_a_child_that_is_done():
    async def sets(event):
        return event

    async def waits():
        event = asyncio.Event()
        child = start(sets(asyncio.Event()), "child")
        await child
        await event.wait()  # @waits_with_a_child_that_is_done

    start(waits(), "waits")


# ------------------------------------------------ held and waited for in other ways


@planted(deadlock("first second", "@enters_stack"), on=ASYNCIO)
async def two_locks_in_exit_stacks():
    async def enters_by_stack(first, second):
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(first)
            await asyncio.sleep(0)
            await stack.enter_async_context(second)  # @enters_stack

    a, b = asyncio.Lock(), asyncio.Lock()
    start(enters_by_stack(a, b), "first")
    start(enters_by_stack(b, a), "second")


@planted(deadlock("first second", "@locked_by_manager"), on=ASYNCIO)
async def two_locks_in_managers_of_the_programs_own():
    @contextlib.asynccontextmanager
    async def locked(lock):
        async with lock:  # @locked_by_manager
            yield

    async def enters_managers(first, second):
        async with locked(first):
            await asyncio.sleep(0)
            async with locked(second):
                pass

    a, b = asyncio.Lock(), asyncio.Lock()
    start(enters_managers(a, b), "first")
    start(enters_managers(b, a), "second")


@planted(deadlock("first second", "@waits_without_limit"), on=ASYNCIO, searched=True)
async def a_time_limit_that_is_none():
    async def enters_without_limit(first, second):
        async with first:
            await asyncio.sleep(0)
            await asyncio.wait_for(second.acquire(), None)  # @waits_without_limit

    a, b = asyncio.Lock(), asyncio.Lock()
    start(enters_without_limit(a, b), "first")
    start(enters_without_limit(b, a), "second")


@planted(deadlock("parent left right", "@any_of_them"), on=ASYNCIO)
async def any_of_several_that_are_all_stuck():
    async def parent():
        async with lock:
            others = [start(wants(lock), "left"), start(wants(lock), "right")]
            await asyncio.wait(others, return_when="FIRST_COMPLETED")  # @any_of_them

    lock = asyncio.Lock()
    start(parent(), "parent")


@planted(abandoned("waits", "@wants_lock_of_ended"), on=ASYNCIO)
async def a_lock_whose_holder_has_ended():
    async def takes(lock):
        await lock.acquire()

    async def waits(lock):
        await lock.acquire()  # @wants_lock_of_ended

    lock = asyncio.Lock()
    await start(takes(lock), "takes")
    start(waits(lock), "waits")


@planted(deadlock("holder other", "@other_wants"), on=ASYNCIO, behind=3)
async def others_stand_in_line_for_both():
    """Those in line before and after them are not to blame."""

    async def hold(first, second):
        async with first:
            await go.wait()
            async with second:  # @other_wants
                pass

    a, b, go = asyncio.Lock(), asyncio.Lock(), asyncio.Event()
    start(hold(a, b), "holder")
    start(hold(b, a), "other")
    await asyncio.sleep(0)
    start(wants(a), "in-line-1")
    start(wants(b), "in-line-2")
    start(wants(a), "in-line-3")
    await asyncio.sleep(0)
    go.set()


@planted(deadlock("one other", "@wants_another_permit", certain=False), on=ASYNCIO)
async def permits_that_somebody_could_add():
    """Anybody may release a semaphore; a timer has its method. That can't be called certain."""

    async def works():
        async with permits:
            await asyncio.sleep(0)
            async with permits:  # @wants_another_permit
                pass

    permits = asyncio.Semaphore(2)
    start(works(), "one")
    start(works(), "other")
    asyncio.get_running_loop().call_later(1000, permits.release)
