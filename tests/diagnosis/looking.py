"""Diagnosing this process, and comparing what is found with what is expected."""

from __future__ import annotations

import re
import time

import stackscope
from tests.diagnosis.shortfalls import SHORTFALLS

PATIENCE = 3.0
"""For how many seconds a program may take to get as stuck as it is going to be."""

PATIENCE_IN_VAIN = 0.5
"""The same where it is known that less is found."""


def brief(finding):
    """What matters of a finding, to be compared and sent to another process."""
    return {
        "kind": finding.kind,
        "certain": finding.certain,
        "reason": finding.reason,
        "nodes": [node.name for node in finding.nodes],
        "text": str(finding.text),
        "advice": str(finding.advice),
    }


def described(found):
    """A finding of `brief` in a line."""
    sure = "certain" if found["certain"] else "likely"
    return f"{sure} {found['kind']} of {', '.join(sorted(found['nodes']))}"


def false_findings(case, found):
    """What is wrong with any of the findings, whenever the look was taken."""
    return [
        f"not expected: {described(one)}"
        for one in found
        if not any(finding.is_like(one) for finding in case.findings)
    ]


def missing(case, found, text):
    """What is not found, or not told."""
    problems = []
    for finding in case.findings:
        alike = [one for one in found if finding.is_like(one)]
        if len(alike) != 1:
            problems.append(f"found {len(alike)} times: {finding}")
        for one in alike[:1]:
            told = f"{one['text']}\n{one['advice']}"
            words = [*finding.nodes, *case.words_of(finding)]
            problems += [f"{finding} doesn't tell {word!r}" for word in words if word not in told]
            problems += [f"it sends people to {place}" for place in foreign_places(one["advice"])]
    if case.behind and not problems and not tells_number(text, case.behind):
        problems.append(f"it isn't told that {case.behind} wait behind")
    return problems


def foreign_places(advice):
    """The files and lines in an advice that aren't the program's own."""
    places = re.findall(r"\S+\.py:\d+", advice)
    return [place for place in places if not re.search(r"\b(tests|examples)\b", place)]


def tells_number(text, number):
    """Whether the number stands in a line of its own with the word "behind"."""
    return any("behind" in line and str(number) in line.split() for line in text.splitlines())


def saved_alike(diagnosis):
    """What is wrong with the JSON of a diagnosis, and what is read back."""
    text = str(diagnosis)
    loaded = stackscope.Diagnosis.from_json(diagnosis.to_json())
    return [] if str(loaded) == text else [f"read back from JSON it says: {loaded}"]


class Look:
    """What came out of one look, or of several until nothing is missing.

    Args:
        case: The program.
    """

    def __init__(self, case):
        self.case = case
        patience = PATIENCE_IN_VAIN if case.name in SHORTFALLS else PATIENCE
        self.until = time.monotonic() + patience
        self.problems = []
        self.found = []
        self.text = ""
        self.seconds = 0.0
        self.count = 0

    def again(self):
        """Look; returns whether to do so once more, because something may still be on its way."""
        begun = time.monotonic()
        diagnosis = stackscope.diagnose()
        self.seconds = time.monotonic() - begun
        self.count += 1
        is_missing = self.judge(diagnosis)
        del diagnosis  # it has this very frame, which must not have it
        return is_missing and time.monotonic() < self.until

    def judge(self, diagnosis):
        """Note what a diagnosis tells; returns whether it is only that something is missing."""
        self.found = [brief(finding) for finding in diagnosis.findings]
        self.text = str(diagnosis)
        self.problems = false_findings(self.case, self.found)
        if self.problems:
            return False
        self.problems = missing(self.case, self.found, self.text)
        if self.problems:
            return True
        self.problems = saved_alike(diagnosis)
        return False

    def result(self):
        """All of it, for `json`."""
        return {
            "problems": self.problems,
            "found": self.found,
            "text": self.text,
            "seconds": self.seconds,
            "count": self.count,
        }
