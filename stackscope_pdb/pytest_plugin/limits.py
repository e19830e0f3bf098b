"""How long a test may take, and what happens then."""

from __future__ import annotations

from _thread import TIMEOUT_MAX

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

MARKER = "stackscope_timeout"
OPTIONS = (
    (
        "--stackscope-timeout",
        (
            "Print the task tree and the stacks of all threads when a test, with its fixtures, "
            "takes longer than SECONDS. The test is left running. 0 turns it off."
        ),
    ),
    (
        "--stackscope-timeout-repeat",
        (
            "After that, print every SECONDS what has changed since, as long as the test runs. "
            "0 turns it off."
        ),
    ),
)
"""The options that take a number of seconds. A setting has the same name, with underscores."""

FAIL = "--stackscope-timeout-fail"

LONGEST = min(TIMEOUT_MAX, 1e9)
"""The most seconds that a test may be given."""

USAGE = f"write @pytest.mark.{MARKER}(SECONDS, fail=True) or (SECONDS, repeat=SECONDS)"


class Limits:
    """How long a test may take, and what happens then.

    Args:
        seconds: The time; 0 if it may take any.
        fails: Whether the test is failed then.
        repeat: After how many seconds it is looked at again; 0 for never.
    """

    __slots__ = ("fails", "repeat", "seconds")

    def __init__(self, seconds: float, fails: bool, repeat: float) -> None:
        self.seconds: float = seconds
        self.fails: bool = fails
        self.repeat: float = repeat


class WrongMarkerError(Exception):
    """The marker of a test has arguments that mean nothing. The message says what to write."""


def setting_of(option: str) -> str:
    """The name that an option has in a file of settings."""
    return option.strip("-").replace("-", "_")


def limits_of_run(config: pytest.Config) -> Limits:
    """What the options say, and the settings where there is no option.

    Raises:
        pytest.UsageError: One of them isn't a number of seconds.
    """
    seconds, repeat = [_from_option(config, option) for option, _ in OPTIONS]
    fails = config.getoption(FAIL) or config.getini(setting_of(FAIL))
    return Limits(seconds, bool(fails), repeat)


def _from_option(config: pytest.Config, option: str) -> float:
    given = config.getoption(option)
    setting = setting_of(option)
    name, text = (setting, config.getini(setting)) if given is None else (option, given)
    try:
        seconds = _in_range(float(text or 0))
    except ValueError:
        seconds = None
    if seconds is None:
        raise pytest.UsageError(f"{name} takes a number of seconds, not {text!r}")
    return seconds


def _in_range(seconds: float) -> Optional[float]:
    return seconds if 0 <= seconds <= LONGEST else None  # nor is NaN


def limits_of(item: pytest.Item, of_run: Limits) -> Limits:
    """What holds for one test: its marker, that of its class or module, or what holds for all.

    Raises:
        WrongMarkerError: The marker is wrong.
    """
    mark = item.get_closest_marker(MARKER)
    if mark is None:
        return of_run
    try:
        return _limits_of_mark(of_run, *mark.args, **mark.kwargs)
    except TypeError:  # a wrong number of arguments, or of another name
        raise WrongMarkerError(f"the marker's arguments are wrong: {USAGE}") from None


def _limits_of_mark(
    of_run: Limits, seconds: object, *, fail: object = None, repeat: object = None
) -> Limits:
    if fail is not None and not isinstance(fail, bool):
        raise WrongMarkerError(f"fail takes True or False, not {fail!r}: {USAGE}")
    return Limits(
        _from_mark("seconds", seconds),
        of_run.fails if fail is None else fail,
        of_run.repeat if repeat is None else _from_mark("repeat", repeat),
    )


def _from_mark(name: str, value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = _in_range(value)
        if seconds is not None:
            return seconds
    raise WrongMarkerError(f"{name} takes a number of seconds, not {value!r}: {USAGE}")
