"""The benchmarks run, and the page about speed says what they have measured."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from benchmarks import page
from tests.helpers.repository import ROOT
from tests.helpers.rows import IN_TURN

pytestmark = IN_TURN


def test_page_is_made_of_the_results():
    assert page.PAGE.read_text(encoding="utf-8") == page.page(), "run `python -m benchmarks.page`"


def test_what_is_slower_stands_in_bold():
    row = {"seconds": 3.0, "baseline seconds": 2.0, "peer seconds": 30.0}
    assert page.ratio(row, "baseline seconds") == "**1.5**"
    assert page.ratio(row, "peer seconds") == "0.10"
    assert page.ratio({**row, "peer seconds": "another answer"}, "peer seconds") == "another answer"
    assert page.ratio(None, "peer seconds") == ""


def test_a_case_runs(tmp_path):
    options = ["--repeat=1", "--rounds=1", f"--json={tmp_path / 'found.json'}"]
    command = [sys.executable, "-m", "benchmarks", *options, "chain"]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert [row["case"] for row in found["rows"]] == ["chain", "chain, no contexts"]
    assert all(row["complete"] and row["seconds"] > 0 for row in found["rows"])


@pytest.mark.skipif(not hasattr(time, "pthread_getcpuclockid"), reason="no clock of a thread")
def test_very_many_tasks(tmp_path):
    command = [
        sys.executable,
        "-m",
        "benchmarks.many",
        "--tasks=20",
        f"--json={tmp_path / 'found'}",
    ]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    found = json.loads((tmp_path / "found").read_text(encoding="utf-8"))["many"]
    assert {"asyncio"} <= set(found)
    for rows in found.values():
        assert {"``tasks`` in the debugger", "a dump on a signal"} < {row["title"] for row in rows}
        assert all(row["seconds"] > 0 for row in rows)
