"""A program that is to be run: a file, a module, a package or a ``.pyz``."""

from __future__ import annotations

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import CodeType
    from typing import Any, Dict, Optional

__all__ = ["Module", "ProgramError", "Script", "Target", "ZipApplication", "target_for"]


class ProgramError(Exception):
    """It can't be run. The cause, if there is one, is the program's own.

    Args:
        why: Why, in a sentence.
        kind: What the standard debugger puts before that.
    """

    def __init__(self, why: str, kind: str = "Error") -> None:
        super().__init__(why)
        self.kind = kind


class Target:
    """The program to run.

    Args:
        name: What was typed.
        filename: Its file.
        namespace: Its module's first variables.
    """

    def __init__(self, name: str, filename: str, namespace: Dict[str, Any]) -> None:
        self.name = name
        self.filename = filename
        self.namespace: Dict[str, Any] = {
            "__name__": "__main__",
            "__builtins__": __builtins__,
            **namespace,
        }

    def code(self) -> CodeType:
        """The program, read anew for each run."""
        raise NotImplementedError


class Script(Target):
    """A file.

    Args:
        name: Its path as typed.
    """

    def __init__(self, name: str) -> None:
        if not os.path.exists(name):
            raise ProgramError(f"{name} does not exist")
        if os.path.isdir(name):
            raise ProgramError(f"{name} is a directory")
        real = os.path.realpath(name)
        path = real if os.path.exists(real) else name  # the link may be one to a pipe
        if not getattr(sys.flags, "safe_path", False):
            sys.path[0] = os.path.dirname(path)
        super().__init__(name, path, {"__file__": path, "__package__": None, "__spec__": None})

    def code(self) -> CodeType:
        with io.open_code(self.filename) as file:
            return compile(file.read(), self.filename, "exec")


class Module(Target):
    """A module, or a package with a ``__main__``.

    Args:
        name: Its full name.
    """

    def __init__(self, name: str) -> None:
        import runpy

        self.spec: ModuleSpec
        self.first_code: CodeType
        try:
            # private, but what `python -m pdb` uses from 3.7 to 3.15
            _, self.spec, self.first_code = runpy._get_module_details(name)  # type: ignore[attr-defined]
        except ImportError as exc:
            raise ProgramError(str(exc), "ImportError") from None
        except SystemExit:
            raise
        except Exception as exc:
            raise ProgramError(f"{name} can't be imported") from exc
        filename = self.first_code.co_filename
        super().__init__(
            name,
            filename,
            {
                "__file__": os.path.abspath(filename),
                "__package__": self.spec.parent,
                "__loader__": self.spec.loader,
                "__spec__": self.spec,
            },
        )

    def code(self) -> CodeType:
        code: Optional[CodeType] = None
        loader: Any = self.spec.loader
        if hasattr(loader, "get_code"):
            code = loader.get_code(self.spec.name)
        return code or self.first_code


class ZipApplication(Target):
    """A ``.pyz`` file, as the standard debugger runs from 3.13 on.

    Args:
        name: Its path as typed.
    """

    def __init__(self, name: str) -> None:
        import runpy

        path = os.path.realpath(name)
        sys.path.insert(0, path)
        self.spec: ModuleSpec
        self.main: CodeType
        try:
            _, self.spec, self.main = runpy._get_main_module_details()  # type: ignore[attr-defined]
        except ImportError as exc:
            raise ProgramError(str(exc), "ImportError") from None
        filename = self.main.co_filename
        super().__init__(
            name,
            filename,
            {
                "__file__": filename,
                "__package__": self.spec.parent,
                "__loader__": self.spec.loader,
                "__spec__": self.spec,
            },
        )

    def code(self) -> CodeType:
        return self.main  # type: ignore[no-any-return]


def target_for(name: str, *, is_module: bool) -> Target:
    """The program that a command line names.

    Raises:
        ProgramError: It isn't there, or can't be run.
    """
    if is_module:
        return Module(name)
    return ZipApplication(name) if name.endswith(".pyz") else Script(name)
