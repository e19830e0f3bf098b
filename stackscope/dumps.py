"""Dumps for when all else hangs: all that `extract_all` sees, on a signal or after a time.

In the manner of `faulthandler`, but with tasks and context managers, and so with Python code:
`register` has it run by the main thread, `dump_after` by a thread of its own.

A signal handler runs between any two instructions of the main thread, whatever locks that holds. So
a dump takes no lock; what it needs is imported beforehand (`_prepare`); no ``__repr__`` of the
program runs (`without_reprs`); and it is written to a file descriptor, past the buffers of file
objects. What that doesn't take at once, a thread of its own writes, so that the program goes on.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import time

from stackscope.answering.mailbox import open_mailbox
from stackscope.answering.serving import answer_in_thread, is_answering
from stackscope.glue import make_ready, without_locks
from stackscope.model.snapshot import Snapshot
from stackscope.model.stacks import Stack
from stackscope.render import stream
from stackscope.render.stream import FileBeyondBuffers
from stackscope.safe.interruptions import attempt, interrupts
from stackscope.safe.loading import is_called_by, load
from stackscope.safe.text import class_name, without_reprs
from stackscope.snapshot.diagnosing import diagnose_snapshot
from stackscope.snapshot.taking import take_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

    from stackscope.answering.mailbox import Mailbox
    from stackscope.model.diagnosis import Diagnosis

    File = Union[int, Any, None]

__all__ = ["cancel_dump_after", "dump_after", "register", "unregister"]

CRASHES = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV")
"""Signals after which no Python code can run."""

NEVER_HANDLED = ("SIGKILL", "SIGSTOP")
"""Signals that end or stop the process in any case. (PyPy seems to take a handler for them.)"""

LONGEST = min(_thread.TIMEOUT_MAX, 1e9)
"""The most seconds that `dump_after` can wait."""


# ------------------------------------------------------------------------------------------ signals


class _Registration:
    """What `register` was told about a signal, and what handled it before."""

    __slots__ = ("chain", "name", "options", "output", "previous", "writer")

    def __init__(
        self,
        name: str,
        output: FileBeyondBuffers,
        chain: bool,
        previous: Any,
        options: Mapping[str, Any],
    ) -> None:
        self.name = name
        self.output = output
        self.chain = chain
        self.previous = previous
        self.options = options
        self.writer = _Writer(output)


_registered: Dict[int, _Registration] = {}

_mailbox: Optional[Mailbox] = None
"""Where the command ``stackscope`` puts its requests; ``None`` if it can't."""

_is_ignored_at_exit = False
"""Whether `_at_exit` will be called."""


def register(signum: int, file: File = None, chain: bool = False, **options: Any) -> None:
    """Write a dump each time a signal comes: what the whole program is doing.

    The dump is what ``print(stackscope.extract_all())`` shows, but no ``__repr__`` of the program
    is called. If anything is stuck, the dump begins with what `diagnose` finds without a search of
    the heap. Then the program continues. Call this in the main thread, where Python runs signal
    handlers.

    On Linux, the commands ``stackscope dump PID`` and ``stackscope why PID`` also use this signal,
    unless ``chain`` is true. They find it in a file that only the same user can read, and receive
    the answer themselves.

    Args:
        signum: The signal, such as ``signal.SIGUSR1``. Registering it again replaces ``file``,
            ``chain`` and the options.
        file: An open file, or a file descriptor. The default is ``sys.stderr``, or the stderr of
            the process if ``sys.stderr`` has no descriptor. It stays open even if the program
            closes it.
        chain: Afterwards, also do what the signal did before. What can't be written within 30
            seconds is then lost. Without ``chain``, the program continues while the rest is
            written.
        options: Those of `Snapshot.format`, such as ``whole=True``. The default of ``width`` is the
            width of the terminal, if there is one.

    Raises:
        RuntimeError: This isn't the main thread.
        TypeError: ``signum`` isn't a number, ``file`` isn't a file, or an option is unknown.
        ValueError: The signal can't be handled, or the file has no descriptor.

    Example:
        >>> import signal
        >>> stackscope.register(signal.SIGTERM, chain=True)
        >>> stackscope.unregister(signal.SIGTERM)
        True
    """
    number = _signal_number(signum)
    if _signal_name(number) in NEVER_HANDLED:
        raise ValueError(f"{_signal_name(number)} can't be handled: choose another signal")
    _check(options)
    output = _destination(file)
    _prepare()
    known = _registered.get(number)
    current = signal.getsignal(number)
    previous = known.previous if known is not None and current is _on_signal else current
    output.stay_open(_original("poll", "select"))
    _registered[number] = _Registration(
        _signal_name(number), output, bool(chain), previous, options
    )
    try:
        _set_handler(number, _on_signal, "register")
        _be_ignored_at_exit()
    except BaseException:
        del _registered[number]
        if known is not None:
            _registered[number] = known
        output.close()
        raise
    if known is not None:
        known.writer.close()
    _tell_signals()


def unregister(signum: int) -> bool:
    """Undo `register`: the signal does again what it did before. See the example of `register`.

    A handler that was set since then stays.

    Args:
        signum: The signal.

    Returns:
        Whether it was registered.

    Raises:
        RuntimeError: This isn't the main thread.
        TypeError: ``signum`` isn't a number.
        ValueError: ``signum`` isn't a signal.
    """
    number = _signal_number(signum)
    registration = _registered.get(number)
    if registration is None:
        return False
    if signal.getsignal(number) is _on_signal:
        previous = registration.previous
        # None: it wasn't set by Python code, nor can it be.
        _set_handler(number, signal.SIG_DFL if previous is None else previous, "unregister")
    del _registered[number]
    registration.writer.close()
    _tell_signals()
    return True


def _tell_signals() -> None:
    """Say by which signals this process may be asked. One that is chained does something else, too.

    It is said in a file that only this user can read: see `stackscope.answering.mailbox`.
    """
    global _mailbox  # noqa: PLW0603
    numbers = [number for number, one in _registered.items() if not one.chain]
    if _mailbox is not None and _mailbox.pid != os.getpid():
        _mailbox = None  # it is the parent's
    if _mailbox is None and numbers:
        _mailbox = open_mailbox()
    if _mailbox is not None:
        _mailbox.tell(numbers)


def _set_handler(number: int, handler: Any, caller: str) -> None:
    try:
        signal.signal(number, handler)
    except ValueError:  # the signal is known to be one
        raise RuntimeError(
            f"{caller}() must be called in the main thread, where Python runs signal handlers; "
            "dump_after() can be called anywhere"
        ) from None


def _signal_number(signum: object) -> int:
    if not isinstance(signum, int) or isinstance(signum, bool):
        raise TypeError(f"signum must be a signal such as signal.SIGTERM, not {signum!r}")
    if signum not in signal.valid_signals():
        raise ValueError(f"{signum} is not a signal: see signal.valid_signals()")
    if _signal_name(signum) in CRASHES:
        raise ValueError(
            f"{_signal_name(signum)} means a crash, where no Python code can run: "
            "use faulthandler.enable()"
        )
    return int(signum)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def _on_signal(signum: int, frame: Optional[FrameType]) -> None:
    """The handler: everything here may have interrupted anything."""
    registration = _registered.get(signum)
    if registration is None:  # somebody has kept this handler and calls it
        return
    # What is done afterwards may end the process.
    write = registration.output.write if registration.chain else registration.writer.write
    try:
        if _responds(registration, write, frame):
            # Whoever has read this may send the next signal.
            write([_last_line()])
    except RecursionError:
        pass  # there is no room for so much as to say so
    if registration.chain:
        _call_previous(signum, registration.previous, frame)


def _responds(
    registration: _Registration, write: Callable[[List[str]], bool], frame: Optional[FrameType]
) -> bool:
    """Whether a signal was responded to by a dump, which is written but for its `_last_line`."""
    # One that comes while the last one is being responded to is dropped. The frames tell that, for
    # an exception may leave anything else in a wrong state. This is asked first: where signals come
    # faster than it is answered, each is one call inside the last, and the stack has an end.
    if frame is not None and is_called_by(_responds.__code__, frame):
        return False
    if not registration.chain and _answers_request():
        return False
    dump = _Dump(registration.output, write, registration.options, frame, is_ours=False)
    return _dump(dump, f"on {registration.name}")


def _answers_request() -> bool:
    """Whether the signal was one of the command ``stackscope``, which is answered by a thread."""
    requests = None if _mailbox is None else _mailbox.take()
    for request in requests or ():
        try:
            answer_in_thread(request, _original("start_new_thread"))
        except RuntimeError:  # the interpreter exits, or there are too many
            pass
    return requests is not None


def _be_ignored_at_exit() -> None:
    global _is_ignored_at_exit  # noqa: PLW0603
    if not _is_ignored_at_exit:
        atexit.register(_at_exit)
        _is_ignored_at_exit = True


def _at_exit() -> None:
    """Let the signals do nothing from now on.

    When the interpreter has ended all else, it takes Python's handlers away, and then they would
    end the process. What has been written only in part is written to its end.
    """
    for writer in _busy:
        writer.wait()
    for number, registration in list(_registered.items()):
        if signal.getsignal(number) is not _on_signal:
            continue
        after = registration.previous if registration.chain else None
        try:
            signal.signal(number, signal.SIG_IGN if after is None else after)
        except (OSError, TypeError, ValueError):  # the interpreter exits in another thread
            pass
    if _mailbox is not None:
        _mailbox.close()


def _call_previous(signum: int, previous: Any, frame: Optional[FrameType]) -> None:
    if callable(previous):
        previous(signum, frame)
    elif previous == signal.SIG_DFL:
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)
        signal.signal(signum, _on_signal)  # it was one that does no harm


# ------------------------------------------------------------------------------- in the background


class _Writer:
    """Writes to a file without holding up the thread that has something to write.

    What the file doesn't take at once is written by a thread, which lives as long as there is
    something left. A signal handler uses this, so it waits for no lock.

    Args:
        output: The file.
    """

    __slots__ = ("is_busy", "is_closing", "output", "pid", "rest")

    def __init__(self, output: FileBeyondBuffers) -> None:
        self.output = output
        self.is_closing = False
        self._begin()

    def _begin(self) -> None:
        self.pid = os.getpid()
        self.rest: List[bytes] = []
        self.is_busy = _original("allocate_lock")()

    def write(self, lines: List[str]) -> bool:
        """Write lines, now or soon. Gives whether the file takes anything at all."""
        if self.pid != os.getpid():
            self._begin()  # the thread is one of the parent process
        data: Optional[bytes] = self.output.encoded(lines)
        if not self.rest and self.is_busy.acquire(False):
            try:
                data = self.output.write_bytes(data or b"", 0, stream.LONGEST)
            finally:
                self.is_busy.release()
        if data is None:
            return False
        if data:
            self.rest.append(data)
        if self.rest:
            self._go_on()
        return True

    def _go_on(self) -> None:
        """Have the rest written, if nobody is doing that."""
        if not self.is_busy.acquire(False):
            return
        _busy.append(self)
        if _forking:
            self.run()
            return
        try:
            _original("start_new_thread")(self.run, ())
        except RuntimeError:  # the interpreter exits, or there are too many
            self.run()

    def run(self) -> None:
        """Write the rest."""
        try:
            while self.rest:
                # What it doesn't take is lost.
                self.output.write_bytes(self.rest.pop(0), stream.PATIENCE, stream.LONGEST)
        finally:
            _busy.remove(self)
            self.is_busy.release()
        if self.rest:
            self._go_on()
        elif self.is_closing:
            self.output.close()

    def wait(self) -> None:
        """Wait until all is written, or lost."""
        if self.pid == os.getpid() and self.is_busy.acquire(timeout=stream.LONGEST):
            self.is_busy.release()

    def close(self) -> None:
        """Close the file when all is written."""
        self.is_closing = True
        if self.pid != os.getpid() or self.is_busy.acquire(False):
            self.output.close()


_busy: List[_Writer] = []
"""Those that have something left to write."""

_forking: List[bool] = []
"""Whether the process is just being forked; empty if it isn't."""


def _before_fork() -> None:
    """Let no thread of ours be there: from 3.12 on a fork warns of threads, and the child has none.

    The program's own would be warned of, too.
    """
    _forking.append(True)
    busy = list(_busy)
    for writer in busy:
        writer.wait()
    if busy:
        time.sleep(SECONDS_TO_END)


SECONDS_TO_END = 0.002
"""What a thread takes to end that has nothing left to do."""

if hasattr(os, "register_at_fork"):
    # No Python code, in which a signal would be handled: the interpreter counts threads afterwards.
    os.register_at_fork(
        before=_before_fork, after_in_parent=_forking.clear, after_in_child=_forking.clear
    )

WIDTH = 120
"""How wide a dump is that goes to no terminal."""


# ------------------------------------------------------------------------------------- after a time


class _Watch:
    """One call of `dump_after`, which a thread carries out."""

    __slots__ = ("cancelled", "exits", "options", "output", "repeat", "seconds")

    def __init__(
        self,
        seconds: float,
        repeat: bool,
        output: FileBeyondBuffers,
        exits: bool,
        options: Mapping[str, Any],
    ) -> None:
        self.options = options
        self.seconds = seconds
        self.repeat = repeat
        self.output = output
        self.exits = exits
        self.cancelled = _original("allocate_lock")()
        self.cancelled.acquire()

    def start(self) -> None:
        _original("start_new_thread")(self.run, ())

    def cancel(self) -> None:
        try:
            self.cancelled.release()
        except RuntimeError:  # that has been done already
            pass

    def run(self) -> None:
        """Wait, and then dump unless this has been cancelled."""
        while not self.cancelled.acquire(timeout=self.seconds):
            dump = _Dump(self.output, self.output.write, self.options, None, is_ours=True)
            if _dump(dump, f"after {self.seconds:g} s"):
                self.output.write([_last_line()])
            if self.exits:
                os._exit(1)
            if not self.repeat:
                break
        self.output.close()


_watch: Optional[_Watch] = None


def dump_after(
    seconds: float,
    repeat: bool = False,
    file: File = None,
    exit: bool = False,  # noqa: A002 (the name that faulthandler has given it)
    **options: Any,
) -> None:
    """Write a dump after some time: what the whole program is doing.

    Then the program continues. The dump is written by a separate thread, so it doesn't matter what
    other threads wait for. Calling this again starts the time anew. A child process made by
    ``os.fork`` writes no dump.

    Args:
        seconds: The time in seconds.
        repeat: Write another dump each time ``seconds`` have passed.
        file: As for `register`.
        exit: After the dump, end the process at once, without clean-up, with exit status 1.
        options: As for `register`.

    Raises:
        TypeError: ``seconds`` isn't a number, ``file`` isn't a file, or an option is unknown.
        ValueError: ``seconds`` is out of range, or the file has no descriptor.

    Example:
        >>> stackscope.dump_after(60)
        >>> stackscope.cancel_dump_after()
    """
    global _watch  # noqa: PLW0603
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"seconds must be a number, not {seconds!r}")
    if not 0 < seconds <= LONGEST:
        raise ValueError(f"seconds must be more than 0 and at most {LONGEST:g}, not {seconds!r}")
    _check(options)
    watch = _Watch(float(seconds), bool(repeat), _destination(file), bool(exit), options)
    _prepare()
    watch.output.stay_open(_original("poll", "select"))
    cancel_dump_after()
    watch.start()
    _watch = watch


def cancel_dump_after() -> None:
    """Undo `dump_after`: write no more dumps. See the example of `dump_after`."""
    global _watch
    watch, _watch = _watch, None
    if watch is not None:
        watch.cancel()


def _original(name: str, module: str = "_thread") -> Any:
    """A function of a module as the interpreter has it; ``None`` if it has none such.

    What gevent puts in its place needs an event loop that isn't blocked.
    """
    monkey: Any = sys.modules.get("gevent.monkey")
    if monkey is not None and name in monkey.saved.get(module, ()):
        return monkey.get_original(module, name)
    return getattr(__import__(module), name, None)


# ----------------------------------------------------------------------------------------- the dump

LATE: Tuple[str, ...] = (
    "_thread",
    *(["exceptiongroup"] if sys.version_info < (3, 11) else []),
    "importlib",
    "linecache",
    "re",
    "select",
    "tokenize",
    "traceback",
    "unicodedata",
    "warnings",
    "stackscope.extraction.unwound",
    "stackscope.glue.describing",
    "stackscope.interpreter.bytecode.keepers",
    "stackscope.interpreter.frames.operands",
    "stackscope.interpreter.frames.public_only",
    "stackscope.interpreter.resumable",
    "stackscope.render.diagnosis",
    "stackscope.render.snapshot",
    "stackscope.render.source",
    "stackscope.render.stack",
    "stackscope.render.waits",
    "stackscope.render.words",
)
"""What some function of ours imports when it is called, or may need in reading source files."""


def _prepare() -> None:
    """Import all that a dump may need, then make one and throw it away.

    A real one has nothing to import, and nothing to warn of.
    """
    for name in LATE:
        try:
            __import__(name)
        except ImportError:  # only some versions have it, or need it
            pass
    load("stackscope.interpreter.frames.choosing").reader()
    make_ready()
    without_locks.prepare()
    without_reprs(_lines, sys._getframe(), False, False, {"width": WIDTH})


class _Dump:
    """One dump.

    Args:
        output: Where it goes to.
        write: What writes there.
        options: How to draw it.
        interrupted: The frame that this thread would otherwise be running; ``None`` if that is no
            Python code.
        is_ours: Whether this thread is one of ours, which isn't to be shown.
    """

    __slots__ = ("interrupted", "is_ours", "options", "output", "write")

    def __init__(
        self,
        output: FileBeyondBuffers,
        write: Callable[[List[str]], bool],
        options: Mapping[str, Any],
        interrupted: Optional[FrameType],
        *,
        is_ours: bool,
    ) -> None:
        self.output = output
        self.write = write
        self.options = options
        self.interrupted = interrupted
        self.is_ours = is_ours

    def lines(self) -> List[str]:
        """What there is to write."""
        return _lines(
            self.interrupted,
            self.is_ours,
            self.output.ascii_only,
            {"width": self.output.columns or WIDTH, **self.options},
        )


def _lines(
    interrupted: Optional[FrameType], is_ours: bool, ascii_only: bool, options: Mapping[str, Any]
) -> List[str]:
    make_ready(for_dump=True)
    frame = sys._getframe() if interrupted is None else interrupted
    snapshot = take_snapshot(frame, interrupts=interrupted is not None)
    diagnosis = attempt(None, _diagnose, snapshot)
    snapshot.threads = [
        node
        for node in snapshot.threads
        if not (node.is_here and is_ours)
        and not is_answering(node)
        and not any(frame.pyframe.f_code is _Writer.run.__code__ for frame in node.stack.frames)
    ]
    for thread in snapshot.threads:
        if thread.is_here and interrupted is None:
            thread.stack = Stack(thread.thread, [])
        thread.is_here = False  # this code isn't what it does
    for loop in snapshot.loops:
        loop.is_here = False
    findings = () if diagnosis is None else diagnosis.findings
    lines = snapshot.format(ascii_only=ascii_only, findings=findings, **options)
    if diagnosis is None or not findings:
        return lines
    first = diagnosis.format(
        ascii_only=ascii_only, width=options["width"], color=options.get("color", False)
    )
    return [*first, "\n", *lines]


def _diagnose(snapshot: Snapshot) -> Diagnosis:
    """What is stuck, as far as the graph of waits shows it: that needs no time and no lock."""
    return diagnose_snapshot(snapshot, deep=False, at_once=True)


def _dump(dump: _Dump, occasion: str) -> bool:
    """Write a dump, without its `_last_line`.

    Args:
        dump: The dump.
        occasion: Why, in words.

    Returns:
        Whether it could be written.
    """
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    title = f"what process {os.getpid()} is doing {occasion}, {now}"
    if not dump.write([f"\n+++ stackscope: {title} +++\n"]):
        return False
    try:
        lines = without_reprs(dump.lines)
    except BaseException as exc:
        # To ask that takes some calls, for which there is no room then.
        if type(exc) is not RecursionError and interrupts(exc):
            raise
        lines = [f"stackscope could not find out: {class_name(exc)}\n"]
    return dump.write(lines)


def _last_line() -> str:
    return f"+++ end of what process {os.getpid()} is doing +++\n"


def _destination(file: File) -> FileBeyondBuffers:
    """Where a dump goes to: what `register` was given."""
    if file is not None:
        return FileBeyondBuffers(file, "file")
    try:
        return FileBeyondBuffers(sys.stderr, "sys.stderr")
    except (TypeError, ValueError):
        # The program may have put something there that has no descriptor: a logger, say.
        for stderr in (sys.__stderr__, 2) if sys.stderr is not None else ():
            try:
                return FileBeyondBuffers(stderr, "stderr")
            except (TypeError, ValueError):
                pass
        raise


GIVEN = ("ascii_only", "findings")
"""What a dump finds out by itself."""


def _check(options: Mapping[str, Any]) -> None:
    known = Snapshot.format.__kwdefaults__ or {}
    for name in options:
        if name not in known or name in GIVEN:
            raise TypeError(f"{name} is not an option of a dump: see Snapshot.format()")
