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
    """A library that has tasks. Derive a class from it, and pass that to `register_runtime`.

    `loops` and `tasks` are required. Without another method, or if it raises an exception, only its
    detail is missing. The methods must not change anything, take a lock, or run code of the
    program. An object is created for each snapshot, so it may remember what it has found.

    The page "customizing" of the documentation builds one from an empty file.
    """

    def types(self) -> Sequence[type]:
        """The types of loops that have to be found by `Survey.instances`."""
        return ()

    def loops(self, survey: Survey) -> List[Any]:
        """Find the event loops, runs or the like.

        Args:
            survey: What can be seen of the process.

        Returns:
            The loops, as objects of the library.
        """
        raise NotImplementedError

    def tasks(self, loop: Any) -> List[Any]:
        """Find the tasks of a loop that aren't done.

        Args:
            loop: One of `loops`.

        Returns:
            The tasks, as objects of the library.
        """
        raise NotImplementedError

    def thread(self, loop: Any, survey: Survey) -> Optional[int]:
        """Find the thread that a loop runs in.

        Args:
            loop: One of `loops`.
            survey: What can be seen of the process.

        Returns:
            The identifier of the thread, as `threading.get_ident` gives it; ``None`` if it isn't
            known.
        """
        return None

    def is_running(self, loop: Any) -> bool:
        """Find out whether a loop is running.

        Args:
            loop: One of `loops`.

        Returns:
            Whether it is running in any thread.
        """
        return True

    def current(self, loop: Any) -> object:
        """Find the task that a loop is running now.

        Args:
            loop: One of `loops`.

        Returns:
            The task; ``None`` if there is none.
        """
        return None

    def failed(self, loop: Any) -> List[Tuple[object, BaseException]]:
        """Find the tasks that have ended with an exception that nobody has retrieved.

        Args:
            loop: One of `loops`.

        Returns:
            The tasks, each with its exception.
        """
        return []

    def to_begin(self, loop: Any) -> List[object]:
        """Find the coroutines that a loop has to start, and for which it has no task yet.

        Args:
            loop: One of `loops`.

        Returns:
            The coroutines.
        """
        return []

    def seconds_late(self, loop: Any) -> Optional[float]:
        """Find out for how long the first timer of a loop has been overdue.

        Args:
            loop: One of `loops`.

        Returns:
            The seconds, which are negative if the timer isn't due yet; ``None`` if there is no
            timer, or if this isn't known.
        """
        return None

    def task_name(self, task: Any) -> str:
        """Find the name of a task. It may also be asked outside a snapshot.

        Args:
            task: The task.

        Returns:
            Its name; its representation, if the library has no names for tasks.
        """
        return safe_repr(task)

    def owner(self, task: Any) -> Tuple[object, object]:
        """Find the task group or nursery that a task was started in.

        It is asked only for tasks that are not among the children of any context.

        Args:
            task: The task.

        Returns:
            The task group or nursery, and the task that has opened it. Both may be ``None``.
        """
        return None, None

    def state(self, task: Any, stack: Stack) -> str:
        """Find the state of a task that isn't running.

        Args:
            task: The task.
            stack: Its stack.

        Returns:
            The state, in one of the words of `TaskNode`.
        """
        return "waiting"

    def cancel_reason(self, task: Any) -> Optional[str]:
        """Find out why a task is being cancelled.

        Args:
            task: The task.

        Returns:
            The reason; ``None`` if nobody has given one.
        """
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
    """Let `extract_all` show the tasks of a library.

    Args:
        name: The name of the library, such as ``"trio"``. A runtime with the same name is replaced.
        noun: What to call its loops: ``"trio run"``.
        task_types: The types of its tasks. Subclasses are included.
        factory: A class derived from `Runtime`. It is called without arguments for each snapshot.

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
    """Something with a stack that is neither a task nor a thread. Finders return it.

    `register_finder` has an example.

    Args:
        item: The stack item, such as a greenlet.
        name: What to call it.
        state: What it does, in one word: ``"suspended"``.
        owner: The item that it belongs to, or the identifier of its thread; ``None`` if neither is
            known.
        is_running: Whether it is running. Its frames are then those of its thread, or it has none.

    Attributes:
        called_by: The frame that continues when a running item ends; ``None`` if that isn't known.
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
    """Let `extract_all` find other things that have stacks, besides tasks and threads.

    Args:
        kind: What they are, in one word: ``"greenlet"``. A finder of the same kind is replaced.
        types: Returns their types. ``find`` can ask the survey for instances of these.
        find: Returns the items.
        asks_survey: Whether ``find`` asks the survey for instances. Searching for them takes time.

    Example:
        >>> class Fiber:
        ...     def __init__(self, generator):
        ...         self.generator = generator
        >>> @unwrap_stackitem.register(Fiber)
        ... def unwrap_fiber(fiber):
        ...     return fiber.generator
        >>> def find_fibers(survey):
        ...     fibers = survey.instances([Fiber])
        ...     return [FoundItem(fiber, "a fiber", "suspended") for fiber in fibers]
        >>> register_finder("fiber", lambda: [Fiber], find_fibers)
        >>> fiber = Fiber(n for n in range(3))
        >>> [node.name for node in extract_all().items if node.kind == "fiber"]
        ['a fiber']
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
