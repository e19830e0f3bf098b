"""The JSON Schema of saved snapshots, a check of documents by it, and what writer and reader share.

Of JSON Schema there is what ours uses, no more: the tests see to it that it uses nothing else.
"""

from __future__ import annotations

import functools
import json
import math
import pkgutil
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Tuple

    Entry = Dict[str, Any]
    Check = Callable[[Any], None]

__all__ = ["NUMBERS", "SCHEMA", "SIMPLE_FIELDS", "TIMES", "broken", "check", "schema"]

SCHEMA = "stackscope/1"
"""The version of the schema that is written. It changes if a reader of an older one would err."""

SIMPLE_FIELDS = (
    "call",
    "needs_all",
    "holder_names",
    "seconds_left",
    "deadline",
    "clock",
    "place",
    "count",
    "resource",
    "processes",
    "thread",
    "thread_number",
    "function",
    "pool",
    "loop_thread",
    "notes",
    "is_wrapper",
    "is_time_limit",
    "holders_are_likely",
)
"""The fields of a wait that are written as they are."""

TIMES = ("age", "busy", "idle", "last_ran")
"""The fields of a task that say when something was."""

NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}
"""What JSON has no numbers for."""

TYPES: Dict[str, Tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def broken(why: str) -> ValueError:
    """The error for a document that can't be read."""
    return ValueError(
        f"The document can't be read, since {why}: save it again with Snapshot.to_json(), or"
        " Stack.to_json()."
    )


def schema() -> Entry:
    """The schema of what is written."""
    text = pkgutil.get_data("stackscope.render", "schema-1.json")
    assert text is not None
    found: Entry = json.loads(text)
    return found


def check(document: object) -> None:
    """Check that a document is as the schema says.

    Raises:
        ValueError: It isn't.
    """
    try:
        _checks()(document)
    except RecursionError:
        raise broken("it is nested too deep") from None


@functools.lru_cache(maxsize=1)
def _checks() -> Check:
    return _Compiler(schema()).compile({"$ref": "#"}, "the document")


class _Compiler:
    """Makes functions of the parts of a schema, so that each of them is looked at once.

    Args:
        whole: The whole schema.
    """

    def __init__(self, whole: Entry) -> None:
        self.whole = whole
        self.known: Dict[str, Check] = {}

    def compile(self, part: Entry, name: str) -> Check:
        """The check of what a part of the schema is about, by whose name errors call it."""
        reference = part.get("$ref")
        if reference is not None:
            return self.referred(reference)
        if "anyOf" in part:
            return self.any_of(part, name)
        if "enum" in part:
            return self.one_of(part, name)
        kind = part["type"]
        if kind == "object":
            return self.object(part, name)
        if kind == "array":
            return self.array(part, name)
        return self.simple(part, name)

    def referred(self, reference: str) -> Check:
        """The check of a definition, which may refer to itself."""
        if reference not in self.known:
            self.known[reference] = functools.partial(self.check_later, reference)
            name = reference.rpartition("/")[2]
            part = self.whole if reference == "#" else self.whole["$defs"][name]
            self.known[reference] = self.compile(part, "the document" if name == "#" else name)
        return self.known[reference]

    def check_later(self, reference: str, value: object) -> None:
        """The check of a definition that was still being made when it was referred to."""
        self.known[reference](value)

    def simple(self, part: Entry, name: str) -> Check:
        """Numbers, strings and the like."""
        kind, types, least = part["type"], TYPES[part["type"]], part.get("minimum")

        def check(value: Any) -> None:
            if type(value) not in types or (least is not None and value < least):
                raise broken(f"{name} doesn't fit the schema, which has {kind} there")

        return check

    def one_of(self, part: Entry, name: str) -> Check:
        """One of several values."""
        values = part["enum"]

        def check(value: Any) -> None:
            if not any(type(value) is type(one) and value == one for one in values):
                raise broken(f"{name} is none of {', '.join(map(str, values))}")

        return check

    def any_of(self, part: Entry, name: str) -> Check:
        """What is as one of several parts says."""
        checks = [self.compile(one, name) for one in part["anyOf"]]

        def check(value: Any) -> None:
            for one in checks[:-1]:
                try:
                    return one(value)
                except ValueError:
                    pass
            return checks[-1](value)

        return check

    def array(self, part: Entry, name: str) -> Check:
        """A list."""
        item = self.compile(part["items"], name)
        least, most = part.get("minItems", 0), part.get("maxItems")

        def check(value: Any) -> None:
            if type(value) is not list or len(value) < least:
                raise broken(f"{name} doesn't fit the schema, which has a list there")
            if most is not None and len(value) > most:
                raise broken(f"{name} is too long a list")
            for one in value:
                item(one)

        return check

    def object(self, part: Entry, name: str) -> Check:
        """An object with the fields that are named, and perhaps others of one kind."""
        fields = {key: self.compile(one, key) for key, one in part.get("properties", {}).items()}
        required = part.get("required", ())
        others = part.get("additionalProperties", True)
        names = part.get("propertyNames", {}).get("pattern")
        is_name = re.compile(names).match if names else None
        other = self.compile(others, name) if type(others) is dict else None
        exactly = part.get("maxProperties")

        def check(value: Any) -> None:
            if type(value) is not dict:
                raise broken(f"{name} isn't an object")
            for key in required:
                if key not in value:
                    raise broken(f'a part of it, {name}, has no "{key}"')
            if exactly is not None and len(value) != exactly:
                raise broken(f"{name} has the wrong number of fields")
            for key, one in value.items():
                field = fields.get(key, other)
                if is_name is not None and not is_name(key):
                    raise broken(f"a key in {name} isn't a number")
                if field is None and others is False:
                    raise broken(f"{name} has a field that the schema doesn't know")
                if field is not None:
                    field(one)

        return check
