"""Every scene in every way of drawing it, to the character.

The expected text is in tests/golden, one file a scene. After a change that is meant to alter it:
``STACKSCOPE_UPDATE_GOLDEN=1 python -m pytest tests/render/test_golden.py``, and read the
difference.
"""

from __future__ import annotations

import itertools
import os
import re

import pytest

from tests.render import program
from tests.render.scenes import SCENES

UPDATE = os.environ.get("STACKSCOPE_UPDATE_GOLDEN")


def normal(text):
    text = text.replace(program.__file__, "/path/program.py")
    return re.sub(r"0x[0-9a-f]+", "0x…", text)


def drawings(stack):
    """All that the model can make of one stack, each under a title."""
    flags = ("ascii_only", "show_contexts", "show_hidden_frames")
    for values in itertools.product((False, True), repeat=3):
        options = dict(zip(flags, values))
        title = ", ".join(f"{name}={value}" for name, value in options.items())
        yield f"format({title})", stack.format(**options)
    if stack.frames:
        yield "frames[0].format()", stack.frames[0].format()
        for context in stack.frames[0].contexts:
            yield "context.format()", context.format()
            yield "context.format(ascii_only=True)", context.format(ascii_only=True)
    yield "format_flat()", stack.format_flat()
    yield "format_flat(show_contexts=True)", stack.format_flat(show_contexts=True)
    for hidden in (False, True):
        summary = stack.as_stdlib_summary(show_contexts=True, show_hidden_frames=hidden)
        lines = [f"{e.filename}:{e.lineno} | {e.name} | {e.line}\n" for e in summary]
        yield f"as_stdlib_summary(show_contexts=True, show_hidden_frames={hidden})", lines


@pytest.mark.parametrize("name", SCENES)
def test_golden(name, repository):
    stack = SCENES[name]()
    parts = []
    for title, lines in drawings(stack):
        assert all(line.endswith("\n") for line in lines)
        parts.append(f"### {title}\n" + "".join(lines))
    text = normal("".join(parts))
    path = repository / "tests" / "golden" / f"{name}.txt"
    if UPDATE:
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode()
