"""What the glue of several libraries has in common, such as finding functions."""

from __future__ import annotations

import _socket
import math
from types import ModuleType
from typing import NamedTuple, Optional

from stackscope.extraction.codes import get_code
from stackscope.extraction.extraction import looked_up_once
from stackscope.extraction.hooks import customize
from stackscope.interpreter.frames.variables import local_value
from stackscope.model.waiting import Amount
from stackscope.safe.interruptions import attempt
from stackscope.safe.objects import is_instance
from stackscope.safe.text import cut, safe_repr
from stackscope.snapshot.numbers import thread_numbers
from stackscope.snapshot.threads import name_of_thread, names_of_several, thread_with_number
from stackscope.snapshot.waits import describe_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Iterable, List

    from stackscope.model.stacks import Frame
    from stackscope.model.waiting import Waiting

    Describer = Callable[[Frame, Waiting], Optional[bool]]

# ------------------------------------------------------------ finding functions


def code_of(owner: object, path: str) -> Optional[CodeType]:
    """The code of a function that some version of a library may lack.

    Args:
        owner: The module or class that it is in.
        path: Its name there, and the names of functions inside it: ``"Lock.acquire"``,
            ``"run.callback"``.

    Returns:
        The code; ``None`` if there is no such function, if it isn't written in Python, or if it is
        another package's.
    """
    thing: Any = owner
    names = path.split(".")
    while names and hasattr(thing, names[0]):
        thing = getattr(thing, names.pop(0))
    if thing is owner or _package(thing) not in ("", _package(owner)):
        return None
    try:
        return get_code(thing, *names)  # what is left is defined inside a function
    except (TypeError, ValueError):
        return None


def _package(thing: object) -> str:
    name = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
    return name.partition(".")[0] if type(name) is str else ""


def hide_functions(owner: object, paths: Iterable[str]) -> None:
    """Hide the frames of functions, as far as there are such; see `code_of`."""
    for path in paths:
        code = code_of(owner, path)
        if code is not None:
            customize(code, hide=True)


def register_call(owner: object, path: str, describer: Describer) -> None:
    """Have `describe_call` use a describer for a function, if it exists; see `code_of`."""
    code = code_of(owner, path)
    if code is not None:
        describe_call.register(code, describer)


# -------------------------------------------------------------- finding classes


def class_of(owner: object, name: str) -> Optional[type]:
    """A class that some version of a library may lack; ``None`` if it does.

    Up to 3.10 an alias such as ``Manager[int]`` passes for a class with `isinstance`.
    """
    found = getattr(owner, name, None)
    return found if is_instance(found, (type,)) else None


def register_class(hook: Any, owner: object, name: str, function: Callable[[Any], Any]) -> None:
    """Have a hook that dispatches on types use a function for a class, if it exists."""
    cls = class_of(owner, name)
    if cls is not None:
        hook.register(cls, function)


# ------------------------------------------------------------------- describers


def describe_nothing(frame: Frame, waiting: Waiting) -> None:
    """A call of which the name tells enough, or of which the calls below have told already."""


def begin_anew(waiting: Waiting) -> None:
    """Forget what the calls below have told, and what these wait for."""
    waiting.clear()
    waiting.obj = waiting.lock = None


def describe_channel(
    waiting: Waiting, state: Any, items: int, waiters: int, *, sends: bool
) -> None:
    """Say how full a channel between tasks is, and who else is there.

    Args:
        waiting: To be filled in.
        state: What both ends share, as trio and anyio have it.
        items: How many items are in the channel.
        waiters: How many tasks wait at this end.
        sends: Whether this end sends.
    """
    waiting.clear()
    waiting.amounts = [Amount(items, "item", state.max_buffer_size)]
    waiting.count = waiters
    waiting.other_end = (
        Amount(state.open_receive_channels, "receiver")
        if sends
        else Amount(state.open_send_channels, "sender")
    )


def address_text(address: Any) -> str:
    """The address of a socket: ``127.0.0.1:8080``, or the path of one of Unix's."""
    if type(address) is tuple and len(address) >= 2:
        host, port = address[:2]
        if type(host) is str and type(port) is int:
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return cut(safe_repr(address), 60)


def socket_text(sock: object) -> Optional[str]:
    """The other end of a connected socket, or where another one is: ``socket 8 at 0.0.0.0:80``.

    ``None`` for what is no socket. What is asked of it is asked of the system: no code of a class
    derived from it runs.
    """
    if not is_instance(sock, (_socket.socket,)):
        return None
    known: Any = sock
    for ask, beginning in (
        (_socket.socket.getpeername, ""),
        (_socket.socket.getsockname, f"socket {_socket.socket.fileno(known)} at "),
    ):
        address = attempt(None, ask, known)  # it may not be connected, or be closed
        if address and address[1:2] != (0,):  # no port yet
            return beginning + address_text(address)
    return f"socket {_socket.socket.fileno(known)}"


def note_thread(waiting: Waiting, ident: int) -> None:
    """Say which thread does what is waited for.

    Args:
        waiting: To be filled in.
        ident: The number by which `sys._current_frames` knows the thread.
    """
    waiting.thread = name_of_thread(ident) or f"{ident:#x}"
    thread = thread_with_number(ident)
    waiting.workers = [] if thread is None else [thread]
    if thread is not None and waiting.thread in looked_up_once(names_of_several):
        waiting.thread_number = thread_numbers.of(thread)


def variable(frame: Frame, name: str) -> Any:
    """A local variable of a frame; ``None`` if it has no value."""
    return local_value(frame.pyframe, name)[1]


# ------------------------------------------------- greenlets in the place of threads

_greenlet_finders: List[Callable[[int], List[Any]]] = []


def register_greenlet_finder(find: Callable[[int], List[Any]]) -> None:
    """Have the greenlets of a library shown that stand in the place of threads.

    Args:
        find: Gives the greenlet with the number of a thread, in a list; none if there is none.
    """
    if find not in _greenlet_finders:
        _greenlet_finders.append(find)


def greenlet_with_number(number: int) -> List[Any]:
    """The greenlet that has a thread's place and number, in a list; none if there is none."""
    return [item for find in _greenlet_finders for item in find(number)]


# ------------------------------------------------- futures of concurrent.futures

makers: List[Callable[[Any, Waiting], bool]] = []
"""What `register_maker` was told."""

callback_readers: List[Callable[[object], object]] = []
"""What `register_callback_reader` was told."""


def register_maker(describe: Callable[[Any, Waiting], bool]) -> None:
    """Have it said what the futures stand for that something else than thread pools makes.

    Args:
        describe: Gets a future that isn't done, and what is to be filled in, with the ``tasks``
            behind the future. Gives whether it knows the future.
    """
    if describe not in makers:
        makers.append(describe)


def register_callback_reader(find: Callable[[object], object]) -> None:
    """Have futures looked through that get their results from others.

    Args:
        find: Gets a done callback of a future. Gives the task or future from which that one will
            get its result, if the callback tells; else ``None``.
    """
    if find not in callback_readers:
        callback_readers.append(find)


# ------------------------------------------------------------------------- time


class Deadline(NamedTuple):
    """When time is up.

    Attributes:
        seconds_left: The seconds until then; ``None`` if the clock isn't asked, because it is the
            program's own.
        moment: The moment by that clock.
        clock: Whose clock it is.
    """

    seconds_left: Optional[float]
    moment: float
    clock: str

    def note_in(self, waiting: Waiting) -> None:
        """Say so of a wait, if time is ever up."""
        if math.inf in (self.seconds_left, self.moment):
            return
        waiting.seconds_left = self.seconds_left
        if self.seconds_left is None:
            waiting.deadline, waiting.clock = self.moment, self.clock


class ScopeState(NamedTuple):
    """The state of a cancel scope.

    Attributes:
        deadline: When it cancels what is in it, if that is known.
        once_entered: The seconds that it will give what is in it, as long as it isn't entered.
        is_shielded: Whether it keeps cancellation from outside away.
        is_cancelled: Whether it is cancelled.
        reason: Why, as far as somebody has said so.
    """

    deadline: Optional[Deadline] = None
    once_entered: float = math.inf
    is_shielded: bool = False
    is_cancelled: bool = False
    reason: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing special about it."""
        return self == ScopeState()
