"""Runs the jobs of `.ci/run`, and sums up what passed.

A job that fails doesn't keep the others from running. The output of each one is printed
in one piece when it ends. The tests use all cores, so each run of them has the machine for
itself; the other jobs run two at a time.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import interpreters

PARALLEL = 2
ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".nox" / "tools"
OLDEST_PYTHONS = ["python3.8", "python3.11"]  # the two ends of what nox has for `oldest`
README_PYTHONS = ["python3.8", "python3.12", "python3.15"]
GROWTH_PYTHON = "python3.12"  # one is enough: what grows is the same on all of them
CHECKS = ["lint", "imports", "types", "pyright", "docs", "package"]
# Where a test fails now and then: without the GIL threads are faster than it expects.
NOT_YET = [interpreters.WITHOUT_GIL]
# PyPy takes a quarter of an hour for all tests, and some expect what only CPython does.
PARTS = {
    "pypy3.11": [
        *("tests/model", "tests/safe", "tests/extraction", "tests/interpreter/bytecode"),
        *("tests/interpreter/frames", "tests/glue/asyncio"),
    ]
}
LIMIT = 25 * 60  # seconds for one command of a job
SHORT_LIMIT = 8 * 60  # the same where a failure does not count
# What the README's first command has to show.
EXAMPLE_SHOWS = [
    *("client-ada", "client-bob", "client-cleo", "client-dan"),
    *("async with timeout(", "async with self.lock", "enter_async_context("),
]
RUN_AGAIN = re.compile(r"^RERUN (\S+)", re.MULTILINE)  # as pytest's short summary names them
SUMMARY = re.compile(r"=+ (?:\d+ \w+, )*\d+ \w+.* in [\d.:]+s.*=+")


@dataclass
class Job:
    """Commands that run one after another; the first one to fail ends the job."""

    name: str
    commands: list[list[str]]
    cwd: Path = ROOT
    env: dict[str, str] = field(default_factory=dict)
    must_print: list[str] = field(default_factory=list)
    alone: bool = False  # does it use all cores?
    counts: bool = True  # does its failure fail the whole run?
    output: str = ""
    problem: str = ""
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        if not self.problem:
            return "passed"
        return f"FAILED: {self.problem}" + ("" if self.counts else " (does not count yet)")

    @property
    def unsteady(self) -> list[str]:
        """The tests that failed, and were run again."""
        return RUN_AGAIN.findall(self.output)

    @property
    def tests(self) -> str:
        """The closing line of pytest, if the job had one."""
        lines = [line for line in self.output.splitlines() if SUMMARY.fullmatch(line)]
        return lines[-1].strip("= ") if lines else ""


def run(job: Job) -> None:
    """Run a job's commands and keep what they print and how they end."""
    start = time.monotonic()
    environ = {**os.environ, **job.env}
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        for command in job.commands:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            limit = LIMIT if job.counts else SHORT_LIMIT
            job.problem = execute(command, job.cwd, environ, log, limit)
            log.seek(0, os.SEEK_END)
            if job.problem:
                break
        log.seek(0)
        job.output = log.read()
    missing = [text for text in job.must_print if text not in job.output]
    if missing and not job.problem:
        job.problem = f"did not print {missing}"
    job.seconds = time.monotonic() - start


def execute(command, cwd, environ, log, limit: int) -> str:
    """Run one command; gives what went wrong, or nothing."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        status = process.wait(limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return f"took more than {limit // 60} minutes"
    return f"exit status {status}" if status else ""


def prepare_tools() -> str:
    """Install nox, and uv if it is to be had; gives nox's path."""
    python = TOOLS / "bin" / "python"
    venv.create(TOOLS, with_pip=True, clear=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "nox"], check=True)
    if not shutil.which("uv"):
        subprocess.run([python, "-m", "pip", "install", "-q", "uv"], check=False)
    return str(TOOLS / "bin" / "nox")


def readme_commands() -> list[str]:
    """The README's two commands: run the main job, run the tests."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = [line for line in text.splitlines() if line.startswith("python3 -m venv")]
    if len(commands) != 2:
        sys.exit(f"ci: README.md has {len(commands)} commands and not two")
    return commands


def fresh_copy(folder: Path) -> Path:
    """Copy what git knows, or would add, to `folder`: what a fresh clone would have."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return folder


def readme_jobs(found, scratch: Path) -> list[Job]:
    """What the README says, word for word, as somebody new would do it.

    The tests run with the machine's own `python3`, the main job with all of `README_PYTHONS`.
    """
    main_job, tests = readme_commands()
    jobs = [
        Job(
            f"readme: tests on {' '.join(interpreters.ask(Path('python3')) or ())}",
            [["sh", "-c", tests]],
            cwd=fresh_copy(scratch / "readme"),
            must_print=[" passed"],
            alone=True,
        )
    ]
    for name in README_PYTHONS:
        if name not in found:
            continue
        folder = scratch / f"readme-{name}"
        interpreters.offer("python3", found[name][0], folder / "bin")
        jobs.append(
            Job(
                f"readme: example on {name}",
                [["sh", "-c", main_job]],
                cwd=fresh_copy(folder / "clone"),
                env={"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
                must_print=EXAMPLE_SHOWS,
            )
        )
    return jobs


def session_of(name: str) -> str:
    """The nox session that runs the tests on an interpreter."""
    if name == interpreters.WITHOUT_GIL:
        return "tests_without_gil"
    return f"tests-{name.replace('python', '')}"


def test_jobs(found, nox: str) -> list[Job]:
    """The test suite on every interpreter but the one that the README's command takes."""
    own = interpreters.ask(Path("python3"))
    return [
        Job(
            f"tests: {name} ({version})" + (", a part" if name in PARTS else ""),
            [[nox, "-s", session_of(name), *(["--", *PARTS[name]] if name in PARTS else [])]],
            must_print=[" passed"],
            alone=True,
            counts=name not in NOT_YET,
        )
        for name, (_, version) in found.items()
        if own is None or own != (name, version)
    ]


def oldest_jobs(found, nox: str) -> list[Job]:
    """The tests of the glue, with the oldest versions of the libraries that it knows."""
    return [
        Job(
            f"oldest libraries: {name} ({found[name][1]})",
            [[nox, "-s", f"oldest-{name.replace('python', '')}"]],
            must_print=[" passed"],
        )
        for name in OLDEST_PYTHONS
        if name in found
    ]


def all_jobs(found, nox: str, scratch: Path) -> list[Job]:
    checks = [Job(name, [[nox, "-s", name]]) for name in CHECKS]
    installed = [f"installed-{name[6:]}" for name in README_PYTHONS if name in found]
    if installed:  # with what the job `package` builds
        checks[-1].commands.append([nox, "-s", *installed])
    if GROWTH_PYTHON in found:
        growth = [nox, "-s", f"growth-{GROWTH_PYTHON[6:]}"]
        checks.append(Job(f"growth: {GROWTH_PYTHON}", [growth], must_print=[" passed"]))
    checks.append(Job("browser", [[nox, "-s", "browser"]], must_print=[" passed"]))
    tests = [*test_jobs(found, nox), *oldest_jobs(found, nox)]
    return [*readme_jobs(found, scratch), *tests, *checks]


def run_all(jobs: list[Job]) -> None:
    """Run the jobs, `PARALLEL` at a time if they may, and print each one's output when it ends."""
    printing = Lock()

    def run_and_print(job: Job) -> None:
        run(job)
        with printing:
            print(f"\n{'=' * 30} {job.name}\n{job.output}", flush=True)
            print(f"{'-' * 30} {job.name}: {job.outcome} in {job.seconds:.0f} s", flush=True)

    for job in [job for job in jobs if job.alone]:
        run_and_print(job)
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(run_and_print, [job for job in jobs if not job.alone]))


def sum_up(jobs: list[Job], found) -> bool:
    """Print what passed and what did not; gives whether all did that count."""
    print(f"\n{'=' * 30} summary")
    for job in jobs:
        print(f"{job.name:<36} {job.seconds:5.0f} s  {job.outcome}  {job.tests}".rstrip())
    for name in interpreters.WANTED:
        if name not in found:
            print(f"{f'tests: {name}':<36}          NOT RUN: this interpreter was NOT FOUND")
    for job in jobs:
        for name in job.unsteady:
            print(f"UNSTEADY, failed and was run again: {name} ({job.name})")
    counts = {"passed": 0, "failed": 0, "skipped": 0, "error": 0, "errors": 0}
    for job in jobs:
        for number, what in re.findall(r"(\d+) (\w+)", job.tests if job.counts else ""):
            if what in counts:
                counts[what] += int(number)
    failed = counts["failed"] + counts["error"] + counts["errors"]
    failed_jobs = [job.name for job in jobs if job.problem and job.counts]
    print(f"\njobs that failed: {', '.join(failed_jobs) or 'none'}")
    print("\nAll test runs together:")
    print(f"{counts['passed']} passed, {failed} failed, {counts['skipped']} skipped", flush=True)
    return not failed_jobs


def main(wanted: list[str]) -> int:
    start = time.monotonic()
    found = interpreters.find()
    for name, (path, version) in found.items():
        print(f"found {name:<12} {version:<10} {path}")
    for name in interpreters.WANTED:
        if name not in found:
            print(f"NOT FOUND: {name}. The tests will not run on it.")
    with tempfile.TemporaryDirectory(prefix="ci-") as temporary:
        scratch = Path(temporary)
        for name, (path, _) in found.items():
            interpreters.offer(name, path, scratch / "bin")
        places = [str(scratch / "bin"), os.environ["PATH"], str(TOOLS / "bin")]
        os.environ["PATH"] = os.pathsep.join(places)
        os.environ["UV_PYTHON_DOWNLOADS"] = "never"
        jobs = all_jobs(found, prepare_tools(), scratch)
        if wanted:
            jobs = [job for job in jobs if any(job.name.startswith(name) for name in wanted)]
        run_all(jobs)
    passed = sum_up(jobs, found)
    print(f"in {(time.monotonic() - start) / 60:.1f} minutes")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
