"""Runs programs in forks of a process that has called `register`: what that imports takes long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import textwrap

from tests.helpers.repository import ROOT


class Finished:
    """What has become of a program, as of one that `subprocess.run` has run."""

    def __init__(self, status, stdout, stderr):
        is_signal = os.WIFSIGNALED(status)
        self.returncode = -os.WTERMSIG(status) if is_signal else os.WEXITSTATUS(status)
        self.stdout = stdout
        self.stderr = stderr


class Forks:
    """Runs programs; to be used as a context manager."""

    def __enter__(self):
        self.server = subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.forked"],
            cwd=str(ROOT),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            universal_newlines=True,
        )
        return self

    def __exit__(self, *exc):
        self.server.stdin.close()
        self.server.wait()
        self.server.stdout.close()

    def run(self, program, folder=ROOT):
        """Run a program to its end, with nothing to read.

        Args:
            program: Its text.
            folder: The current folder.
        """
        with tempfile.TemporaryDirectory() as place:
            files = [os.path.join(place, name) for name in ("stdout", "stderr")]
            self.server.stdin.write(json.dumps([textwrap.dedent(program), str(folder), *files]))
            self.server.stdin.write("\n")
            self.server.stdin.flush()
            status = int(self.server.stdout.readline())
            texts = []
            for path in files:
                with open(path, encoding="utf-8") as file:
                    texts.append(file.read())
        return Finished(status, *texts)


def next_program():
    """Fork for each line: the program of the child, which is to have its files by then.

    ``None`` in the parent, when there are no more.
    """
    for line in sys.stdin:
        program, folder, *files = json.loads(line)
        child = os.fork()
        if not child:
            os.chdir(folder)
            for number, path in enumerate([os.devnull, *files]):
                flags = os.O_WRONLY | os.O_CREAT if number else os.O_RDONLY
                opened = os.open(path, flags)
                os.dup2(opened, number)
                os.close(opened)
            return program
        print(os.waitpid(child, 0)[1], flush=True)
    return None


if __name__ == "__main__":
    import signal

    import stackscope

    stackscope.register(signal.SIGUSR1)
    stackscope.unregister(signal.SIGUSR1)
    received = next_program()
    if received is not None:
        exec(compile(received, "<string>", "exec"), {"__name__": "__main__"})
