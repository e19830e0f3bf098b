"""Watches the time of each test, and fails those that take too long if that is wanted."""

from __future__ import annotations

import pytest

from stackscope_pdb.pytest_plugin import MARKER, exception_in
from stackscope_pdb.pytest_plugin.limits import WrongMarkerError, limits_of, limits_of_run
from stackscope_pdb.pytest_plugin.telling import Teller
from stackscope_pdb.pytest_plugin.watch import Watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, List, Optional

    from stackscope_pdb.pytest_plugin.interrupting import Interrupter
    from stackscope_pdb.pytest_plugin.watch import Section


class Clock:
    """The plugin that has each test watched, by a thread that lives as long as the test.

    Args:
        config: That of the run, which is not capturing now.
    """

    NAME = "stackscope-timeout"

    def __init__(self, config: pytest.Config) -> None:
        self._of_run = limits_of_run(config)
        self._teller = Teller(config)
        self._limits = self._of_run
        self._complaint = ""
        self._sections: List[Section] = []
        self._watch: Optional[Watch] = None

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Watch the time of one test."""
        self._complaint = ""
        try:
            self._limits = limits_of(item, self._of_run)
        except WrongMarkerError as exc:
            self._complaint = f"{MARKER}: {exc}"
        else:
            self._start(item.nodeid)
        try:
            yield
        finally:
            self._stop()

    def _start(self, name: str) -> None:
        if self._limits.seconds:
            self._watch = Watch(name, self._limits, self._teller, self._sections)
            self._watch.start()

    def _stop(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """Leave a test alone in which somebody uses a debugger."""
        self._stop()

    # ------------------------------------------------------------------------------- phases

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        """Fail a test whose marker is wrong, or whose setup takes too long."""
        if not self._complaint:
            yield from self._phase()
            return
        outcome: Any = yield
        _set_exception(outcome, pytest.fail.Exception(self._complaint, pytrace=False))

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self) -> Iterator[None]:
        """Fail a test that takes too long."""
        yield from self._phase()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        """Fail a test whose teardown takes too long."""
        if self._watch is not None and self._watch.interrupter is not None:
            _guard_finalizers(item.session, self._watch.interrupter)
        yield from self._phase()

    def _phase(self) -> Iterator[None]:
        """Let one phase run, and fail it if it was interrupted."""
        watch = self._watch
        interrupter = None if watch is None else watch.interrupter
        if watch is None or interrupter is None:
            yield
            return
        interrupter.enter()
        outcome: Any = yield
        interrupter.leave()
        if interrupter.has_interrupted:
            _fail(outcome, interrupter)
            if self._watch is watch:
                self._stop()
                self._start(watch.name)  # what follows may take as long again

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self) -> Iterator[None]:
        """Put into the report of a phase what the test was doing."""
        outcome: Any = yield
        if self._sections:
            report: pytest.TestReport = outcome.get_result()
            while self._sections:
                report.sections.append(self._sections.pop(0))


def _fail(outcome: Any, interrupter: Interrupter) -> None:
    """Make a failure of what an interrupted phase has come to, unless it failed otherwise."""
    exc: Optional[BaseException] = outcome.excinfo and outcome.excinfo[1]
    if exc is None or exception_in(exc, KeyboardInterrupt) is not None:
        _set_exception(outcome, interrupter.failure(exc))


def _set_exception(outcome: Any, exc: BaseException) -> None:
    if hasattr(outcome, "force_exception"):
        outcome.force_exception(exc)
    else:  # before pluggy 1.1
        outcome._excinfo = (type(exc), exc, exc.__traceback__)


def _guard_finalizers(session: pytest.Session, interrupter: Interrupter) -> None:
    """Let a finalizer that is interrupted by Ctrl-C have failed.

    Else the rest of them would not run, and each test that follows would have an error:
    ``SetupState.teardown_exact`` of ``_pytest/runner.py`` takes `KeyboardInterrupt` for the end.
    """
    stack = getattr(getattr(session, "_setupstate", None), "stack", None)
    if isinstance(stack, dict):
        for finalizers, *_ in stack.values():
            finalizers[:] = [
                one if isinstance(one, _Guarded) else _Guarded(one) for one in finalizers
            ]
            for one in finalizers:
                one.interrupter = interrupter


class _Guarded:
    """A finalizer whose `KeyboardInterrupt` is a failure, if the test was interrupted.

    Args:
        finalizer: What to call.
    """

    __slots__ = ("finalizer", "interrupter")

    interrupter: Interrupter

    def __init__(self, finalizer: Callable[[], object]) -> None:
        self.finalizer = finalizer

    def __call__(self) -> None:
        try:
            self.finalizer()
        except BaseException as exc:
            if self.interrupter.has_interrupted and exception_in(exc, KeyboardInterrupt):
                raise self.interrupter.failure(exc) from None
            raise
