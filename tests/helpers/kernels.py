"""A real kernel of Jupyter, and what it shows."""

from __future__ import annotations

import asyncio
import atexit
import queue
import re
import threading
import time

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


_loops = threading.local()
_kept = []


def use_one_loop_per_thread():
    """Have Jupyter use the same event loop in all calls of a thread.

    From 3.14 on it makes one for each context that it is called in, and leaves that open: some
    test after that, whichever it was, would be told of it.
    """
    from jupyter_core import utils

    def event_loop(*_args):
        if not hasattr(_loops, "loop"):
            _loops.loop = asyncio.new_event_loop()
            _kept.append(_loops.loop)  # that of a thread that has ended, too
            atexit.register(_loops.loop.close)
        return _loops.loop

    utils.ensure_event_loop = event_loop


class Answer:
    """What a cell has shown."""

    def __init__(self):
        self.status = ""
        self.parts = []
        self.html = []
        self.results = []

    @property
    def text(self):
        return ESCAPES.sub("", "\n".join(self.parts))

    def take(self, message):
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            self.parts.append(content["text"])
        elif kind == "error":
            self.parts.append("\n".join(content["traceback"]))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self.parts.append(content["data"].get("text/plain", ""))
            self.html.append(content["data"].get("text/html", ""))
            if kind == "execute_result":
                self.results.append(content["data"]["text/plain"])


class Kernel:
    """A kernel.

    Args:
        manager: What has started it.
        client: What is connected with it.
    """

    def __init__(self, manager, client):
        self.manager = manager
        self.client = client

    def run(self, code, *, interrupt_at=None, after=0.5):
        """Run a cell, and give what it has shown until its end.

        Args:
            code: The cell.
            interrupt_at: Interrupt the kernel once the cell has printed this.
            after: So many seconds later, for what comes after that may be about to begin.
        """
        answer = Answer()
        interrupted = []

        def hook(message):
            answer.take(message)
            if interrupt_at is not None and not interrupted and interrupt_at in answer.text:
                interrupted.append(True)
                threading.Timer(after, self.manager.interrupt_kernel).start()

        reply = self.client.execute_interactive(code, timeout=100, output_hook=hook)
        answer.status = reply["content"]["status"]
        return answer

    def ask(self, code, *lines):
        """Run a cell that reads these lines, and give what it has shown until its end."""
        answer, left = Answer(), list(lines)
        reply = self.client.execute_interactive(
            code,
            timeout=100,
            allow_stdin=True,
            output_hook=answer.take,
            stdin_hook=lambda _message: self.client.input(left.pop(0)),
        )
        answer.status = reply["content"]["status"]
        return answer

    def begin(self, code):
        """Run a cell, and don't wait for its end."""
        self.client.execute(code)

    def later(self, is_there, seconds=60):
        """What is shown beside cells, until ``is_there(text)``: that of one message."""
        deadline = time.monotonic() + seconds
        seen = []
        while time.monotonic() < deadline:
            try:
                message = self.client.get_iopub_msg(timeout=0.5)
            except queue.Empty:
                continue
            answer = Answer()
            answer.take(message)
            seen.append(answer.text)
            if is_there(answer.text):
                return answer.text
        raise AssertionError("\n".join(seen[-3:]))

    def complete(self, code):
        """What is offered at the end of a line, and from where on."""
        self.client.complete(code, len(code))
        content = self.client.get_shell_msg(timeout=100)["content"]
        return content["matches"], content["cursor_start"]

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


def start_kernel(folder, root):
    """Start a kernel of this interpreter in a folder, with the code of the repository."""
    use_one_loop_per_thread()
    import os

    from jupyter_client.manager import start_new_kernel

    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS", "PYTHONBREAKPOINT")
    }
    environ.update(
        PYTHONPATH=str(root), IPYTHONDIR=str(folder), PYTHONWARNINGS="ignore", HOME=str(folder)
    )
    manager, client = start_new_kernel(
        startup_timeout=100, kernel_name="python3", env=environ, cwd=str(folder)
    )
    return Kernel(manager, client)
