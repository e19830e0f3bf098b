"""What a diagnosis can't do so far: the rows of planted programs that it tells too little of.

Each entry says exactly what is found today. When more is found, its test fails: take it out then.
Nothing false stands here: what is told of these programs is less than could be proved.
"""

from __future__ import annotations

import sys

VERSION = sys.version_info[:2]

NO_SEARCH = "nobody searches for who could end the wait of a thread: it is taken as live"
NO_GREENLETS = "nobody searches for who could end the wait of a greenlet: it is taken as live"
ON_TRIO = "what anyio has of a task of trio is taken as alive, by what isn't known yet"
ANY_SEMAPHORE = "it isn't proved that nobody else has what lets a semaphore go on"


class Shortfall:
    """What a diagnosis tells too little of.

    Args:
        why: The reason.
        says: The problems that a row has today; any of several if they aren't always the same.
        versions: The versions of Python that it concerns; ``None`` for all.
        runtimes: The runtimes; ``None`` for all.
        is_steady: Whether it falls short each time. If not, all may be found as well.
    """

    def __init__(self, why, *says, versions=None, runtimes=None, is_steady=True):
        self.why = why
        self.says = says
        self.versions = versions
        self.runtimes = runtimes
        self.is_steady = is_steady

    def allows(self, problems):
        """Whether a row says what is known of it."""
        if not problems:
            return not self.is_steady
        return len(problems) == 1 and problems[0] in self.says

    def concerns(self, runtime):
        """Whether it is so on this interpreter, in this runtime."""
        return (self.versions is None or VERSION in self.versions) and (
            self.runtimes is None or runtime in self.runtimes
        )


def missed(what):
    """That something isn't found."""
    return f"found 0 times: {what}"


def less(what):
    """That something is told that isn't what should be."""
    return f"not expected: {what}"


SHORTFALLS = {
    "planted.in_threads.one_semaphore_twice": Shortfall(
        ANY_SEMAPHORE, less("likely deadlock of itself")
    ),
    "planted.in_threads.a_future_nobody_has": Shortfall(NO_SEARCH, missed("abandoned of waits")),
    "planted.in_threads.an_event_nobody_has": Shortfall(NO_SEARCH, missed("abandoned of waits")),
    "planted.in_threads.a_condition_nobody_notifies": Shortfall(
        NO_SEARCH, missed("abandoned of waits")
    ),
    "planted.in_threads.a_queue_nobody_has": Shortfall(NO_SEARCH, missed("abandoned of consumer")),
    "planted.in_threads.a_full_queue_whose_consumer_has_returned": Shortfall(
        NO_SEARCH, missed("abandoned of producer")
    ),
    "planted.in_threads.a_barrier_that_nobody_else_reaches": Shortfall(
        NO_SEARCH, missed("abandoned of waits")
    ),
    "planted.in_threads.events_of_each_others": Shortfall(
        NO_SEARCH, missed("deadlock of first, second")
    ),
    "planted.in_threads.a_lock_whose_holder_has_ended": Shortfall(
        NO_SEARCH, missed("abandoned of waits")
    ),
    "planted.in_threads.two_locks_by_acquire": Shortfall(
        "up to 3.9 it isn't read from a frame which lock it has called acquire() of",
        missed("deadlock of first, second"),
        versions=[(3, 8), (3, 9)],
    ),
    "planted.on_gevent.an_event_nobody_has": Shortfall(NO_GREENLETS, missed("abandoned of waits")),
    "planted.on_gevent.events_of_each_others": Shortfall(
        NO_GREENLETS, missed("deadlock of first, second")
    ),
    "planted.on_gevent.one_semaphore_twice": Shortfall(
        ANY_SEMAPHORE, less("likely deadlock of itself")
    ),
    "planted.on_gevent.two_semaphores": Shortfall(
        ANY_SEMAPHORE, less("likely deadlock of first, second")
    ),
    "planted.on_asyncio.a_full_queue_whose_consumer_has_failed": Shortfall(
        "the exception of the consumer's task has the frame that has the queue",
        missed("abandoned of producer"),
    ),
    "planted.on_anyio.a_receiver_whose_sender_nobody_has": Shortfall(
        ON_TRIO, missed("certain abandoned of receiver"), runtimes=["anyio-trio"]
    ),
    "planted.on_anyio.a_condition_nobody_notifies": Shortfall(
        ON_TRIO,
        missed("certain abandoned of waits"),
        runtimes=["anyio-trio"],
        versions=[(3, 8), (3, 9)],
    ),
}
"""By the names of the programs."""


def known_of(name, runtime):
    """The entry of a row; ``None`` if it has none here."""
    entry = SHORTFALLS.get(name)
    return entry if entry is not None and entry.concerns(runtime) else None
