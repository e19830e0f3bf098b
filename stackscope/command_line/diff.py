"""``stackscope diff``: what is different between two saved snapshots of one process."""

from __future__ import annotations

from stackscope.command_line.options import parser_of
from stackscope.command_line.output import FINE, filtered, looks, write_lines
from stackscope.command_line.show import load_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

__all__ = ["diff"]

DESCRIPTION = """\
Compare two snapshots of one process, saved as JSON: which tasks and threads are
at the same lines, which have moved, which are new, and which are gone.
"""


def diff(words: Sequence[str]) -> int:
    """Do ``stackscope diff``. Gives the exit status."""
    parser = parser_of("stackscope diff", DESCRIPTION)
    parser.add_argument("earlier", metavar="A", help="the earlier file")
    parser.add_argument("later", metavar="B", help="the later file")
    parser.add_argument("--filter", metavar="TEXT", help="compare only what matches")
    options = parser.parse_args(words)
    earlier, later = (
        filtered(load_snapshot(path), options.filter) for path in (options.earlier, options.later)
    )
    write_lines(earlier.diff(later).format(**looks()))
    return FINE
