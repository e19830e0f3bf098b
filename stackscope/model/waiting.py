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
        total: How many there are, or may be, in all.
        plural: The plural of ``noun``, if it is other than with an "s".
    """

    number: int
    noun: str
    total: Optional[float] = None
    plural: Optional[str] = None


@record
class Waiting:
    """What something waits for.

    Args:
        call: The call that waits, such as ``"Lock.acquire()"``; empty if it waits for something
            directly.
        obj: What is waited on, such as a lock, a queue, a task or a future; ``None`` if that is
            unknown.
        tasks: The tasks that have to finish first, as far as they are known, and the futures of
            which no more is known. Futures that stand for others, as those of ``gather()`` and
            ``shield()`` do, are followed. Those that wait for the same future have one list in
            common, as they have of ``holders`` and ``workers``: replace it, but don't change it.
        needs_all: Whether all of ``tasks`` have to finish; else the first one to finish ends the
            wait.
        lock: What somebody else has to let go of, if it is a lock, a semaphore or the like.
        holders: The tasks, threads and greenlets that have ``lock``, as far as they are known.
        holder_names: The names of tasks that have it, where their library tells nothing else of
            them.
        seconds_left: The seconds until time is up; negative if that should have been before.
        deadline: The time when it is up, by a clock of the program's own, which is not asked.
        clock: Whose clock that is: ``"loop"``, ``"run"``.
        place: The place in the line of those that wait for the same, counted from 1.
        count: How many wait for the same, this one included.
        amounts: Other numbers, such as how full a queue is.
        other_end: How many there are at the other end of a channel, who may end the wait.
        resource: What outside of the program it waits for: ``"127.0.0.1:8080"``, ``"process 71"``.
        processes: The numbers of the processes that may end it, where these are children of this
            one.
        thread: The name of the thread that does what it waits for.
        thread_number: The number of that thread, if others have the same name.
        workers: The threads that do it, or that are busy with what comes before it in the queue of
            a pool.
        function: The function that such a thread is in, if that is one in C, which has no frame.
        pool: The name of the pool that is to do it, and whose workers are all busy.
        ahead: How many those are, as far as they are known.
        loop_thread: The name of the thread of the other event loop that is to do it.
        parts: What else it waits for at the same time, beside tasks: such as calls in threads.
        awaiting: The frame that awaits ``obj``, if nothing is known about that.
        notes: What else there is to say, in the words of its library: ``"cancelled"``.
        inner: The wait that this one is made of, where that tells more.
        is_wrapper: Whether this one only stands around ``inner``, which is all that matters.
        is_time_limit: Whether this one only limits the time of ``inner``, as ``wait_for()`` does.
        holders_are_likely: Whether it is only likely that ``holders`` have it: they have called its
            ``acquire()``, and will call its ``release()``, as far as their code tells; or they have
            entered what this one is about to enter.
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
        """The call that waits, or what is awaited, in a few words."""
        from stackscope.render.waits import wait_in_brief

        return wait_in_brief(self)

    @property
    def detail(self) -> str:
        """More about it, such as ``"2nd of 3 waiters"``; empty if nothing is known."""
        from stackscope.render.waits import wait_detail

        return wait_detail(self)

    def __str__(self) -> str:
        from stackscope.render.waits import wait_sentence

        return wait_sentence(self)

    def layers(self) -> Iterator[Waiting]:
        """This wait, and those inside of it."""
        wait: Optional[Waiting] = self
        while wait is not None:
            yield wait
            wait = wait.inner

    def clear(self) -> None:
        """For hooks: forget the details of the calls below, but not what is waited for."""
        fields = vars(self)
        for name in _OF_CALLS:
            fields.pop(name, None)

    def wrap(self) -> None:
        """For hooks: make what the calls below have told the ``inner`` wait of what comes now."""
        inner = Waiting(**vars(self))
        self.clear()
        self.call, self.inner = "", inner


_OF_CALLS = (
    *("ahead", "amounts", "awaiting", "count", "deadline", "function", "inner", "is_time_limit"),
    *("is_wrapper", "loop_thread", "notes", "other_end", "parts", "place", "pool", "processes"),
    *("resource", "seconds_left", "thread", "thread_number", "workers"),
)
"""What `Waiting.clear` forgets."""
