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
Tell what is different between two snapshots of one process, saved as JSON: what
stands at the same lines, what has moved, what is new and what is gone.
"""


def diff(words: Sequence[str]) -> int:
    """Do ``stackscope diff``. Gives the exit status."""
    parser = parser_of("stackscope diff", DESCRIPTION)
    parser.add_argument("earlier", metavar="A", help="the earlier file")
    parser.add_argument("later", metavar="B", help="the later one")
    parser.add_argument("--filter", metavar="TEXT", help="tell of what this filter finds")
    options = parser.parse_args(words)
    earlier, later = (
        filtered(load_snapshot(path), options.filter) for path in (options.earlier, options.later)
    )
    write_lines(earlier.diff(later).format(**looks()))
    return FINE
