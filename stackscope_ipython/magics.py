"""The ``%stackscope`` magic."""

from __future__ import annotations

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, List

    from IPython.core.interactiveshell import InteractiveShell

    from stackscope import Stack, ThreadNode
    from stackscope.render.drawing import Line
    from stackscope_pdb.output.console import Console


@magics_class
class StackscopeMagics(Magics):  # type: ignore[misc,unused-ignore]
    """The magics of this package."""

    @magic_arguments()
    @argument(
        "--hidden", action="store_true", help="Also show the frames that libraries mark as hidden."
    )
    @argument("--no-contexts", action="store_true", help="Leave out the context managers.")
    @argument("expr", nargs="*", help="A task, coroutine, generator, thread, frame or exception.")
    @line_magic  # type: ignore[untyped-decorator,unused-ignore]
    def stackscope(self, line: str) -> None:
        """Show the stack of an object; without one, all tasks and threads of the process.

        ``%stackscope task`` shows where ``task`` is, with the context managers that are active in
        each frame.
        """
        options = parse_argstring(self.stackscope, line)
        console = self._console()
        expression = " ".join(options.expr)
        if not expression:
            self._write(_everything(console), console)
            return
        try:
            item = self.shell.ev(expression)  # type: ignore[union-attr,unused-ignore]
        except Exception as exc:
            from stackscope.safe.interruptions import interrupts
            from stackscope.safe.text import describe_exception

            if interrupts(exc):
                raise
            print(f"*** {describe_exception(exc)}")
            return
        self._show(item, console, contexts=not options.no_contexts, hidden=options.hidden)

    def _show(self, item: object, console: Console, *, contexts: bool, hidden: bool) -> None:
        import stackscope
        from stackscope.render import nodes
        from stackscope.render.drawing import draw
        from stackscope.render.paths import with_short_paths
        from stackscope.render.stack import stack_block

        stack = stackscope.extract(item, with_contexts=contexts)
        if not stack.frames and stack.error is None:
            print(_why_empty(stack))
            return
        node = nodes.StackNode(stack, nodes.View(show_contexts=contexts, show_hidden=hidden))
        lines = draw(stack_block(node, console.layout), console.layout)
        self._write(map(with_short_paths, lines), console)

    def _console(self) -> Console:
        from stackscope_ipython.theme import ThemedConsole

        assert self.shell is not None
        return ThemedConsole(self.shell)

    def _write(self, lines: Iterable[Line], console: Console) -> None:
        print(console.text(lines))


NAMES = ("%stackscope", "stackscope")  # the latter with %automagic


def register(shell: InteractiveShell) -> None:
    """Add the magic to a shell, with Tab completion of its options and of expressions."""
    shell.register_magics(StackscopeMagics)
    completers: Any = shell.strdispatchers.get("complete_command")
    for name in NAMES:
        if completers is None or name not in completers.strs:
            shell.set_hook("complete_command", _complete, str_key=name)


def unregister(shell: InteractiveShell) -> None:
    """Undo `register`."""
    manager: Any = shell.magics_manager
    manager.magics["line"].pop("stackscope", None)
    manager.registry.pop("StackscopeMagics", None)
    completers: Any = shell.strdispatchers.get("complete_command")
    if completers is not None:
        for name in NAMES:
            completers.strs.pop(name, None)


def _complete(shell: InteractiveShell, event: Any) -> List[str]:
    """The options, where a dash says that one is wanted. Names are completed by IPython itself."""
    return ["--hidden", "--no-contexts"] if event.symbol.startswith("-") else []


def _why_empty(stack: Stack) -> str:
    from stackscope.safe.text import class_name, safe_repr

    if stack.leaf is not None:
        name = class_name(stack.leaf)
        article = "An" if name[:1].lower() in "aeiou" else "A"
        return f"{article} {name} has no stack: {safe_repr(stack.leaf)}"
    return f"Nothing runs in {safe_repr(stack.root)}: it has ended, or not begun."


def _everything(console: Console) -> Iterator[Line]:
    """All tasks, then all threads."""
    from stackscope import extract_all
    from stackscope.render.tasks import task_lines

    snapshot = extract_all()
    lines: List[Line] = list(task_lines(snapshot, None, console))
    yield from lines or [[("note", "No task is alive in this process.")]]
    yield [("header", "Threads: "), ("text", str(len(snapshot.threads)))]
    yield from _thread_lines(snapshot.threads)


def _thread_lines(threads: List[ThreadNode]) -> Iterator[Line]:
    from stackscope.render.words import place_text
    from stackscope.safe.text import safe_text
    from stackscope.snapshot.user_code import innermost_user_frame

    width = max(len(node.name) for node in threads)
    for node in threads:
        frame = innermost_user_frame(node.stack)
        place = "runs this command" if node.is_here else place_text(frame)
        yield [
            ("number", f"{node.number or '':>4} "),
            ("taskname", safe_text(node.name).ljust(width) + "  "),
            ("func", place),
        ]
