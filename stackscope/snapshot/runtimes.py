"""What glue tells of libraries that have tasks, and of other things that have stacks.

A library with tasks is described by a `Runtime`, which `register_runtime` makes known; things like
greenlets are found by a function that `register_finder` makes known.
"""

from __future__ import annotations

from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import is_instance
from stackscope.safe.text import safe_repr
from stackscope.snapshot.survey import unique

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    from stackscope.model.stacks import Stack
    from stackscope.snapshot.survey import Survey

__all__ = [
    "Asked",
    "FoundItem",
    "Runtime",
    "found_by",
    "is_task",
    "known_finders",
    "make_runtimes",
    "name_of_task",
    "register_finder",
    "register_runtime",
    "types_of",
]


class Runtime:
    """A library that has tasks: to be derived from, and told to `register_runtime`.

    `loops` and `tasks` have to be there. Leaving out another one loses only the detail that it
    gives, and so does an error in it, as a strange version of the library may cause. None of them
    may change anything, take a lock, or run code of the program.

    An object is made for each snapshot, and may remember what it has found so far.
    """

    def types(self) -> Sequence[type]:
        """The types of loops that only the garbage collector knows; see `Survey.instances`."""
        return ()

    def loops(self, survey: Survey) -> List[Any]:
        """All event loops, runs or the like that are worth looking at.

        Args:
            survey: What can be seen of the process.
        """
        raise NotImplementedError

    def tasks(self, loop: Any) -> List[Any]:
        """The tasks of a loop that are not done."""
        raise NotImplementedError

    def thread(self, loop: Any, survey: Survey) -> Optional[int]:
        """The identifier of the thread that a loop runs in, as `threading.get_ident` gives it."""
        return None

    def is_running(self, loop: Any) -> bool:
        """Whether a loop runs in any thread."""
        return True

    def current(self, loop: Any) -> object:
        """The task that a loop is running now, if any."""
        return None

    def failed(self, loop: Any) -> List[Tuple[object, BaseException]]:
        """The tasks that have ended with an exception that nobody has asked for, with these."""
        return []

    def to_begin(self, loop: Any) -> List[object]:
        """The coroutines that a loop has been given to begin, and of which it has no task yet."""
        return []

    def seconds_late(self, loop: Any) -> Optional[float]:
        """For how long a loop hasn't got to what it should have done by now.

        That is how much the first of its timers is overdue, which may be less than nothing. It is
        ``None`` if it has no timer, or this isn't known.
        """
        return None

    def task_name(self, task: Any) -> str:
        """The name of a task.

        Its representation, if a library gives no names. It is also asked apart from a snapshot, of
        an object that was made for nothing else.
        """
        return safe_repr(task)

    def owner(self, task: Any) -> Tuple[object, object]:
        """The task group or nursery that a task was started in, and the task that opened that.

        It is asked only if no context of another task has this one among its children.
        """
        return None, None

    def state(self, task: Any, stack: Stack) -> str:
        """The state of a task that is not the current one, as `TaskNode.state` has it."""
        return "waiting"

    def cancel_reason(self, task: Any) -> Optional[str]:
        """Why a task is being cancelled, as far as somebody has said so."""
        return None


class RegisteredRuntime:
    """What `register_runtime` was told."""

    __slots__ = ("factory", "name", "noun", "task_types")

    def __init__(
        self, name: str, noun: str, task_types: Sequence[type], factory: Callable[[], Runtime]
    ) -> None:
        self.name: str = name
        self.noun: str = noun
        self.task_types: Tuple[type, ...] = tuple(task_types)
        self.factory: Callable[[], Runtime] = factory


_runtimes: Dict[str, RegisteredRuntime] = {}


def register_runtime(
    name: str, noun: str, task_types: Sequence[type], factory: Callable[[], Runtime]
) -> None:
    """Have `extract_all` show the tasks of a library.

    Args:
        name: The library, such as ``"trio"``. It replaces what was registered by the same name.
        noun: What to call a loop of it: ``"trio run"``.
        task_types: The types of its tasks. Instances of classes derived from them are tasks as
            well.
        factory: Makes what describes the library, once for each snapshot: a class derived from
            `Runtime`.

    Example:
        >>> class Job:
        ...     pass
        >>> class Crew:
        ...     jobs = [Job()]
        >>> class Crews(Runtime):
        ...     def types(self):
        ...         return [Crew]
        ...     def loops(self, survey):
        ...         return survey.instances(self.types())
        ...     def tasks(self, loop):
        ...         return list(loop.jobs)
        ...     def task_name(self, task):
        ...         return "a job"
        >>> register_runtime("docs", "crew", [Job], Crews)
        >>> crew = Crew()
        >>> [task.name for task in extract_all().tasks()]
        ['a job']
        >>> del crew
    """
    _runtimes[name] = RegisteredRuntime(name, noun, task_types, factory)


def known_runtimes() -> List[RegisteredRuntime]:
    """The libraries with tasks, in the order in which they were registered."""
    return list(_runtimes.values())


def is_task(obj: object) -> bool:
    """Whether an object is a task of a library that is known."""
    return any(is_instance(obj, known.task_types) for known in known_runtimes())


def name_of_task(obj: object) -> Optional[str]:
    """What its library calls a task; ``None`` if ``obj`` is no task that is known."""
    for known in known_runtimes():
        if is_instance(obj, known.task_types):
            asked = _asked(known)
            return "?" if asked is None else asked.task_name(obj)
    return None


class FoundItem:
    """Something with a stack that is neither a task nor a thread, as a finder gives it.

    Args:
        item: The stack item, such as a greenlet.
        name: What to call it.
        state: What it does, in a word: ``"suspended"``.
        owner: The item that it belongs to, or the identifier of the thread that it lives in, if
            known.
        is_running: Whether it is running, so that its frames are those of its thread, or has none.

    Attributes:
        called_by: The frame that goes on when one that is running ends, if that is known.
    """

    __slots__ = ("called_by", "is_running", "item", "name", "owner", "state")

    def __init__(
        self,
        item: object,
        name: str,
        state: str,
        owner: object = None,
        *,
        is_running: bool = False,
    ) -> None:
        self.item: object = item
        self.name: str = name
        self.state: str = state
        self.owner: object = owner
        self.is_running: bool = is_running
        self.called_by: Optional[FrameType] = None


class RegisteredFinder:
    """What `register_finder` was told."""

    __slots__ = ("asks_survey", "find", "kind", "types")

    def __init__(
        self,
        kind: str,
        types: Callable[[], Sequence[type]],
        find: Callable[[Survey], List[FoundItem]],
        asks_survey: bool,
    ) -> None:
        self.asks_survey: bool = asks_survey
        self.kind: str = kind
        self.types: Callable[[], Sequence[type]] = types
        self.find: Callable[[Survey], List[FoundItem]] = find


_finders: Dict[str, RegisteredFinder] = {}


def register_finder(
    kind: str,
    types: Callable[[], Sequence[type]],
    find: Callable[[Survey], List[FoundItem]],
    *,
    asks_survey: bool = True,
) -> None:
    """Have `extract_all` look for things that have stacks, beside tasks and threads.

    Args:
        kind: What these are, in one word such as ``"greenlet"``. It replaces a finder of the same
            kind.
        types: Gives their types, whose instances ``find`` may ask the survey for.
        find: Finds them.
        asks_survey: Whether it does. That the survey searches for them takes long.
    """
    _finders[kind] = RegisteredFinder(kind, types, find, asks_survey)


def known_finders() -> List[RegisteredFinder]:
    """The finders, in the order in which they were registered."""
    return list(_finders.values())


def kind_of_item(obj: object) -> str:
    """What something is that a finder has found: ``"greenlet"``."""
    for finder in known_finders():
        if is_instance(obj, types_of(finder.types)):
            return finder.kind
    return "item"


# -------------------------------------------------------------------- to be asked
#
# What glue can't tell, or tells in a wrong form, is not known.


class Asked:
    """A runtime, asked with care.

    Args:
        registered: What is said of its library.
        runtime: What tells of its tasks.
    """

    def __init__(self, registered: RegisteredRuntime, runtime: Runtime) -> None:
        self.name: str = registered.name
        self.noun: str = registered.noun
        self.runtime = runtime

    def types(self) -> List[type]:
        """See `Runtime.types`, as for all these methods."""
        return types_of(self.runtime.types)

    def loops(self, survey: Survey) -> List[Any]:
        """The loops, each of them once."""
        return attempt([], lambda: unique(self.runtime.loops(survey)))  # type: ignore[no-any-return]

    def tasks(self, loop: object) -> List[Any]:
        """The tasks of a loop, each of them once."""
        return attempt([], lambda: unique(self.runtime.tasks(loop)))  # type: ignore[no-any-return]

    def thread(self, loop: object, survey: Survey) -> Optional[int]:
        """The thread of a loop."""
        ident = attempt(None, self.runtime.thread, loop, survey)
        return ident if type(ident) is int else None

    def is_running(self, loop: object) -> bool:
        """Whether a loop runs."""
        return attempt(False, lambda: bool(self.runtime.is_running(loop)))  # type: ignore[no-any-return]

    def current(self, loop: object) -> object:
        """The task that runs in a loop."""
        return attempt(None, self.runtime.current, loop)  # type: ignore[no-any-return]

    def failed(self, loop: object) -> List[Tuple[object, BaseException]]:
        """The tasks that failed, and that nobody has asked."""
        return attempt([], lambda: list(self.runtime.failed(loop)))  # type: ignore[no-any-return]

    def to_begin(self, loop: object) -> List[object]:
        """What a loop has still to begin."""
        return attempt([], lambda: list(self.runtime.to_begin(loop)))  # type: ignore[no-any-return]

    def seconds_late(self, loop: object) -> Optional[float]:
        """For how long a loop is late; ``None`` if it isn't."""
        late = attempt(None, self.runtime.seconds_late, loop)
        return late if type(late) is float and late > 0 else None

    def task_name(self, task: object) -> str:
        """The name of a task."""
        return _text_or("?", self.runtime.task_name, task)

    def owner(self, task: object) -> Tuple[object, object]:
        """What a task was started in, and the task that opened that."""
        return attempt((None, None), self._owner, task)  # type: ignore[no-any-return]

    def _owner(self, task: object) -> Tuple[object, object]:
        owner, opener = self.runtime.owner(task)
        return owner, opener

    def state(self, task: object, stack: Stack) -> str:
        """The state of a task."""
        return _text_or("?", self.runtime.state, task, stack)

    def cancel_reason(self, task: object) -> Optional[str]:
        """Why a task is being cancelled."""
        return _text_or("", self.runtime.cancel_reason, task) or None


def make_runtimes() -> List[Asked]:
    """What is known of all libraries with tasks, for one snapshot."""
    made = map(_asked, known_runtimes())
    return [asked for asked in made if asked is not None]


def _asked(known: RegisteredRuntime) -> Optional[Asked]:
    runtime = attempt(None, known.factory)
    return None if runtime is None else Asked(known, runtime)


def types_of(tell: Callable[[], Any]) -> List[type]:
    """The types that glue wants to have all instances of."""
    return [cls for cls in attempt((), lambda: list(tell())) if is_instance(cls, (type,))]


def found_by(finder: RegisteredFinder, survey: Survey) -> List[FoundItem]:
    """What a finder finds."""
    found = attempt((), lambda: list(finder.find(survey)))
    items = [one for one in found if is_instance(one, (FoundItem,))]
    return [
        one for one in items if is_instance(one.name, (str,)) and is_instance(one.state, (str,))
    ]


def _text_or(default: str, tell: Callable[..., Any], *args: object) -> str:
    text = attempt(default, tell, *args)
    return str.__str__(text) if is_instance(text, (str,)) else default
