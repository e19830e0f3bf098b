"""Records: dataclasses whose fields and ``__init__`` are made when somebody asks for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

TREE = """
import asyncio, dataclasses
import stackscope

async def main():
    child = asyncio.ensure_future(asyncio.sleep(10))
    await asyncio.sleep(0)
    snapshot = stackscope.extract_all()
    [node] = [node for node in snapshot.tasks() if node.task is child]
    assert node.waiting.call == "asyncio.sleep()", node.waiting
    assert node.waiting.holders == [] and node.waiting.tasks == []
    assert stackscope.Waiting("x").amounts is not stackscope.Waiting("x").amounts
    print(len(dataclasses.fields(stackscope.Waiting)))
    child.cancel()
"""


@pytest.mark.parametrize(
    "before",
    [
        "pass",
        "dataclasses.fields(stackscope.Waiting); dataclasses.fields(stackscope.Snapshot)",
        "dataclasses.is_dataclass(stackscope.Waiting)",
        "stackscope.Waiting().wrap(); dataclasses.fields(stackscope.Waiting)",
        "dataclasses.dataclass(type('Mine', (stackscope.Waiting,), {}))('a call')",
        "stackscope.Waiting.__init__; dataclasses.fields(stackscope.Waiting)",
    ],
)
def test_what_is_asked_for_first_makes_no_difference(before):
    program = f"{TREE}\n{before}\nasyncio.run(main())\n"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert process.stderr == ""
    assert int(process.stdout) > 10
