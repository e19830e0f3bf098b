"""The benchmarks run, and the page about speed says what they have measured."""

from __future__ import annotations

import json
import subprocess
import sys

from benchmarks import page
from tests.helpers.repository import ROOT


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
