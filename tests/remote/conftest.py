from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.measured import end
from tests.remote.asking import PROGRAMS


@pytest.fixture
def program(tmp_path):
    """Starts a program that knows nothing of this library, and waits until it is ready."""
    started = []

    def start(*words, python=sys.executable, file=PROGRAMS, isolated=True, **options):
        one = subprocess.Popen(
            [python, *(["-E"] if isolated else []), str(file), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            cwd=str(tmp_path),
            **options,
        )
        started.append(one)
        if file == PROGRAMS:
            assert one.stdout.readline() == "ready\n"
        return one

    yield start
    for one in started:
        end(one)
        one.communicate()
