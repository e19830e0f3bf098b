"""The jobs of this repository, for one machine and one after another: `nox -l` lists them.

`.ci/run` and the GitHub workflow run the same jobs. Every job installs what it needs into
an environment of its own below `.nox`.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

import nox

CPYTHONS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"]
OLDEST = ["trio==0.22.*", "anyio==3.7.*", "greenlet==2.0.*", "greenback", "async_generator"]
OLDEST_PYTHONS = ["3.8", "3.9", "3.10", "3.11"]  # greenlet 2 can't be built for later ones
PYTEST = ["pytest", "pytest-rerunfailures", "pytest-xdist"]  # what pyproject.toml's options need
TOOLS_PYTHONS = ["3.14", "3.13", "3.12"]  # the first one found is used

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "imports", "types", "pyright", "docs", "package"]
nox.options.sessions += ["installed", "browser", "tests", "oldest"]
# A session that is skipped for want of an interpreter would look like one that passed.
nox.options.error_on_missing_interpreters = True


def tools_python() -> str:
    """The interpreter for jobs that need just one: this one, if no favourite is there."""
    for version in TOOLS_PYTHONS:
        python = shutil.which(f"python{version}")
        # pyenv puts a script there for each version, which may not be the active one.
        if python and subprocess.call([python, "-c", ""], stderr=subprocess.DEVNULL) == 0:  # noqa: S603
            return version
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


COMPILED = {"UV_COMPILE_BYTECODE": "1"}
"""Libraries are compiled once, as by pip, and not by each program that a test starts."""


@nox.session(python=[*CPYTHONS, "pypy3.11"])
def tests(session: nox.Session) -> None:
    """Run the tests; what stands behind `--` goes to pytest."""
    session.install("-e", ".[all,test]", env=COMPILED)
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python=CPYTHONS, default=False)
def diagnosis(session: nox.Session) -> None:
    """Diagnose all programs, stuck ones and healthy ones; the tests take a part of them."""
    session.install("-e", ".[all,test]", env=COMPILED)
    tests = session.posargs or ["tests/diagnosis", "-n", "2"]
    session.run("python", "-m", "pytest", *tests, env={"STACKSCOPE_ALL_ROWS": "1"})


@nox.session(python=["3.8", "3.12", "3.15"], default=False)
def growth(session: nox.Session) -> None:
    """Look at how the cost of each operation grows, for all programs; the tests take some."""
    session.install("-e", ".[all]", "trio", "greenlet", *PYTEST, env=COMPILED)
    tests = session.posargs or ["tests/growth", "-n", "2"]
    session.run("python", "-m", "pytest", *tests, env={"STACKSCOPE_ALL_ROWS": "1"})


@nox.session(python=CPYTHONS, default=False)
def all_rows(session: nox.Session) -> None:
    """Try all that the tests take a part of: inputs, sizes, pairs of versions, what is in turn."""
    session.install("-e", ".[all,test]", env=COMPILED)
    tests = session.posargs or ["tests", "-n", "2"]
    session.run("python", "-m", "pytest", *tests, env={"STACKSCOPE_ALL_ROWS": "1"})


WITHOUT_GIL = [
    # The extra `test` without gevent, greenback, greenlet and uvloop, which can't be had there.
    *("anyio", "async_generator", "coverage", "hypothesis<6.150", "ipdb", "pexpect", "pyte"),
    "pytest>=7.4",
    *("pytest-asyncio", "pytest-rerunfailures", "pytest-trio", "pytest-xdist"),
    *("remote-pdb", "trio>=0.22"),
]


@nox.session(python="python3.13t", default=False)
def tests_without_gil(session: nox.Session) -> None:
    """Run the tests on a build without the GIL; what stands behind `--` goes to pytest."""
    session.install("-e", ".[all]", *WITHOUT_GIL, env=COMPILED)
    session.run("python", "-m", "pytest", *session.posargs, env={"PYTHON_GIL": "0"})


@nox.session(python=OLDEST_PYTHONS)
def oldest(session: nox.Session) -> None:
    """Run the tests of the glue with the oldest versions of the libraries that it knows."""
    session.install("-e", ".", *OLDEST, *PYTEST, "pytest-asyncio", "pytest-trio")
    tests = session.posargs or ["tests/glue", "tests/snapshot"]
    session.run("python", "-m", "pytest", *tests)


@nox.session(python=tools_python())
def lint(session: nox.Session) -> None:
    """Check style and layout by ruff, and the rest by the other pre-commit hooks."""
    session.install("pre-commit")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure", *session.posargs)


@nox.session(python=tools_python())
def imports(session: nox.Session) -> None:
    """Check that imports go from layer to layer, downwards only."""
    session.install("import-linter", "-e", ".[all]", "trio", "anyio", "greenlet")
    session.run("lint-imports", "--no-cache")


@nox.session(python=tools_python())
def types(session: nox.Session) -> None:
    """Check the types by mypy, for the oldest version that it knows and for the newest."""
    session.install("mypy", "types-pygments", "-e", ".[all,test]")
    for version in ["3.10", "3.15"]:
        session.run("mypy", "--python-version", version)


@nox.session(python=tools_python())
def pyright(session: nox.Session) -> None:
    """Check the types by pyright, and that none is missing."""
    session.install("pyright[nodejs]", "-e", ".[all,test]")
    env = {"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    session.run("pyright", env=env)
    for package in ["stackscope", "stackscope_pdb", "stackscope_ipython"]:
        session.run("pyright", "--verifytypes", package, "--ignoreexternal", env=env)


@nox.session(python=tools_python())
def docs(session: nox.Session) -> None:
    """Build the documentation, the changelog with it, and run its examples."""
    session.install("-e", ".[all,docs]")
    out = pathlib.Path(session.create_tmp())
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", str(out / "html"))
    session.run("sphinx-build", "-W", "-b", "doctest", "docs", str(out / "doctest"))


DIST = pathlib.Path(__file__).parent / ".nox" / "dist"
"""Where `package` puts what it builds, and `installed` takes the wheel from."""

WHEEL_CHECKS = ["--ignore", "W009"]  # three packages at the top: that is what it has
BROWSER = [
    *("axe-playwright-python", "ipykernel", "nbclient", "nbconvert", "playwright"),
    *(*PYTEST, "trio"),
]
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def has_browser(session: nox.Session) -> bool:
    """Whether there is a browser; it is installed if that is easy."""
    if not any(map(shutil.which, BROWSERS)) and shutil.which("apt-get") and os.geteuid() == 0:
        codes = [0, 100]  # apt-get's own failures: there may be no network
        session.run("apt-get", "update", external=True, success_codes=codes)
        session.run("apt-get", "install", "-y", "chromium", external=True, success_codes=codes)
    return any(map(shutil.which, BROWSERS))


@nox.session(python=tools_python())
def browser(session: nox.Session) -> None:
    """Run the notebook of the examples in a kernel, and look at HTML in Chromium."""
    session.install("-e", ".[all]", *BROWSER, env=COMPILED)
    if not has_browser(session):
        session.warn(f"NOT LOOKED AT IN A BROWSER: there is none of {', '.join(BROWSERS)}")
    session.run("python", "-m", "pytest", "tests/browser", "-n", "2", *session.posargs)


@nox.session(python=tools_python(), default=False)
def pictures(session: nox.Session) -> None:
    """Make the pictures of the documentation anew, with Chromium."""
    session.install("-e", ".[all]", *BROWSER, "pillow", env=COMPILED)
    if not has_browser(session):
        session.error(f"This needs one of {', '.join(BROWSERS)}: install it first.")
    session.run("python", "docs/pictures.py", *session.posargs)
    session.run("python", "docs/terminal_picture.py")


@nox.session(python=tools_python())
def package(session: nox.Session) -> None:
    """Build sdist and wheel twice, the same each time, and check what is in them."""
    session.install("build", "check-wheel-contents", "twine")
    for out in [DIST.with_name("dist-again"), DIST]:
        shutil.rmtree(out, ignore_errors=True)
        session.run("python", "-m", "build", "--outdir", str(out), silent=True)
    for path in DIST.iterdir():
        if path.read_bytes() != (DIST.with_name("dist-again") / path.name).read_bytes():
            session.error(f"{path.name} is another one each time")
    for path in DIST.glob("*.whl"):
        with zipfile.ZipFile(path) as wheel:
            (name,) = [name for name in wheel.namelist() if name.endswith("/METADATA")]
            dead = re.findall(r"\]\((?!https?:)[^)]*\)", wheel.read(name).decode())
        if dead:
            session.error(f"the page of {path.name} has links that lead nowhere: {dead}")
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    session.run("check-wheel-contents", *WHEEL_CHECKS, *map(str, DIST.glob("*.whl")))


@nox.session(python=["3.8", "3.12", "3.15"])
@nox.parametrize("extras", ["", "[all]"])
def installed(session: nox.Session, extras: str) -> None:
    """Use the wheel, which `package` has built, with nothing else from here."""
    (wheel,) = DIST.glob("*.whl")
    session.install(f"{wheel}{extras}")
    with tempfile.TemporaryDirectory() as elsewhere, session.chdir(elsewhere):
        session.run("python", "-W", "error", "-c", USE_INSTALLED)
        session.run("python", "-m", "stackscope_pdb", "-c", "q", "-m", "this", silent=True)


USE_INSTALLED = """
from importlib import metadata
import stackscope, stackscope_pdb, stackscope_ipython

print("stackscope", stackscope.__version__)
assert stackscope.__version__ == metadata.version("stackscope")
names = {str(path) for path in metadata.files("stackscope")}
for package in ["stackscope", "stackscope_pdb", "stackscope_ipython"]:
    assert f"{package}/py.typed" in names, f"{package} has no py.typed"
assert any(name.endswith("LICENSE-MIT") for name in names)
assert any(name.endswith("LICENSE-APACHE") for name in names)
assert not any(name.startswith(("tests", "docs", "examples")) for name in names)
print(stackscope.extract((n for n in range(3))))
"""


COVERAGE = pathlib.Path(__file__).parent / ".nox" / "coverage"
"""Where `coverage` puts what it measures, and `coverage_report` takes it from."""

MEASURED = (
    "import os; os.environ.get('COVERAGE_PROCESS_START')"
    " and __import__('coverage').process_startup()\n"
)
"""What measures each program that a test starts: Python runs it if it stands in a ``.pth`` file."""


MEASURABLE = (
    "not hostile_names and not strange_filename and not fork_while_other_threads"
    " and not until_the_very_end"
)
"""Which tests can be measured: coverage.py can't note files whose names are no text, and pytest
ends when it can't show the source of one. A process that forks while its threads import hangs; so
does one that is sent signals all the time, for it comes to nothing else while it is measured."""


@nox.session(python=["3.8", "3.12", "3.15"], default=False)
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the tests reach, on interpreters of three kinds.

    Only the newest one tells of threads that `threading` hasn't started, such as those that write
    dumps: it measures by `sys.monitoring`. What a trace function calls isn't seen on any: that is
    all that the debugger does at a stop.

    What must not be disturbed by anything can't be tested while it is measured: some tests fail.
    """
    session.install("coverage[toml]", "-e", ".[all,test]")
    env = measuring(session, str(session.python))
    tests = ["-m", "pytest", "--reruns", "0", "-k", MEASURABLE, *session.posargs]
    session.run("python", *tests, env=env, success_codes=[0, 1])


@nox.session(python="3.8", default=False)
def coverage_oldest(session: nox.Session) -> None:
    """Measure what is there for the oldest versions of the libraries."""
    session.install("coverage[toml]", "-e", ".", *OLDEST, *PYTEST, "pytest-asyncio", "pytest-trio")
    tests = session.posargs or ["tests/glue", "tests/snapshot"]
    options = ["--reruns", "0", "-k", MEASURABLE]
    env = measuring(session, "oldest")
    session.run("python", "-m", "pytest", *options, *tests, env=env, success_codes=[0, 1])


@nox.session(python="3.12", default=False)
def coverage_missing(session: nox.Session) -> None:
    """Measure what is there for libraries that lack a private name: all of them in turn."""
    session.install("coverage[toml]", "-e", ".[all,test]")
    session.run("python", "-m", "tests.tools.missing", env=measuring(session, "missing"))


def measuring(session: nox.Session, name: str) -> dict[str, str]:
    """What has this session's interpreter measure each program that it runs.

    Args:
        session: The session.
        name: The folder for what is measured.
    """
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = pathlib.Path(str(session.run("python", "-c", ask, silent=True)).strip())
    (folder / "measured.pth").write_text(MEASURED, encoding="utf-8")
    data = COVERAGE / name
    data.mkdir(parents=True, exist_ok=True)
    text = (pathlib.Path(__file__).parent / "pyproject.toml").read_text(encoding="utf-8")
    # What a report takes isn't needed, and an old coverage.py would warn of it in every program.
    settings = text[text.index("[tool.coverage.run]") : text.index("[tool.coverage.report]")]
    if session.python != "3.8":  # where coverage.py is too old for that
        settings += 'patch = ["fork", "_exit"]\n'
    (data / "settings.toml").write_text(settings, encoding="utf-8")
    return {
        "COVERAGE_PROCESS_START": str(data / "settings.toml"),
        "COVERAGE_FILE": str(data / "data"),
    }


@nox.session(python=tools_python(), default=False)
def coverage_report(session: nox.Session) -> None:
    """Show what none of the other jobs for coverage has reached."""
    session.install("coverage[toml]")
    env = {"COVERAGE_FILE": str(COVERAGE / "all")}
    data = [str(path) for path in COVERAGE.glob("*/data.*")]
    session.run("coverage", "combine", "--keep", "--quiet", *data, env=env)
    session.run("coverage", "report", "--show-missing", "--skip-covered", env=env)


@nox.session(python=tools_python(), default=False)
def bench(session: nox.Session) -> None:
    """Run the benchmarks; what stands behind `--` are their options."""
    session.install("-e", ".[all]", "trio")
    session.run("python", "-m", "benchmarks", *session.posargs)
