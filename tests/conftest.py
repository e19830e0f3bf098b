"""What all tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder with this repository's files."""
    return Path(__file__).resolve().parent.parent


def pytest_configure() -> None:
    """Let programs in terminals be interrupted, also where the tests run in the background of a shell.

    A shell has such processes ignore ``SIGINT``, and they hand that down.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
