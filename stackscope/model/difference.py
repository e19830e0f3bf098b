"""What is different between two snapshots of one process."""

from __future__ import annotations

from stackscope.model.records import brief_record, new

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from stackscope.model.snapshot import Node, Snapshot

__all__ = ["Difference"]


@brief_record
class Difference:
    """What is different between two snapshots of one process: tasks, threads, greenlets.

    Args:
        earlier: The earlier snapshot.
        later: The later one.
        same: Those that stand at the same lines, as they were found later. That they have not moved
            meanwhile doesn't follow: they may have come back.
        moved: Those that stand somewhere else, as they were found earlier and later.
        gone: Those that are not there any more.
        new: Those that were not there earlier.
    """

    earlier: Snapshot
    later: Snapshot
    same: List[Node] = new(list)
    moved: List[Tuple[Node, Node]] = new(list)
    gone: List[Node] = new(list)
    new: List[Node] = new(list)

    @property
    def seconds(self) -> float:
        """The time between the two."""
        return self.later.taken_at - self.earlier.taken_at

    def __repr__(self) -> str:
        return (
            f"<Difference: {len(self.same)} same, {len(self.moved)} moved, {len(self.new)} new, "
            f"{len(self.gone)} gone>"
        )

    def __str__(self) -> str:
        return "".join(self.format())

    def format(
        self, *, ascii_only: bool = False, color: bool = False, width: int = 120
    ) -> List[str]:
        """Draw it: how many there are of each, and where they stand; those that are alike as one.

        Args:
            ascii_only: Draw with ASCII characters only.
            color: Use colours, by ANSI escape sequences.
            width: How many columns a line may take.

        Returns:
            The lines, each ending in a newline.
        """
        from stackscope.render.difference import format_difference

        return format_difference(self, ascii_only=ascii_only, color=color, width=width)
