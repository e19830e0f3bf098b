"""What a diagnosis can't do so far: the rows of planted programs that it tells too little of.

Each entry says exactly what is found today. When more is found, its test fails: take it out then.
Nothing false stands here: what is told of these programs is less than could be proved.
"""

from __future__ import annotations

import sys

VERSION = sys.version_info[:2]

IN_C = "a compiled function has a bound method of the queue in a variable, which nobody can tell of"


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
    "planted.on_gevent.a_queue_nobody_has": Shortfall(IN_C, missed("certain abandoned of gets")),
}
"""By the names of the programs."""


def known_of(name, runtime):
    """The entry of a row; ``None`` if it has none here."""
    entry = SHORTFALLS.get(name)
    return entry if entry is not None and entry.concerns(runtime) else None
