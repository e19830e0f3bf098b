"""Documents as the JSON Schema of saved snapshots allows them, of all fields that it has."""

from __future__ import annotations

import functools

from hypothesis import strategies as st

from stackscope.render.schema import schema
from tests.properties.texts import texts

SIZE = 3
"""How many entries each table has, so that most references lead somewhere."""

TABLES = ("tasks", "threads", "items", "stacks", "contexts", "codes", "objects")

DEEPEST = 6
"""So many levels below the document there is only what must be there."""

NUMBERS = st.integers(-1, 100) | st.sampled_from([0.0, 0.5, -1.5, 1e300])


@functools.lru_cache(maxsize=1)
def whole():
    """The schema."""
    return schema()


@functools.lru_cache(maxsize=None)
def one_of(options):
    """One of some values. Hypothesis takes longer to make a strategy than to use it."""
    return st.sampled_from(options)


@functools.lru_cache(maxsize=None)
def some_of(options):
    """Up to four different ones of some values."""
    return st.lists(one_of(options), unique=True, max_size=4)


@functools.lru_cache(maxsize=None)
def texts_up_to(longest):
    """Any texts."""
    return texts(longest)


# Plain functions: for a strategy of its own at each level, drawing took several times as long.
def value(draw, part, depth=0):
    """What a part of the schema allows."""
    reference = part.get("$ref", "")
    if reference.endswith("/index"):
        return draw(st.integers(0, SIZE - 1))
    if reference:
        return value(draw, whole()["$defs"][reference.rpartition("/")[2]], depth)
    if "anyOf" in part:
        kinds = part["anyOf"]
        return value(draw, kinds[draw(st.integers(0, len(kinds) - 1))], depth)
    if "enum" in part:
        return draw(one_of(tuple(part["enum"])))
    kind = part["type"]
    if kind == "object":
        return an_object(draw, part, depth)
    if kind == "array":
        least = part.get("minItems", 0)
        most = part.get("maxItems", least if depth > DEEPEST else max(least, 2))
        return [
            value(draw, part["items"], depth + 1) for _ in range(draw(st.integers(least, most)))
        ]
    if kind == "string":
        return draw(texts_up_to(4))
    if kind == "boolean":
        return draw(st.booleans())
    return draw(NUMBERS if kind == "number" else st.integers(part.get("minimum", 1), 50))


def an_object(draw, part, depth):
    """What a part of the schema allows that is about an object."""
    fields, required = part.get("properties", {}), part.get("required", [])
    if "maxProperties" in part:  # one of several references
        required = [draw(one_of(tuple(sorted(fields))))]
        fields = {name: fields[name] for name in required}
    optional = () if depth > DEEPEST else tuple(sorted(set(fields) - set(required)))
    taken = draw(some_of(optional)) if optional else []
    found = {name: value(draw, fields[name], depth + 1) for name in [*required, *taken]}
    others = part.get("additionalProperties")
    if isinstance(others, dict):
        key = str(draw(st.integers(1, 9))) if "propertyNames" in part else draw(texts_up_to(3))
        found[key] = value(draw, others, depth + 1)
    return found


@st.composite
def documents(draw, kind):
    """A document that has something: ``"snapshot"``, ``"stack"`` or ``"diagnosis"``."""
    fields = whole()["properties"]
    wanted = ["schema", kind] + ["snapshot"] * (kind == "diagnosis")
    found = {name: value(draw, fields[name]) for name in wanted}
    for name in TABLES:
        found[name] = [value(draw, fields[name]["items"], 1) for _ in range(SIZE)]
    return found
