"""Greenlets, and the libraries that are built on them.

===============  =========================================================================
`greenlet`       a greenlet as a stack
`finder`         all greenlets of the process
`gevent`         gevent's greenlets, and its monkey patches
`gevent_waits`   what gevent's greenlets wait for
`gevent_pools`   the same for those that wait for a pool or a group of greenlets
`gevent_waking`  which greenlets a timer wakes or kills
`eventlet`       eventlet's greenlets, and what they wait for
`greenback`      tasks that await from synchronous code, by running in a greenlet
===============  =========================================================================

The package itself is installed when greenlet has been imported; the others are, when their
libraries have been.
"""

from __future__ import annotations

from stackscope.glue.greenlets import finder, greenlet

__all__ = ["install"]


def install() -> None:
    """Register what is known about greenlets."""
    greenlet.install()
    finder.install()
