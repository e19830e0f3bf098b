"""Another user of the same machine, who would like to join in."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

from tests.terminal.conftest import ROOT, Terminal
from tests.terminal.test_terminal_attach import BLOCKED, attachable, linux

if sys.platform == "win32" or os.geteuid() != 0:
    pytest.skip("it takes root to become somebody else", allow_module_level=True)

pytestmark = [attachable, linux]

NOBODY = 65534
SOMEBODY = 65533

PLAIN = """
import time
wanted = True
print("ready", flush=True)
while wanted:
    time.sleep(0.01)
print("end")
"""

ATTACK = r"""
import os, socket, sys

def tried(what, *arguments):
    try:
        what(*arguments)
    except OSError as exc:
        return type(exc).__name__
    return "done"

def connect(path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(path)

folder = sys.argv[1]
script, place = os.path.join(folder, "attach.py"), os.path.join(folder, "s")
print({
    "list": tried(os.listdir, folder),
    "read": tried(open, script),
    "write": tried(open, script, "w"),
    "join": tried(connect, place),
    "remove": tried(os.unlink, script),
    "add": tried(open, os.path.join(folder, "x"), "w"),
    "replace": tried(os.rename, folder, folder + "x"),
    "clear": tried(os.rmdir, folder),
    "take": tried(os.mkdir, folder),
})
"""


def become(user):
    def change():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)

    return change


@pytest.fixture(autouse=True)
def _python_for_all():
    """Nobody can run a Python that is in somebody's home folder."""
    try:
        subprocess.run([sys.executable, "-c", ""], preexec_fn=become(NOBODY), cwd="/", check=True)
        subprocess.run(["ls", str(ROOT)], preexec_fn=become(NOBODY), check=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("other users can't run this Python, or can't read the package")


@pytest.fixture
def home():
    """A home folder that everybody can enter, so that nothing but our own modes keeps them out."""
    folder = tempfile.mkdtemp()
    os.chmod(folder, 0o755)
    os.makedirs(os.path.join(folder, ".local", "state"), 0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def started():
    """Programs, which are ended in the end."""
    with contextlib.ExitStack() as stack:

        def start(arguments, user=0, **kwargs):
            one = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                universal_newlines=True,
                cwd="/",
                preexec_fn=become(user) if user else None,
                **kwargs,
            )
            stack.callback(one.communicate)
            stack.callback(one.kill)
            return one

        yield start


def attack(folder, user=NOBODY):
    """What another user achieves, which should be nothing."""
    run = subprocess.run(
        [sys.executable, "-I", "-c", ATTACK, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        preexec_fn=become(user),
        cwd="/",
        timeout=60,
        check=False,
    )
    assert run.stderr == ""
    tried = eval(run.stdout)
    assert len(tried) == 9
    return [name for name, result in tried.items() if result == "done"]


def pending(pattern):
    """The folder of an attach that the process hasn't come to yet."""
    deadline = time.monotonic() + 60
    while True:
        for script in glob.glob(os.path.join(pattern, "attach.py")):
            if os.path.getsize(script) and os.stat(script).st_mode & 0o777 == 0o600:
                time.sleep(0.1)  # until it has been given away, if it is
                return os.path.dirname(script)
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("ended_by", [None, "INT", "KILL"])
def test_an_attach_of_ones_own(home, started, ended_by):
    import signal

    target = started(["-S", "-c", BLOCKED])
    assert target.stdout.readline() == "ready\n"
    environ = {**os.environ, "HOME": home, "PYTHONPATH": str(ROOT)}
    environ.pop("XDG_STATE_HOME", None)
    debugger = started(["-m", "stackscope_pdb", "-p", str(target.pid)], env=environ)
    folder = pending(f"{home}/.local/state/stackscope/*")
    if ended_by is not None:
        debugger.send_signal(getattr(signal, "SIG" + ended_by))
        debugger.wait()
    assert attack(folder) == []
    target.stdin.write("go on\n")
    target.stdin.flush()
    if ended_by is None:
        assert "Attached." in debugger.stdout.readline()
    else:
        assert target.stdout.read() == "end\n"


def test_root_attaches_to_the_process_of_a_user(home, started):
    target = started(["-S", "-c", BLOCKED], user=SOMEBODY)
    assert target.stdout.readline() == "ready\n"
    environ = {**os.environ, "HOME": home, "PYTHONPATH": str(ROOT)}
    debugger = started(["-m", "stackscope_pdb", "-p", str(target.pid)], env=environ)
    base = "/run" if os.access("/run", os.W_OK) else "/tmp"
    folder = pending(f"{base}/stackscope-attach-{target.pid}-*")
    assert os.stat(folder).st_uid == os.stat(os.path.join(folder, "s")).st_uid == SOMEBODY
    assert os.stat(folder).st_mode & 0o777 == 0o700
    assert attack(folder) == []
    target.stdin.write("go on\n")
    target.stdin.flush()
    assert "Attached." in debugger.stdout.readline()
    assert not os.path.exists(folder)


@pytest.mark.parametrize("user", [0, NOBODY])
def test_a_user_without_a_home(user, started, tmp_path):
    """The process is nobody's, and the debugger root's or nobody's."""
    target = started(["-S", "-c", PLAIN], user=NOBODY)
    assert target.stdout.readline() == "ready\n"
    environ = {"HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    run = subprocess.run(
        [sys.executable, "-m", "stackscope_pdb", "-p", str(target.pid)],
        input="wanted = False\nq\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        env=environ,
        cwd="/",
        preexec_fn=become(user) if user else None,
        timeout=60,
        check=False,
    )
    assert "Attached." in run.stdout
    assert target.stdout.read() == "end\n"
    assert glob.glob(f"/tmp/stackscope-attach-{target.pid}-*") == []
    assert not os.path.exists("/nonexistent")


def test_the_history(home):
    terminal = Terminal(["-c", "import stackscope_pdb; stackscope_pdb.set_trace()"], home)
    terminal.expect_prompt()
    terminal.ask("password = 'secret'")
    terminal.finish("c")
    path = os.path.join(home, ".local", "state", "stackscope", "pdb_history")
    with open(path) as file:
        assert "secret" in file.read()
    run = subprocess.run(
        ["cat", path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=become(NOBODY),
        check=False,
    )
    assert run.stdout == b""
    assert b"Permission denied" in run.stderr
