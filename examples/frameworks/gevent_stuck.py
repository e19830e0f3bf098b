"""gevent: two greenlets that take two semaphores in opposite order."""

from __future__ import annotations

import gevent
from gevent.lock import BoundedSemaphore

import stackscope

accounts = {"ada": BoundedSemaphore(), "bob": BoundedSemaphore()}


def transfer(source, target):
    with accounts[source]:
        gevent.sleep(0.05)
        with accounts[target]:
            pass


gevent.spawn(transfer, "ada", "bob")
gevent.spawn(transfer, "bob", "ada")
gevent.sleep(0.3)
print(stackscope.extract_all())
