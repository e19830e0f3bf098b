"""Random targets of `with … as`, each with the normal form in which it must be reported."""

from __future__ import annotations

import random
from typing import Any, Callable, List, NamedTuple, Optional, Tuple

from .expressions import Scope


class Target(NamedTuple):
    """An assignment target."""

    text: str
    #: How it must be reported; None if it can't be written back faithfully.
    normal: Optional[str]
    #: None for anything, else the list of shapes that it unpacks; "*" stands for a starred one.
    shape: Any = None


#: Text and normal form of targets that any scope may use.
_PLACES: List[Tuple[str, Optional[str]]] = [
    ("ns.foo", "ns.foo"),
    ("ns.foo.bar", "ns.foo.bar"),
    ("(ns.foo)", "ns.foo"),
    ("dct['one']", "dct['one']"),
    ('dct["it\'s"]', 'dct["it\'s"]'),
    ("dct[1]", "dct[1]"),
    ("dct[-1]", "dct[-1]"),
    ("dct[300]", "dct[300]"),
    ("dct[1.5]", "dct[1.5]"),
    ("dct[b'x']", "dct[b'x']"),
    ("dct[None]", "dct[None]"),
    ("dct[True]", "dct[True]"),
    ("dct[1, 'a']", "dct[(1, 'a')]"),
    ("dct[()]", "dct[()]"),
    ("sink[ns]", "sink[ns]"),
    ("sink[ns.foo, 1]", "sink[(ns.foo, 1)]"),
    ("sink[sink[1]].foo", "sink[sink[1]].foo"),
    ("fn().foo", "fn().foo"),
    ("fn(1, ns).foo", "fn(1, ns).foo"),
    ("fn(fn(None)).foo.bar", "fn(fn(None)).foo.bar"),
    ("ns.fn(1).foo", "ns.fn(1).foo"),
    ("ns.fn()[2]", "ns.fn()[2]"),
    ("globals()['ns'].bar", "globals()['ns'].bar"),
    ("sink[p()]", "sink[p()]"),
    ("touchy.foo", "touchy.foo"),
    ("touchy['a']", "touchy['a']"),
    # Not faithfully: operators, keywords, stars, displays, conditions.
    ("fn(x=1).foo", None),
    ("fn(*lst).foo", None),
    ("fn(**dct2).foo", None),
    ("sink[p() + 1]", None),
    ("sink[-p()]", None),
    ("sink[not p()]", None),
    ("sink[p() == 1]", None),
    ("sink[1 if c() else 2]", None),
    ("sink[c() or p()]", None),
    ("sink[{1: p()}]", None),
    ("sink[f'{p()}']", None),
    ("sink[lambda: 0]", None),
    ("sink[[p() for _ in r(2)]]", None),
]


def random_target(rng: random.Random, scope: Scope, fresh: Callable[[str], str]) -> Target:
    """Choose a target that `scope` may assign to."""
    kind = rng.randrange(10)
    if kind < 4:
        return _name(fresh("x"))
    if kind == 4 and scope.targets:
        return _name(rng.choice(scope.targets))
    if kind < 8:
        return _place(rng, scope)
    return _sequence(rng, scope, fresh, 0)


def _name(text: str) -> Target:
    return Target(text, text)


def _place(rng: random.Random, scope: Scope) -> Target:
    if rng.random() < 0.1:
        if scope.can_yield or scope.makes_async_generator:
            return Target("sink[(yield p())]", None)
        if scope.is_async:
            return Target("sink[await sus(1)]", None)
    if rng.random() < 0.05 and not scope.is_class:
        return Target("sink[(w0 := p())]", None)
    return Target(*rng.choice(_PLACES))


def _sequence(rng: random.Random, scope: Scope, fresh: Callable[[str], str], depth: int) -> Target:
    count = rng.choice((0, 1, 1, 2, 2, 3, 3))
    starred = rng.randrange(count) if count and rng.random() < 0.3 else None
    parts: List[Target] = []
    for number in range(count):
        choice = rng.randrange(6)
        if choice == 0 and depth < 2 and number != starred:
            parts.append(_sequence(rng, scope, fresh, depth + 1))
        elif choice == 1:
            parts.append(_place(rng, scope))
        else:
            parts.append(_name(fresh("y")))
    texts = [("*" if n == starred else "") + part.text for n, part in enumerate(parts)]
    normals = [
        None if part.normal is None else ("*" if n == starred else "") + part.normal
        for n, part in enumerate(parts)
    ]
    shape = ["*" if n == starred else part.shape for n, part in enumerate(parts)]
    if rng.random() < 0.5:
        text = f"[{', '.join(texts)}]"
    else:
        text = f"({', '.join(texts)}{',' * (count == 1)})"
    faithful = [n for n in normals if n is not None]
    if len(faithful) < count:
        return Target(text, None, shape)
    return Target(text, f"({', '.join(faithful)}{',' * (count == 1)})", shape)
