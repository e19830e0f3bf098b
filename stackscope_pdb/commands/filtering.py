"""Which tasks, threads and greenlets are shown: the filter behind a command's name."""

from __future__ import annotations

from stackscope_pdb.commands.registry import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator

    from stackscope import Snapshot


def filtered(snapshot: Snapshot, text: str) -> Snapshot:
    """What a filter finds.

    Raises:
        CommandError: It can't be read.
    """
    import stackscope

    diagnose = getattr(stackscope, "diagnose", None)
    findings = None if diagnose is None else _findings(diagnose, snapshot)
    try:
        return snapshot.filter(text, findings=findings)
    except stackscope.FilterError as exc:
        raise CommandError(str(exc)) from None


def _findings(diagnose: Callable[[Snapshot], Any], snapshot: Snapshot) -> Iterator[Any]:
    """What a diagnosis finds, which is made only if the filter asks for what is stuck."""
    yield from diagnose(snapshot).findings


def nothing_fits(snapshot: Snapshot, command: str) -> str:
    """The sentence for a filter that finds nothing.

    Args:
        snapshot: What it has left of the whole.
        command: What shows all.
    """
    counts = [f"{n} {kind}{'s' * (n != 1)}" for kind, n in snapshot.left_out.items()]
    return f"Nothing fits {snapshot.filtered_by!r}. {command!r} shows all {' and '.join(counts)}."
