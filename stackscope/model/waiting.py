"""What something waits for: data, of which `stackscope.render.waits` makes words."""

from __future__ import annotations

from stackscope.model.records import new, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List, Optional

    from stackscope.model.stacks import Frame

__all__ = ["Amount", "Waiting"]


@record
class Amount:
    """A number of things, such as "2 of 10 items".

    Args:
        number: How many there are.
        noun: What they are, in the singular: ``"item"``.
        total: How many there can be; ``None`` if there is no limit, or it isn't known.
        plural: The plural of ``noun``, if it isn't ``noun`` with an "s".

    Example:
        >>> print(Waiting("Queue.put()", amounts=[Amount(10, "item", 10)]))
        Queue.put(): 10 of 10 items
    """

    number: int
    noun: str
    total: Optional[float] = None
    plural: Optional[str] = None


@record
class Waiting:
    """What a task, thread or greenlet waits for.

    Hooks fill it in. ``None``, an empty string and an empty list mean that nothing is known.

    Args:
        call: The call that waits, such as ``"Lock.acquire()"``; empty if an object is awaited
            directly.
        obj: The object that is waited for, such as a lock, a queue, a task or a future.
        tasks: The tasks that have to finish first. Futures that stand for others, such as those of
            ``gather()`` and ``shield()``, are followed; a future stands here itself if no more is
            known of it. Several waits may share this list, ``holders`` and ``workers``: replace
            these lists, but don't change them.
        needs_all: Whether all of ``tasks`` have to finish. Otherwise the first one to finish ends
            the wait.
        lock: The lock, semaphore or the like that somebody else has to release.
        holders: The tasks, threads and greenlets that hold ``lock``.
        holder_names: The names of tasks that hold it, if their library tells only the names.
        seconds_left: The seconds until the time is up; negative if it is overdue.
        deadline: When the time is up, by a clock that the program itself has defined and that isn't
            called, in the units of that clock.
        clock: Whose clock that is: ``"loop"``, ``"run"``.
        place: The place in the line of waiters, counted from 1.
        count: How many wait for the same object, this one included.
        amounts: Other numbers, such as how full a queue is.
        other_end: How many tasks are at the other end of a channel. They may end the wait.
        resource: What it waits for outside the program: ``"127.0.0.1:8080"``, ``"process 71"``.
        processes: The numbers of the child processes that may end the wait.
        thread: The name of the thread that does the work.
        thread_number: The number of that thread, if others have the same name.
        workers: The threads that do the work, or that are busy with earlier work of the same pool.
        function: The C function that such a thread is in. It has no frame.
        pool: The name of the pool that is to do the work, if all its workers are busy.
        ahead: How many workers are busy with earlier work of the pool.
        loop_thread: The name of the thread of another event loop that is to do the work.
        parts: What else it waits for at the same time, besides tasks, such as calls in threads.
        awaiting: The frame that awaits ``obj``, if nothing else is known.
        notes: Other remarks, in the words of the library: ``"cancelled"``.
        inner: The wait inside this one, if it tells more.
        is_wrapper: Whether this wait adds nothing to ``inner``.
        is_time_limit: Whether this wait only limits the time of ``inner``, as ``wait_for()`` does.
        holders_are_likely: Whether ``holders`` are not proved, only likely: their code has called
            ``acquire()`` and will call ``release()``; or they are inside a block that this one is
            about to enter.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     event = asyncio.Event()
        ...     task = asyncio.ensure_future(event.wait())
        ...     await asyncio.sleep(0)
        ...     waiting = describe_wait(extract(task))
        ...     task.cancel()
        ...     return waiting.call, waiting.obj is event, waiting.count
        >>> asyncio.run(main())
        ('Event.wait()', True, 1)
    """

    _is_sparse = True  # there are as many as tasks, and most fields are as by default
    call: str = ""
    obj: object = None
    tasks: List[object] = new(list)
    needs_all: bool = True
    lock: object = None
    holders: List[object] = new(list)
    holder_names: List[str] = new(list)
    seconds_left: Optional[float] = None
    deadline: Optional[float] = None
    clock: str = "loop"
    place: Optional[int] = None
    count: Optional[int] = None
    amounts: List[Amount] = new(list)
    other_end: Optional[Amount] = None
    resource: Optional[str] = None
    processes: List[int] = new(list)
    thread: Optional[str] = None
    thread_number: Optional[int] = None
    workers: List[object] = new(list)
    function: Optional[str] = None
    pool: Optional[str] = None
    ahead: Optional[Amount] = None
    loop_thread: Optional[str] = None
    parts: List[Waiting] = new(list)
    awaiting: Optional[Frame] = None
    notes: List[str] = new(list)
    inner: Optional[Waiting] = None
    is_wrapper: bool = False
    is_time_limit: bool = False
    holders_are_likely: bool = False

    @property
    def text(self) -> str:
        """The call that waits or the object that is awaited, in a few words."""
        from stackscope.render.waits import wait_in_brief

        return wait_in_brief(self)

    @property
    def detail(self) -> str:
        """Details of the wait, such as ``"2nd of 3 waiters"``; empty if none are known."""
        from stackscope.render.waits import wait_detail

        return wait_detail(self)

    def __str__(self) -> str:
        from stackscope.render.waits import wait_sentence

        return wait_sentence(self)

    def layers(self) -> Iterator[Waiting]:
        """This wait and those inside it, outermost first. Gives an iterator."""
        wait: Optional[Waiting] = self
        while wait is not None:
            yield wait
            wait = wait.inner

    def clear(self) -> None:
        """For hooks: forget what inner calls have told, but keep the object and its holders."""
        fields = vars(self)
        for name in _OF_CALLS:
            fields.pop(name, None)

    def wrap(self) -> None:
        """For hooks: make what is known so far the ``inner`` wait, and begin an outer one."""
        inner = Waiting(**vars(self))
        self.clear()
        self.call, self.inner = "", inner


_OF_CALLS = (
    *("ahead", "amounts", "awaiting", "count", "deadline", "function", "inner", "is_time_limit"),
    *("is_wrapper", "loop_thread", "notes", "other_end", "parts", "place", "pool", "processes"),
    *("resource", "seconds_left", "thread", "thread_number", "workers"),
)
"""What `Waiting.clear` forgets."""
