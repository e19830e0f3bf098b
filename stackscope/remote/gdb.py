"""Has a process run a script by way of gdb: what `sys.remote_exec` does from Python 3.14 on.

While gdb is attached, the process stands still, so all that is done then is short, and waits for
nothing. It needs no debug information, only the functions that any interpreter exports: all of them
are called through casts.

A thread can be stopped anywhere, with a lock of the interpreter's or of malloc's in its hands. So:

- If the main thread waits in a system call, it is made to start a thread (``pthread_create``),
  which takes the GIL, runs the script and lets go of the GIL: ``PyGILState_Ensure``,
  ``PyRun_SimpleString``, ``PyGILState_Release``. That it waits is known by three looks at
  ``/proc/PID/syscall``; that nothing has changed since, by its stack pointer and program counter.
  What calls the three functions there is machine code, so this is for one architecture only.
- On others, the main thread calls the three functions itself, if no thread has the GIL. (To wait
  for it is no good: a call that waits in vain can't be taken back. Tried on 3.12: the process hung
  for good.)
- Else ``Py_AddPendingCall`` notes the call. The interpreter makes it between two instructions of
  the main thread. (While the main thread waits, it doesn't before 3.14: ``PyErr_CheckSignals`` in
  Modules/signalmodule.c runs no pending calls.)

The text of the script is put into memory that ``mmap`` gives, for that takes no lock, as malloc
would, which gdb calls for a string.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress

from stackscope.remote.calling import AttachError, TimeIsUp, being_traced, no_permission
from stackscope.remote.processes import Process
from stackscope.safe.folders import private_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator, List, Optional, Tuple

    from stackscope.remote.processes import Place

__all__ = ["find_gdb", "run_script"]

SECONDS = 30.0
"""How long gdb may take, most of which it reads symbols."""

SECONDS_FOR_CALL = 10.0
"""How long it may take, once gdb has come so far. None of what it calls then waits."""

SECONDS_OF_STANDSTILL = 5.0
"""How long it may wait, using no processor time, before it calls anything. All that it waits for
then is that threads stop. Most likely one doesn't if another process lets it go on at that moment
(by ``SIGCONT``). Then gdb waits on, deaf to signals, while the others stand still."""

SECONDS_TO_END = 10.0
"""How long it may take to detach when it is told to."""

SECONDS_FOR_OTHERS = 5.0
"""How long to wait for another debugger to let go, for it may be one that asks, too."""

SECONDS_TO_BE_SURE = 1.0
"""How long to ask again after a refusal without a reason: another debugger may just have let go."""

TRACED = re.compile(r"already traced by process (\d+)")
NOT_PERMITTED = re.compile(r"Operation not permitted|Permission denied")
"""What gdb says if it may not attach. There is no other way to ask it."""

GRACE = 1.0
"""How long gdb has to finish before it is interrupted."""

HAS_BEGUN = "stackscope: the process is being asked"
HAS_ENDED = "stackscope: the process was asked"

COMMANDS = """\
set confirm off
set pagination off
set unwindonsignal on
handle all nostop noprint pass
echo {has_begun}\\n
set $size = {size}
set $address = ((unsigned long (*)(void *, unsigned long, int, int, int, long)) mmap) \
(0, $size, 3, 0x22, -1, 0)
set $text = $address + {offset}
restore {file} binary $text
set $waits = 0
if {waits}
set $waits = 1
end
{by_waiting}
if !$waits
set $result = ((int (*)(void *, void *)) Py_AddPendingCall) ((void *) &PyRun_SimpleString, $text)
end
echo {has_ended}\\n
detach
"""
"""``PROT_READ | PROT_WRITE`` is 3 and ``MAP_PRIVATE | MAP_ANONYMOUS`` is 0x22 on Linux (but on
MIPS, Alpha and PA-RISC). The memory stays there, for nobody knows when it isn't needed any more:
some kilobytes each time."""

TEXT_OFFSET = 64

BY_THREAD = """\
if $waits
set $code = ((unsigned long (*)(void *, unsigned long, int, int, int, long)) mmap) \
(0, 4096, 5, 0x22, -1, 0)
if (long) $code > 0
restore {code_file} binary $code
set {{unsigned long}} $address = (unsigned long) &PyGILState_Ensure
set {{unsigned long}} ($address + 8) = (unsigned long) &PyRun_SimpleString
set {{unsigned long}} ($address + 16) = (unsigned long) &PyGILState_Release
set {{unsigned long}} ($address + 24) = $text
set $result = ((int (*)(void *, void *, void *, void *)) pthread_create) \
($address + 32, 0, $code, $address)
set $thread = *(unsigned long *) ($address + 32)
set $result = ((int (*)(void *)) pthread_detach) ($thread)
else
set $waits = 0
end
end
"""
"""Memory for code is not writable (``PROT_READ | PROT_EXEC`` is 5), which some systems insist on;
gdb can write there all the same."""

CODE = {
    "x86_64": bytes.fromhex(
        "53"  # push rbx
        "4889fb"  # mov rbx, rdi
        "4154"  # push r12
        "4883ec08"  # sub rsp, 8
        "ff13"  # call [rbx]: PyGILState_Ensure
        "4189c4"  # mov r12d, eax
        "488b7b18"  # mov rdi, [rbx+24]
        "ff5308"  # call [rbx+8]: PyRun_SimpleString
        "4489e7"  # mov edi, r12d
        "ff5310"  # call [rbx+16]: PyGILState_Release
        "4883c408"  # add rsp, 8
        "415c"  # pop r12
        "5b"  # pop rbx
        "31c0"  # xor eax, eax
        "c3"  # ret
    )
}
"""What the new thread runs, by architecture. Its argument is a table of the three functions and the
text."""

BY_MAIN_THREAD = """\
if $waits
set $held = 0
thread apply all -q -s set $held = $held + ((int (*)(void)) PyGILState_Check) ()
if $held
set $waits = 0
else
set scheduler-locking on
set $state = ((int (*)(void)) PyGILState_Ensure) ()
set $result = ((int (*)(void *)) PyRun_SimpleString) ($text)
call ((void (*)(int)) PyGILState_Release) ($state)
set scheduler-locking off
end
end
"""

RUN = """\
try:
    __builtins__.exec({script!r}, {{"__name__": {name!r}}})
except AttributeError:
    __builtins__["exec"]({script!r}, {{"__name__": {name!r}}})
"""
"""It runs in the namespace of ``__main__``, so it must bind no name there. The script raises
nothing."""


def find_gdb() -> Optional[str]:
    """The path of gdb; ``None`` if there is none."""
    return shutil.which("gdb")


def run_script(gdb: str, process: Process, script: str, name: str) -> None:
    """Have a process run a script in its main thread, now or soon.

    Args:
        gdb: The path of gdb.
        process: The process.
        script: The script, which raises nothing, and does little: the process may stand still
            meanwhile.
        name: The ``__name__`` that it runs under.

    Raises:
        AttachError: It can't be done.
    """
    text = RUN.format(script=script, name=name).encode("utf-8", "surrogateescape") + b"\0"
    with private_folder("stackscope-gdb-") as folder:
        _write(os.path.join(folder, "script"), text)
        commands = COMMANDS.format(
            size=((TEXT_OFFSET + len(text)) // 4096 + 1) * 4096,
            offset=TEXT_OFFSET,
            file=os.path.join(folder, "script"),
            waits=_condition(process.waits_at()),
            by_waiting=_by_waiting(folder),
            has_begun=HAS_BEGUN,
            has_ended=HAS_ENDED,
        )
        _write(os.path.join(folder, "commands"), commands.encode())
        begun = time.monotonic()
        answer = _run(gdb, process, os.path.join(folder, "commands"))
        while time.monotonic() - begun < _patience(answer):
            time.sleep(0.2)
            answer = _run(gdb, process, os.path.join(folder, "commands"))
    if HAS_ENDED not in answer.said:
        raise _error(process, answer)


def _patience(answer: Answer) -> float:
    """For how many seconds gdb is started again, by what it says."""
    if answer.stood_still:
        return 2 * SECONDS_OF_STANDSTILL  # once more
    if TRACED.search(answer.said):
        return SECONDS_FOR_OTHERS
    return SECONDS_TO_BE_SURE if NOT_PERMITTED.search(answer.said) else 0.0


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _by_waiting(folder: str) -> str:
    """What to do if the main thread waits in a system call."""
    code = CODE.get(platform.machine())
    if code is None:
        return BY_MAIN_THREAD
    _write(os.path.join(folder, "code"), code)
    return BY_THREAD.format(code_file=os.path.join(folder, "code"))


def _condition(place: Optional[Place]) -> str:
    """For gdb: whether the main thread still waits where it did."""
    if place is None:
        return "0"
    return f"(unsigned long) $sp == {place.sp} && (unsigned long) $pc == {place.pc}"


class Answer:
    """What came of running gdb.

    Args:
        said: What it said.
        stood_still: Whether it stood still before it called anything, and was killed.
    """

    __slots__ = ("said", "stood_still")

    def __init__(self, said: str, *, stood_still: bool) -> None:
        self.said: str = said
        self.stood_still: bool = stood_still


def _run(gdb: str, process: Process, command_file: str) -> Answer:
    """Run gdb, and give what it says."""
    command = [
        # No debug information is needed, which takes most of the time to read.
        *(gdb, "-nx", "-batch", "-readnever"),
        *("-iex", "set debuginfod enabled off"),
        *("-iex", "set auto-load off"),
        *("-p", str(process.pid), "-x", command_file),
    ]
    with tempfile.TemporaryFile() as output:
        running: Optional[subprocess.Popen[bytes]] = None
        stood_still = False
        try:
            with _interrupts_later():  # or nobody knew of a gdb that is there already
                running = subprocess.Popen(  # noqa: S603
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "LC_ALL": "C"},
                    start_new_session=True,  # Ctrl-C is ours
                )
            if not _wait(running, output.fileno()):
                stood_still = _kill(running, process, output.fileno())
        finally:
            if running is not None:
                _end(running, process, output.fileno())
        return Answer(_read(output.fileno()), stood_still=stood_still)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Have a Ctrl-C that comes meanwhile take effect at the end."""
    previous = signal.getsignal(signal.SIGINT)
    if not callable(previous) or threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: List[Tuple[Any, ...]] = []
    signal.signal(signal.SIGINT, lambda *args: noted.append(args))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    for args in noted[:1]:
        previous(*args)


def _read(output: int) -> str:
    return os.pread(output, 1 << 20, 0).decode("utf-8", "replace")


def _wait(running: subprocess.Popen[bytes], output: int) -> bool:
    """Wait for gdb: long while it reads symbols, less long while the process is being asked.

    Returns:
        Whether it has got somewhere: it hasn't if it stands still before it calls anything.
    """
    deadline = time.monotonic() + SECONDS
    gdb = Process(running.pid)
    has_begun = False
    ticks, last_seen_at_work = gdb.ticks, time.monotonic()
    while running.poll() is None and time.monotonic() < deadline:
        if not has_begun:
            if HAS_BEGUN in _read(output):
                has_begun = True
                deadline = time.monotonic() + SECONDS_FOR_CALL
            elif gdb.ticks != ticks or gdb.state != "S":  # "D": it waits for a disk
                ticks, last_seen_at_work = gdb.ticks, time.monotonic()
            elif time.monotonic() - last_seen_at_work > SECONDS_OF_STANDSTILL:
                return False
        time.sleep(0.01)
    return True


def _kill(running: subprocess.Popen[bytes], process: Process, output: int) -> bool:
    """Kill gdb, unless it has called something meanwhile. The process goes on then.

    Returns:
        Whether it was killed.
    """
    # It might begin while we look.
    running.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + SECONDS_TO_END
    while Process(running.pid).state not in ("T", "Z") and time.monotonic() < deadline:
        time.sleep(0.01)
    if HAS_BEGUN in _read(output):
        running.send_signal(signal.SIGCONT)
        return False
    running.kill()
    running.wait()
    # A thread that has stopped for gdb may have to be told to go on.
    with suppress(OSError):
        os.kill(process.pid, signal.SIGCONT)
    return True


def _end(running: subprocess.Popen[bytes], process: Process, output: int) -> None:
    """Have gdb let go of the process.

    Not by SIGKILL: the process would go on in the middle of what gdb calls. An interrupted call is
    unwound (``set unwindonsignal on``); then the command file ends, and gdb detaches.
    """
    with suppress(subprocess.TimeoutExpired):
        running.wait(GRACE)
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
        if running.poll() is not None:
            return
        running.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            running.wait(SECONDS_TO_END)
    if running.poll() is None:
        _kill(running, process, output)


def _error(process: Process, answer: Answer) -> AttachError:
    """What went wrong, by what gdb says."""
    pid, said = process.pid, answer.said
    if not process.is_alive:
        return AttachError(f"Process {pid} has ended.")
    traced = TRACED.search(said)
    if traced is not None:
        return being_traced(pid, int(traced[1]))
    if NOT_PERMITTED.search(said):
        return no_permission(pid)
    if re.search(r'No symbol "Py\w+" in|No symbol table is loaded', said):
        return AttachError(
            f"Process {pid} runs no Python that gdb can see: its program is "
            f"{process.program or 'unknown'}."
        )
    if HAS_BEGUN in said:
        return TimeIsUp(
            f"Process {pid} could not be asked within {SECONDS_FOR_CALL:g} seconds by gdb."
        )
    if answer.stood_still:
        return AttachError(
            f"gdb could not attach to process {pid}: it waited in vain for all threads to stop, "
            "twice. Try again."
        )
    lines: List[str] = [line for line in said.splitlines() if line.strip()]
    return AttachError(
        f"gdb could not attach to process {pid}: {lines[-1] if lines else 'it said nothing'}"
    )
