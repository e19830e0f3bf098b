"""What the schema of saved snapshots allows, and how what it doesn't is told."""

from __future__ import annotations

import pytest

from stackscope.render.schema import _Compiler, check

WHOLE = {
    "$defs": {
        "pair": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
        "node": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "place": {"anyOf": [{"enum": [None]}, {"$ref": "#/$defs/pair"}]},
                "inner": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "additionalProperties": False,
        },
        "one of two": {"enum": ["a", 1]},
        "numbered": {
            "type": "object",
            "propertyNames": {"pattern": "^[0-9]+$"},
            "additionalProperties": {"type": "integer", "minimum": 0},
            "maxProperties": 1,
        },
    }
}


def complaint(name, value):
    """What is said of a value; nothing if it is right."""
    try:
        _Compiler(WHOLE).compile({"$ref": f"#/$defs/{name}"}, name)(value)
    except ValueError as exc:
        return str(exc)
    return None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pair", [1, 2]),
        ("node", {"name": ""}),
        ("node", {"name": "n", "place": None, "inner": []}),
        ("node", {"name": "n", "place": [1, 2], "inner": [{"name": "m", "inner": []}]}),
        ("one of two", "a"),
        ("one of two", 1),
        ("numbered", {"12": 0}),
    ],
)
def test_what_is_right(name, value):
    assert complaint(name, value) is None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("pair", [1], "pair doesn't fit the schema, which has a list there"),
        ("pair", {"0": 1}, "pair doesn't fit the schema, which has a list there"),
        ("pair", [1, 2, 3], "pair is too long a list"),
        ("pair", [1, "2"], "pair doesn't fit the schema, which has integer there"),
        ("pair", [1, True], "pair doesn't fit the schema, which has integer there"),
        ("node", [], "node isn't an object"),
        ("node", {}, 'a part of it, node, has no "name"'),
        ("node", {"name": 1}, "name doesn't fit the schema, which has string there"),
        ("node", {"name": "n", "other": 1}, "node has a field that the schema doesn't know"),
        ("node", {"name": "n", "place": [1]}, "pair doesn't fit the schema"),
        ("node", {"name": "n", "inner": [{}]}, 'a part of it, node, has no "name"'),
        ("one of two", "b", "one of two is none of a, 1"),
        ("one of two", True, "one of two is none of a, 1"),
        ("numbered", {}, "numbered has the wrong number of fields"),
        ("numbered", {"1": 1, "2": 2}, "numbered has the wrong number of fields"),
        ("numbered", {"one": 1}, "a key in numbered isn't a number"),
        ("numbered", {"1": -1}, "numbered doesn't fit the schema, which has integer there"),
    ],
)
def test_what_is_wrong(name, value, words):
    assert words in (complaint(name, value) or "")


def test_a_document_that_is_nested_too_deep(monkeypatch):
    def fail(document):
        raise RecursionError

    monkeypatch.setattr("stackscope.render.schema._checks", lambda: fail)
    with pytest.raises(ValueError, match="it is nested too deep"):
        check({})
