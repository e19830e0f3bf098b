"""What `pytest` loads: breakpoints under captured output, and a look at hanging tests.

Without being asked it adds an option, and arranges that `stackscope_pdb.set_trace`, when it is
called, lets pytest give the terminal back first. Nothing happens per test, and neither the library
nor the debugger is imported before one of them is used. ``-p no:stackscope`` turns everything off.

Tried on pytest 8.3 to 9.2:

- ``PYTHONBREAKPOINT=stackscope_pdb.set_trace`` calls us past pytest, which would have put itself in
  the way of `pdb.set_trace` only. ``pytestPDB._init_pdb`` is what it does there: it stops
  capturing, makes a debugger of the class in the option ``usepdb_cls``, in a subclass that starts
  capturing again, and tells its plugins.
- ``quit`` raises pytest's ``Exit``, an `Exception`. Task groups and nurseries put that into a
  group, which pytest takes for a failure of the test, and so it would go on with the next one.
- Whatever is in the distribution of a plugin has its ``assert`` statements rewritten when it is
  imported, which takes pytest longer than the import itself.
"""

from __future__ import annotations

import sys
from _thread import TIMEOUT_MAX, allocate_lock, start_new_thread

import pytest

from stackscope_pdb.entry.making import debugger_maker, set_debugger_maker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List, Optional, Set

    from stackscope import Snapshot, Stack

OPTION = "--stackscope-timeout"
INI = "stackscope_timeout"
OUR_CLASS = ("stackscope_pdb", "Pdb")
OUR_PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython")
"""As `OWN_PACKAGES` of `stackscope.snapshot.user_code`, which isn't imported when pytest starts."""

PYTEST = ("_pytest", "pluggy", "pytest")
"""The packages that are left out of the stacks of tests, as `stackscope.glue.pytest` has them."""

RUNNER = "_pytest.runner"
"""The module whose functions run a single test. What is outside of them runs all tests."""

LONGEST = min(TIMEOUT_MAX, 1e9)
"""The most seconds that a test may be given."""

LONGEST_JOIN = 30.0
"""Seconds that a test which ends while its tree is drawn waits for the end of that."""


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the option, and the setting of the same meaning."""
    _keep_asserts(pluginmanager)
    says = (
        "Print the task tree and the stacks of all threads when a test, with its fixtures, takes "
        "longer than SECONDS. The test is left running. 0 turns it off."
    )
    group = parser.getgroup("stackscope", "what tests that hang are doing (stackscope)")
    group.addoption(OPTION, metavar="SECONDS", default=None, help=says)
    parser.addini(INI, f"As {OPTION}.", default="0")


def pytest_configure(config: pytest.Config) -> None:
    """Be ready for breakpoints, and watch the time if that was asked for."""
    _let_pytest_make_debuggers(config)
    seconds = _seconds(config)
    if seconds:
        config.pluginmanager.register(_Clock(seconds, _output(config)), "stackscope-timeout")


def _seconds(config: pytest.Config) -> float:
    """The time that a test may take; 0 if it may take any."""
    given = config.getoption(OPTION)
    name, text = (INI, config.getini(INI)) if given is None else (OPTION, given)
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST:  # nor is NaN
        raise pytest.UsageError(f"{name} takes a number of seconds, not {text!r}")
    return seconds


def _keep_asserts(pluginmanager: pytest.PytestPluginManager) -> None:
    """Have our packages imported as they are. What is looked at here must not depend on pytest."""
    hook = getattr(pluginmanager, "rewrite_hook", None)
    marked: Optional[Set[str]] = getattr(hook, "_must_rewrite", None)
    if isinstance(marked, set):
        marked.difference_update(OUR_PACKAGES)
        known = getattr(hook, "_marked_for_rewrite_cache", None)
        if isinstance(known, dict):
            known.clear()


# -------------------------------------------------------------------------------------- breakpoints


def _let_pytest_make_debuggers(config: pytest.Config) -> None:
    """From now on until ``config`` ends, debuggers for breakpoints come from pytest."""
    before = debugger_maker()  # one pytest may run another one
    set_debugger_maker(_debugger_from_pytest)
    config.add_cleanup(lambda: set_debugger_maker(before))


def _debugger_from_pytest(header: Optional[str]) -> Any:
    """A new debugger of our class, after pytest has given the terminal back."""
    from _pytest.debugging import pytestPDB

    maker: Any = pytestPDB
    option = maker._config.option
    chosen, option.usepdb_cls = option.usepdb_cls, OUR_CLASS
    try:
        if header is None or maker._recursive_debug:
            return maker._init_pdb("set_trace")
        return maker._init_pdb("set_trace", header=header)
    finally:
        option.usepdb_cls = chosen


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Be ready for ``quit`` from now on."""
    if not config.pluginmanager.has_plugin(_Quitting.NAME):
        config.pluginmanager.register(_Quitting(), _Quitting.NAME)


class _Quitting:
    """Ends the tests after ``quit``, also if a task group wrapped its exception."""

    NAME = "stackscope-quitting"

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[object]) -> None:
        """Raise that exception again, alone, instead of a report of a failure."""
        if call.excinfo is not None:
            found = _exit_in(call.excinfo.value)
            if found is not None:
                raise found from None


def _exit_in(exc: BaseException) -> Optional[BaseException]:
    """The exception by which pytest ends the tests, if the group ``exc`` holds one."""
    todo: List[BaseException] = [exc]
    while todo:
        one = todo.pop()
        if isinstance(one, pytest.exit.Exception):
            return one
        members = getattr(one, "exceptions", None)
        if isinstance(members, tuple):  # no group has its type everywhere
            todo.extend([member for member in members if isinstance(member, BaseException)])
    return None


# ---------------------------------------------------------------------------------- tests that hang


class _Timer:
    """Calls a function after some time, in a thread that `threading` doesn't know of.

    So a test that counts threads counts its own.

    Args:
        seconds: The time.
        function: What to call.
        argument: What to give it.
    """

    def __init__(self, seconds: float, function: Callable[[str], None], argument: str) -> None:
        self._is_cancelled = allocate_lock()
        self._is_cancelled.acquire()
        self._is_over = allocate_lock()
        self._is_over.acquire()
        start_new_thread(self._run, (seconds, function, argument))

    def _run(self, seconds: float, function: Callable[[str], None], argument: str) -> None:
        try:
            if not self._is_cancelled.acquire(timeout=seconds):
                function(argument)
        finally:
            self._is_over.release()

    def end(self, patience: float) -> None:
        """Call nothing any more, and wait for what has been called. To be called once."""
        self._is_cancelled.release()
        self._is_over.acquire(timeout=patience)


class _Clock:
    """Tells what a slow test is doing, from a thread that lives as long as the test.

    Args:
        seconds: The time that a test may take, fixtures included.
        output: Where to tell it.
    """

    def __init__(self, seconds: float, output: Any) -> None:
        # Now, while nothing hangs: the test may replace what imports need, such as `open`.
        import stackscope.render.snapshot

        str(stackscope.diagnose(deep=False))
        self._extract_all = stackscope.extract_all
        self._diagnose = stackscope.diagnose
        self._seconds = seconds
        self._output = output
        self._timer: Optional[_Timer] = None

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch the time of one test."""
        self._timer = _Timer(self._seconds, self._tell, item.nodeid)
        try:
            yield
        finally:
            self._stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """Leave a test alone in which somebody uses a debugger."""
        self._stop()

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            # Else the tree would get mixed up with what pytest prints next.
            timer.end(LONGEST_JOIN)

    def _tell(self, name: str) -> None:
        __stackscope_exits_stay__ = True  # noqa: F841 (see stackscope.safe.interruptions)
        output = self._output
        try:
            lines = self._lines(output)
        except Exception as exc:
            from stackscope.safe.text import describe_exception

            lines = [f"stackscope could not find out what it does: {describe_exception(exc)}\n"]
        begins = f"{name} takes more than {self._seconds:g} s and is left running"
        output.write(
            [
                "\n",
                f"+++ stackscope: {begins} +++\n",
                *lines,
                f"+++ end of what {name} was doing +++\n",
            ]
        )

    def _lines(self, output: Any) -> List[str]:
        snapshot: Snapshot = self._extract_all()
        snapshot.threads = [node for node in snapshot.threads if not node.is_here]
        diagnosis = self._diagnose(snapshot)
        first = diagnosis.format(ascii_only=output.ascii_only) if diagnosis.findings else []
        for node in snapshot.threads:
            _hide_pytest(node.stack)
        return [*first, *["\n"][: len(first)], *snapshot.format(ascii_only=output.ascii_only)]


def _hide_pytest(stack: Stack) -> None:
    """Leave pytest's frames out of the drawing of a stack, and those by which it was started."""
    modules = [frame.modname or "" for frame in stack.frames]
    outermost = modules.index(RUNNER) if RUNNER in modules else 0
    for index, (frame, module) in enumerate(zip(stack.frames, modules)):
        if index < outermost or module.partition(".")[0] in PYTEST:
            frame.hide = True


def _output(config: pytest.Config) -> Any:
    """The terminal, whatever pytest captures: a duplicate of the file that it reports to.

    Args:
        config: That of the run, which is not capturing now.
    """
    import os

    from stackscope.render.stream import FileBeyondBuffers, encoding_of

    # What a worker of pytest-xdist writes to its stdout gets lost.
    stream: Any = sys.stderr if hasattr(config, "workerinput") else sys.stdout
    try:
        descriptor = os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):  # io.UnsupportedOperation is both of the latter
        return _Stream(stream)
    file = FileBeyondBuffers(descriptor, "stdout", encoding_of(stream))
    config.add_cleanup(file.close)
    return file


class _Stream:
    """A stream without a descriptor, in the place of a `FileBeyondBuffers`."""

    def __init__(self, stream: Any) -> None:
        from stackscope.render.stream import draws_in_ascii, encoding_of

        self._stream = stream
        self.ascii_only = draws_in_ascii(encoding_of(stream))

    def write(self, lines: List[str]) -> None:
        """Write lines. Called from another thread."""
        self._stream.write("".join(lines))
        self._stream.flush()
