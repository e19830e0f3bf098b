"""Saved snapshots: all that the schema allows is read, drawn and written again, or refused."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from stackscope import Diagnosis, Snapshot, Stack
from stackscope.render.schema import check
from tests.helpers.rows import IN_TURN
from tests.properties.documents import SIZE, documents

pytestmark = IN_TURN  # the same inputs on all versions

READERS = {"snapshot": Snapshot, "stack": Stack, "diagnosis": Diagnosis}


def prepared(document):
    """The same document, where what stands inside of something else comes after it."""
    for name in ("tasks", "items"):
        for index, entry in enumerate(document[name]):
            keep(entry, "children", lambda child, index=index: child > index)
    for index, entry in enumerate(document["stacks"]):
        for frame in entry["frames"]:
            keep(frame, "contexts", lambda context, index=index: context >= index)
    for index, entry in enumerate(document["contexts"]):
        if entry.get("inner_stack", SIZE) <= index:
            del entry["inner_stack"]
        keep(entry, "children", lambda child, index=index: min(child.values()) > index)
    return document


def keep(entry, name, which):
    if name in entry:
        entry[name] = list(filter(which, entry[name]))


def roundtrip(document, kind):
    """Read, write and read it again; gives whether it wasn't refused."""
    check(document)
    reader = READERS[kind]
    try:
        found = reader.from_json(json.dumps(document))
    except ValueError as exc:
        assert str(exc).startswith("The document can't be read, since ")
        return False
    text = found.to_json()
    check(json.loads(text))
    again = reader.from_json(text)
    assert again.to_json() == text
    assert str(again) == str(found)
    return True


@settings(max_examples=max(25, settings().max_examples // 2))  # these are large
@given(st.data(), st.sampled_from(sorted(READERS)), st.booleans())
def test_what_is_read_is_written_again(data, kind, has_circles):
    document = data.draw(documents(kind))
    roundtrip(document if has_circles else prepared(document), kind)
