"""Starts Python in a pseudo-terminal."""

from __future__ import annotations

import sys
import warnings

ENDING = 0.02
"""Seconds that a program has to end by itself, after each of the signals by which it is ended."""


def start(arguments, folder, env, columns, rows):
    """Start ``python ARGUMENTS`` in a folder; gives what pexpect has for it.

    pexpect waits before it sends anything, since some programs throw away what comes before they
    ask. Ours don't, and the tests send thousands of lines.
    """
    import pexpect

    with warnings.catch_warnings():
        # pexpect forks; 3.12 and later mind if another thread is running meanwhile
        warnings.simplefilter("ignore", DeprecationWarning)
        child = pexpect.spawn(
            sys.executable,
            arguments,
            cwd=str(folder),
            env=env,
            encoding="utf-8",
            dimensions=(rows, columns),
            timeout=60,
        )
    child.delaybeforesend = None
    child.ptyproc.delayafterclose = child.ptyproc.delayafterterminate = ENDING
    return child


def close_when_ended(child):
    """Wait for the end of a program that has let go of its terminal, so that it has a status."""
    child.wait()
    child.close()


def end(child):
    """End a program, whatever it does, and close its terminal."""
    import pexpect

    try:
        child.close(force=True)
    except pexpect.ExceptionPexpect:
        # It was killed, but on a busy machine that may take longer than `ENDING`.
        child.wait()
        child.close()
