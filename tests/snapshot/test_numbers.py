"""The numbers of tasks."""

from __future__ import annotations

import asyncio
import gc

from stackscope.api import extract_all
from tests.snapshot.programs import main_with


def test_numbers_are_stable_and_never_used_again():
    def look():
        first, second = ({n.name: n.number for n in extract_all().tasks()} for _ in range(2))
        assert first == second
        return first

    one = asyncio.run(main_with(look))
    gc.collect()
    two = asyncio.run(main_with(look))
    assert not set(one.values()) & set(two.values())
    assert [one[f"child-{n}"] for n in range(3)] == sorted(one[f"child-{n}"] for n in range(3))
