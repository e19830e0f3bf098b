"""Which tasks, threads and greenlets are marked as stuck, and by what."""

from __future__ import annotations

from stackscope.model.snapshot import key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import AbstractSet, Iterable, Sequence, Tuple

    from stackscope.model.snapshot import Finding, Node

    Stuck = AbstractSet[Tuple[str, int]]

__all__ = ["NOBODY", "SIGN", "is_stuck", "stuck_by"]

SIGN = "!"
"""What stands before those that are stuck."""

NOBODY: Stuck = frozenset()


def stuck_by(findings: Iterable[Finding]) -> Stuck:
    """Those at the heart of findings, as `is_stuck` takes them. Who only waits behind is none.

    Args:
        findings: What a diagnosis has found, of whatever snapshot of the process.
    """
    return frozenset([key_of(node) for finding in findings for node in finding.nodes])


def is_stuck(group: Sequence[Node], stuck: Stuck) -> bool:
    """Whether one of those that have a row or a title in common is stuck."""
    return bool(stuck) and any(key_of(node) in stuck for node in group)
