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
        later: The later snapshot.
        same: Those at the same lines, as nodes of the later snapshot. They may have moved in
            between and come back.
        moved: Those at other lines, as pairs of the earlier and the later node.
        gone: Those that are not there any more.
        new: Those that were not there earlier.

    Example:
        >>> import threading
        >>> earlier, end = extract_all(), threading.Event()
        >>> thread = threading.Thread(target=end.wait, name="helper")
        >>> thread.start()
        >>> [node.name for node in earlier.diff(extract_all()).new]
        ['helper']
        >>> end.set()
        >>> thread.join()
    """

    earlier: Snapshot
    later: Snapshot
    same: List[Node] = new(list)
    moved: List[Tuple[Node, Node]] = new(list)
    gone: List[Node] = new(list)
    new: List[Node] = new(list)

    @property
    def seconds(self) -> float:
        """The seconds between the two snapshots."""
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
        """Draw the difference: how many there are of each kind, and where. Equal ones are grouped.

        Args:
            ascii_only: Draw with ASCII characters only.
            color: Use colours, by ANSI escape sequences.
            width: How many columns a line may take.

        Returns:
            The lines, each ending in a newline.
        """
        from stackscope.render.difference import format_difference

        return format_difference(self, ascii_only=ascii_only, color=color, width=width)
