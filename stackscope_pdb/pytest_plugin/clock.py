"""Watches the time of each test, and fails those that take too long if that is wanted."""

from __future__ import annotations

import pytest

from stackscope_pdb.pytest_plugin.groups import exception_in
from stackscope_pdb.pytest_plugin.limits import (
    MARKER,
    WrongMarkerError,
    limits_of,
    limits_of_run,
)
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

    def _phase(self) -> Iterator[None]:
        """Let one phase run, and fail it if it was interrupted."""
        interrupter = self._interrupter()
        if interrupter is None:
            yield
            return
        interrupter.enter()
        outcome: Any = yield
        interrupter.leave()
        if interrupter.has_interrupted:
            exc: Optional[BaseException] = outcome.excinfo and outcome.excinfo[1]
            if _is_to_fail(exc):
                _set_exception(outcome, interrupter.failure(exc))
            self._begin_anew()

    def _interrupter(self) -> Optional[Interrupter]:
        """What interrupts the test if that takes too long; ``None`` if nothing does."""
        return None if self._watch is None else self._watch.interrupter

    def _begin_anew(self) -> None:
        """Give what follows, such as the teardown, as much time again."""
        if self._watch is not None:  # nobody has begun to debug meanwhile
            name = self._watch.name
            self._stop()
            self._start(name)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Fail finalizers that take too long, each by itself.

        What else pytest does here must not be interrupted, nor end by `KeyboardInterrupt`: the rest
        of the finalizers would not run, and each test that follows would have an error. See
        ``SetupState.teardown_exact`` of ``_pytest/runner.py``.
        """
        stack = getattr(getattr(item.session, "_setupstate", None), "stack", None)
        if self._interrupter() is not None and isinstance(stack, dict):
            for finalizers, *_ in stack.values():
                for index, one in enumerate(finalizers):
                    if not isinstance(one, _Finalizer):
                        finalizers[index] = _Finalizer(self, one)

    def finalize(self, finalizer: Callable[[], object]) -> None:
        """Call a finalizer, and fail it if it was interrupted."""
        interrupter = self._interrupter()
        if interrupter is None:
            finalizer()
            return
        exc: Optional[BaseException] = None
        try:
            interrupter.enter()
            finalizer()
        except BaseException as raised:
            exc = raised
        interrupter.leave()
        if interrupter.has_interrupted:
            exc = interrupter.failure(exc) if _is_to_fail(exc) else exc
            self._begin_anew()
        if exc is not None:
            try:
                raise exc
            finally:
                del exc  # its traceback holds this frame

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self) -> Iterator[None]:
        """Put into the report of a phase what the test was doing."""
        outcome: Any = yield
        if self._sections:
            report: pytest.TestReport = outcome.get_result()
            while self._sections:
                report.sections.append(self._sections.pop(0))


def _is_to_fail(exc: Optional[BaseException]) -> bool:
    """Whether what was interrupted has gone on, or ended by Ctrl-C, rather than failed."""
    return exc is None or exception_in(exc, KeyboardInterrupt) is not None


def _set_exception(outcome: Any, exc: BaseException) -> None:
    if hasattr(outcome, "force_exception"):
        outcome.force_exception(exc)
    else:  # before pluggy 1.1
        outcome._excinfo = (type(exc), exc, exc.__traceback__)


class _Finalizer:
    """A finalizer that can be interrupted.

    Args:
        clock: Who calls it.
        finalizer: What to call.
    """

    __slots__ = ("_clock", "_finalizer")

    def __init__(self, clock: Clock, finalizer: Callable[[], object]) -> None:
        self._clock = clock
        self._finalizer = finalizer

    def __call__(self) -> None:
        self._clock.finalize(self._finalizer)
