"""Which tasks, threads and greenlets are shown: the filter behind a command's name."""

from __future__ import annotations

from stackscope_pdb.commands.registry import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from stackscope import Finding, Snapshot


def filtered(snapshot: Snapshot, text: str, *, knows_stuck: bool = True) -> Snapshot:
    """What a filter finds.

    Args:
        snapshot: What there is.
        text: The filter.
        knows_stuck: Whether it can be found out what is stuck.

    Raises:
        CommandError: It can't be read.
    """
    import stackscope

    try:
        return snapshot.filter(text, findings=_findings(snapshot) if knows_stuck else None)
    except stackscope.FilterError as exc:
        raise CommandError(str(exc)) from None


def _findings(snapshot: Snapshot) -> Iterator[Finding]:
    """What a diagnosis finds, which is made only if the filter asks for what is stuck."""
    import stackscope

    yield from stackscope.diagnose(snapshot).findings


def nothing_fits(snapshot: Snapshot, command: str) -> str:
    """The sentence for a filter that finds nothing.

    Args:
        snapshot: What it has left of the whole.
        command: What shows all.
    """
    counts = [f"{n} {kind}{'s' * (n != 1)}" for kind, n in snapshot.left_out.items()]
    return (
        f"Nothing matches {snapshot.filtered_by!r}. {command!r} shows all {' and '.join(counts)}."
    )
