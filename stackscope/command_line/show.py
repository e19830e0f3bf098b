"""``stackscope show``: a snapshot that was saved as JSON."""

from __future__ import annotations

import json

from stackscope.command_line.dump import show_found
from stackscope.command_line.options import add_formats, parser_of
from stackscope.command_line.output import read_file, read_json
from stackscope.model.diagnosis import Diagnosis
from stackscope.model.snapshot import Snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence

__all__ = ["load_snapshot", "show"]

DESCRIPTION = """\
Show a snapshot that was saved as JSON, by "stackscope dump --json" or by
Snapshot.to_json().

A file from "stackscope dump --why --json" says what is stuck. For other files,
--why looks only at who waits for whom.
"""


def show(words: Sequence[str]) -> int:
    """Do ``stackscope show``. Gives the exit status."""
    parser = parser_of("stackscope show", DESCRIPTION)
    parser.add_argument("file", metavar="FILE", help="the file (- for stdin)")
    add_formats(parser)
    options = parser.parse_args(words)
    data = read_file(options.file)
    if _has_diagnosis(data):
        diagnosis = read_json(options.file, data, Diagnosis.from_json)
        return show_found(diagnosis.snapshot, diagnosis if options.why else None, options)
    snapshot = read_json(options.file, data, Snapshot.from_json)
    found = None
    if options.why:
        from stackscope.api import diagnose

        found = diagnose(snapshot)
    return show_found(snapshot, found, options)


def load_snapshot(path: str) -> Snapshot:
    """The snapshot in a file.

    Raises:
        CommandError: There is none.
    """
    data = read_file(path)
    if _has_diagnosis(data):
        found: Snapshot = read_json(path, data, Diagnosis.from_json).snapshot
    else:
        found = read_json(path, data, Snapshot.from_json)
    return found


def _has_diagnosis(data: bytes) -> bool:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and "diagnosis" in document
