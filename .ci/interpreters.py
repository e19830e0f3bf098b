"""Finds the interpreters to test with, and offers them under their plain names.

Four places are looked at: what the script behind `.ci/run` listed, what lies beside that,
pyenv's versions, and `PATH`. Of a version found in several of them the first one counts.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

WITHOUT_GIL = "python3.13t"
WANTED = [*(f"python3.{minor}" for minor in range(8, 16)), WITHOUT_GIL, "pypy3.11"]

# What an interpreter is called, from what it says of itself.
ASK = """
import platform, sys
names = {"CPython": "python", "PyPy": "pypy"}
without_gil = "t" if "free-threading build" in sys.version else ""
name = names[platform.python_implementation()]
print("%s%d.%d%s" % (name, sys.version_info[0], sys.version_info[1], without_gil))
print(platform.python_version())
"""


def listed() -> list[Path]:
    """The interpreters in `INTERPRETERS_LISTED`: lines of name, version and path."""
    lines = os.environ.get("INTERPRETERS_LISTED", "").splitlines()
    return [Path(words[-1]) for words in map(str.split, lines) if words and "/" in words[-1]]


def beside(paths: list[Path]) -> list[Path]:
    """Other wanted interpreters in the folders of these: the list may leave out some builds."""
    folders = dict.fromkeys(path.parent for path in paths)
    near = [folder / name for folder in folders for name in WANTED]
    return [path for path in near if path not in paths and path.is_file()]


def in_pyenv() -> list[Path]:
    """The interpreters that pyenv has installed, newest first."""
    root = os.environ.get("PYENV_ROOT")
    if root is None and shutil.which("pyenv"):
        answer = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
        root = answer.stdout.strip()
    if not root:
        return []
    folders = sorted(Path(root).glob("versions/3.*/bin"), key=by_version, reverse=True)
    return [folder / "python3" for folder in folders]


def by_version(folder: Path) -> list[int]:
    """3.9.18 is older than 3.10.2."""
    return [int(part) for part in folder.parent.name.split(".") if part.isdigit()]


def on_path() -> list[Path]:
    """The interpreters that can be started by their plain names."""
    found = (shutil.which(name) for name in WANTED)
    return [Path(path) for path in found if path]


def ask(path: Path) -> tuple[str, str] | None:
    """The plain name and the full version of an interpreter; None if it can't be started."""
    command = [str(path), "-I", "-c", ASK]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    name, version = answer.stdout.split()
    return name, version


def find() -> dict[str, tuple[Path, str]]:
    """Path and full version of every wanted interpreter that is there, by plain name."""
    found: dict[str, tuple[Path, str]] = {}
    for path in [*listed(), *beside(listed()), *in_pyenv(), *on_path()]:
        answer = ask(path)
        if answer is not None and answer[0] in WANTED:
            found.setdefault(answer[0], (path, answer[1]))
    return {name: found[name] for name in WANTED if name in found}


def offer(name: str, path: Path, folder: Path) -> None:
    """Make `folder/name` start the interpreter at `path`.

    A script and no link: a virtual environment finds its library from the real path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = folder / name
    command.write_text(f'#!/bin/sh\nexec "{path}" "$@"\n')
    command.chmod(0o755)
