"""Greenlets, and the libraries that are built on them.

===========  =====================================================================
`greenlet`   a greenlet as a stack
`finder`     all greenlets of the process
`gevent`     gevent's greenlets, and its monkey patches
`greenback`  tasks that await from synchronous code, by running in a greenlet
===========  =====================================================================

The package itself is installed when greenlet has been imported; gevent and greenback are, when they
have been.
"""

from __future__ import annotations

from stackscope.glue.greenlets import finder, greenlet

__all__ = ["install"]


def install() -> None:
    """Register what is known about greenlets."""
    greenlet.install()
    finder.install()
