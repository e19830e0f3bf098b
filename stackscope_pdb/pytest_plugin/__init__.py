"""Private. What `pytest` loads: breakpoints under captured output, and tests that hang.

Without being asked it adds options and a marker, and arranges that `stackscope_pdb.set_trace`, when
it is called, lets pytest give the terminal back first. Nothing happens per test, and neither the
library nor the debugger is imported before one of them is used. ``-p no:stackscope`` turns
everything off.

=============== ==========================================================================
`limits`        how long a test may take, and what happens then: options and the marker
`clock`         watches the time of each test, and fails those that take too long
`watch`         the thread that looks at one test
`interrupting`  how a test in the main thread is interrupted
`telling`       what is printed, and where
`groups`        exceptions inside groups
=============== ==========================================================================

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

import pytest

from stackscope_pdb.entry.making import debugger_maker, set_debugger_maker
from stackscope_pdb.pytest_plugin.limits import FAIL, MARKER, OPTIONS, limits_of_run, setting_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Set

OUR_CLASS = ("stackscope_pdb", "Pdb")
OUR_PACKAGES = ("stackscope", "stackscope_pdb", "stackscope_ipython")
"""As `OWN_PACKAGES` of `stackscope.snapshot.user_code`, which isn't imported when pytest starts."""


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options, and the settings of the same meaning."""
    _keep_asserts(pluginmanager)
    group = parser.getgroup("stackscope", "what tests that hang are doing (stackscope)")
    for option, says in OPTIONS:
        group.addoption(option, metavar="SECONDS", default=None, help=says)
        parser.addini(setting_of(option), f"As {option}.", default="0")
    says = "Fail a test that takes too long, by interrupting it, instead of leaving it running."
    group.addoption(FAIL, action="store_true", default=None, help=says)
    parser.addini(setting_of(FAIL), f"As {FAIL}.", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """Be ready for breakpoints, and watch the time if that was asked for."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(seconds, *, fail=None, repeat=None): show what the test is doing when it takes "
        "longer than this, fixtures included; with fail=True, fail it then; with repeat, "
        "show what has changed each time this many seconds have passed (stackscope)",
    )
    _let_pytest_make_debuggers(config)
    if limits_of_run(config).seconds:
        _watch_the_time(config)


def pytest_collection_modifyitems(config: pytest.Config, items: List[pytest.Item]) -> None:
    """Watch the time if a test has our marker."""
    if any(item.get_closest_marker(MARKER) for item in items):
        _watch_the_time(config)


def _watch_the_time(config: pytest.Config) -> None:
    from stackscope_pdb.pytest_plugin.clock import Clock

    if not config.pluginmanager.has_plugin(Clock.NAME):
        config.pluginmanager.register(Clock(config), Clock.NAME)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process of pytest-xdist, which has no terminal, how wide ours is."""
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        node.workerinput["stackscope_width"] = reporter._tw.fullwidth


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
            from stackscope_pdb.pytest_plugin.groups import exception_in

            found = exception_in(call.excinfo.value, pytest.exit.Exception)
            if found is not None:
                raise found from None
