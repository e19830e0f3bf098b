"""Brings our own code to another process, whose interpreter may be any that we support.

The process may not see our files: they may be another user's, or it is in a container. It may have
a package of our name: an older one, or another author's. So the sources are sent to it, and loaded
there under a name that nothing else has, made of what is in them. In the sources, that name stands
in place of ours. They stay loaded, so that the next one who asks finds them there, and tasks keep
their numbers.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, Tuple

__all__ = ["BOOT", "Bundle", "bundle"]

PACKAGE = "stackscope"

LEFT_HERE = ("command_line", "__main__")
"""What isn't needed there."""

BOOT = """\
def boot(connection, name, seconds):
    import sys

    def send(message):
        data = json.dumps(message).encode()
        connection.sendall(len(data).to_bytes(8, "big") + data)

    def receive():
        size = receive_bytes(8)
        data = receive_bytes(int.from_bytes(size, "big")) if size else b""
        return json.loads(data.decode()) if data else None

    def receive_bytes(size):
        parts = []
        while size:
            part = connection.recv(min(size, 1 << 20))
            if not part:
                return b""
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def finder_of(sources):
        from importlib.machinery import ModuleSpec

        class Loader:
            def __init__(self, path, source):
                self.path = path
                self.source = source

            def create_module(self, spec):
                return None

            def exec_module(self, module):
                exec(self.get_code(module.__name__), module.__dict__)

            def get_code(self, name):
                return compile(self.source, self.path, "exec", dont_inherit=True)

        class Finder:
            @staticmethod
            def find_spec(name, path=None, target=None):
                if name not in sources:
                    return None
                is_package, file, source = sources[name]
                spec = ModuleSpec(name, Loader(file, source), origin=file, is_package=is_package)
                spec.has_location = True
                return spec

        return Finder

    def import_threading():
        # Up to 3.12, whoever imports it first is taken for the main thread: let it not be us.
        import _thread

        own = _thread.get_ident()
        others = [ident for ident in sys._current_frames() if ident != own]
        import threading

        main = threading._main_thread
        if sys.version_info >= (3, 13) or main._ident != own or not others:
            return
        # The newest come first: see _PyThread_CurrentFrames() in Python/pystate.c.
        main._ident = others[-1]
        threading._active[main._ident] = threading._active.pop(own)
        if hasattr(main, "_native_id") and sys.platform == "linux":
            main._native_id = os.getpid()
        # It is let go of when its thread ends, which the interpreter waits for.
        lock, main._tstate_lock = main._tstate_lock, _thread.allocate_lock()
        main._tstate_lock.acquire()
        getattr(threading, "_shutdown_locks", set()).discard(lock)

    import json
    import os

    if "threading" not in sys.modules:
        import_threading()
    connection.settimeout(seconds)
    finder = getattr(sys.modules.get(name + ".remote.target"), "finder", None)
    is_there = finder is not None
    send({"type": "hello", "is_there": is_there, "version": sys.version.split()[0]})
    if not is_there:
        finder = finder_of(receive())
    sys.meta_path.insert(0, finder)  # others would note that they can't find our folders
    try:
        __import__(name + ".remote.target")
        target = sys.modules[name + ".remote.target"]
        target.finder = finder
        target.serve(receive, send)
    except OSError:
        pass  # the other end is gone
    except Exception as exc:
        words = "%s: %s" % (type(exc).__name__, exc)
        send({"type": "error", "text": "It can't run what was sent to it: " + words})
    finally:
        sys.meta_path.remove(finder)

boot(connection, name, seconds)
"""
"""It runs in the process, which has its variables: see `stackscope.remote.attach.SCRIPT`."""


class Bundle:
    """Our sources, as the process gets them.

    Args:
        name: What our package is called there.
        sources: Of each module: whether it is a package, its file, and its source.
    """

    def __init__(self, name: str, sources: Dict[str, Tuple[bool, str, str]]) -> None:
        self.name = name
        self.sources = sources


@functools.lru_cache(maxsize=None)
def bundle() -> Bundle:
    """Our sources.

    Raises:
        OSError: They can't be read.
    """
    own = dict(_own_sources())
    digest = hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()
    name = f"_{PACKAGE}_{digest[:16]}"
    return Bundle(
        name,
        {
            _renamed(module, name): (is_package, file, _renamed(source, name))
            for module, (is_package, file, source) in own.items()
        },
    )


def _renamed(text: str, name: str) -> str:
    """``text`` with another name in place of that of our package.

    The version of the schema of JSON keeps it, ``"stackscope/1"``. The function by which a library
    brings its own glue gets another name as well: that one would teach the package of our own name.
    """
    text = re.sub(rf"\b{PACKAGE}\b(?!/)", name, text)
    return text.replace(f"_{PACKAGE}_install_glue_", f"{name}_install_glue_")


def _own_sources() -> Iterator[Tuple[str, Tuple[bool, str, str]]]:
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    for root, folders, files in os.walk(os.path.join(folder, PACKAGE)):
        folders[:] = sorted(set(folders) - {"__pycache__", *LEFT_HERE})
        for file in sorted(files):
            path = os.path.relpath(os.path.join(root, file), folder)
            parts = os.path.splitext(path)[0].split(os.sep)
            if not file.endswith(".py") or parts[-1] in LEFT_HERE:
                continue
            is_package = parts[-1] == "__init__"
            name = ".".join(parts[:-1] if is_package else parts)
            with open(os.path.join(root, file), encoding="utf-8") as opened:
                yield name, (is_package, f"<{PACKAGE}>/" + "/".join(parts[1:]), opened.read())
