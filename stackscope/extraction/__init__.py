"""Private. From a stack item to a stack: unwrapping, contexts, hooks."""

from __future__ import annotations
