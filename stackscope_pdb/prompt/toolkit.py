"""Reads a line by prompt_toolkit: with a menu of completions, a history that is kept, and colours.

prompt_toolkit needs an asyncio loop. The program may be inside one itself, in the same thread,
which stands still while the prompt waits. So the prompt gets a loop of its own, and for that time
the thread looks as if no other one was running in it. No second thread is used: completions are
found in the stack of the thread that stopped, and at the exit of an interpreter no thread can be
started any more (3.12).
"""

from __future__ import annotations

import contextvars
import functools
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext

from stackscope_pdb import settings
from stackscope_pdb.facts import ONE_TASK_PER_THREAD
from stackscope_pdb.failures import around, attempt, told_later
from stackscope_pdb.output import highlight
from stackscope_pdb.output.highlight import PROMPT_STYLE
from stackscope_pdb.prompt import command_or_python, history
from stackscope_pdb.stop.snapshots import loop_of_prompt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        AsyncGenerator,
        Callable,
        ContextManager,
        Iterator,
        List,
        Mapping,
        Optional,
        Tuple,
    )

    from stackscope_pdb.stop.host import Host

TASK_NAME = "prompt of stackscope_pdb"

MOST_IN_MENU = 1_000
"""How many completions are shown. All begin with the same as those that aren't."""

COLORS = "colours of what is typed"
COMPLETION = "completion"
HISTORY = "the history"
"""What may fail."""


def read_line(debugger: Host, prompt: str, session: Any = None) -> str:
    """Read a line, or several that belong together.

    Args:
        debugger: The debugger.
        prompt: The prompt.
        session: What `python_session` has made, if no command is to be read.

    Raises:
        EOFError: Ctrl-D was typed.
        KeyboardInterrupt: Ctrl-C was typed.
    """
    # An empty context, for prompt_toolkit keeps it, and with it what the program has set there.
    return contextvars.Context().run(_read_line, debugger, prompt, session)


def get_ready(debugger: Host) -> None:
    """Import and make what `read_line` needs for a command."""
    import asyncio  # noqa: F401

    contextvars.Context().run(_session, debugger)


def _read_line(debugger: Host, prompt: str, session: Any) -> str:
    if session is None:
        session = _session(debugger)
    with told_later(debugger), _own_loop() as loop, _prints_above(debugger, loop, session.app):
        loop.set_exception_handler(lambda _loop, context: _give_up(session.app, context))
        try:
            text: str = loop.run_until_complete(
                session.prompt_async(
                    [("class:prompt", prompt)], handle_sigint=False, set_exception_handler=False
                )
            )
        finally:
            _forget_tasks(session)
    return text.rstrip()


def _give_up(app: Any, context: Any) -> None:
    """What happens to an error in a callback of the prompt's loop, such as that which draws it."""
    exception = context.get("exception")
    if exception is not None and app.is_running and not app.is_done:
        app.exit(exception=exception)


def _prints_above(debugger: Host, loop: Any, app: Any) -> ContextManager[Any]:
    """Lets what other threads print be shown above the prompt."""
    from stackscope_pdb.prompt.printing import Others

    def write(others: Others) -> None:
        if others.write_lines(app.renderer.erase):
            app.invalidate()

    def take_output() -> ContextManager[None]:
        return Others(lambda others: loop.call_soon_threadsafe(write, others))

    return around("the output of other threads", debugger, take_output)


def _forget_tasks(session: Any) -> None:
    """Let go of the prompt's tasks: an exception in one keeps the frames of the program alive."""
    import asyncio

    for owner in (session.app, session.app.key_processor, session.default_buffer):
        for name, value in list(vars(owner).items()):
            if isinstance(value, asyncio.Future):
                setattr(owner, name, None)


def _session(debugger: Host) -> Any:
    """prompt_toolkit's session, made anew only if something is different: that takes a while."""
    is_vi = settings.wants_vi_keys()
    streams = debugger.stdin, debugger.stdout
    wanted = (
        *streams,
        debugger.console.colors,
        is_vi,
        settings.history_file(),
        settings.wants_rprompt(),
    )
    known = debugger.session.line_reader
    if known is None or known[0] != wanted:
        known = debugger.session.line_reader = (wanted, _new_session(debugger, *wanted))
    return known[1]


def _new_session(
    debugger: Host,
    stdin: Any,
    stdout: Any,
    has_colors: bool,
    is_vi: bool,
    history_file: Optional[str],
    has_rprompt: bool,
) -> Any:
    from prompt_toolkit.filters import Condition

    session: Any = _plain_session(
        debugger,
        stdin,
        stdout,
        has_colors,
        is_vi,
        history_file,
        completer=_completer(debugger),
        rprompt=_rprompt(debugger) if has_rprompt else None,
        lexer=attempt(COLORS, debugger, _lexer, debugger) if has_colors else None,
        multiline=Condition(
            lambda: (
                "\n" in session.default_buffer.text
                or _goes_on(debugger, session.default_buffer.text)
            )
        ),
        prompt_continuation="... ",
        key_bindings=_bindings(debugger),
    )
    return session


def python_session(debugger: Host, namespace: Mapping[str, Any]) -> Any:
    """What reads lines of Python, for `read_line`.

    Args:
        debugger: The debugger.
        namespace: The variables.
    """
    from stackscope_pdb.prompt import completion

    has_colors = debugger.console.colors
    is_python = has_colors and highlight.has_pygments()

    def complete(text: str) -> Tuple[int, List[str]]:
        return completion.completions_in([namespace], text)

    return _plain_session(
        debugger,
        debugger.stdin,
        debugger.stdout,
        has_colors,
        settings.wants_vi_keys(),
        settings.history_file(),
        completer=_completer(debugger, complete),
        lexer=attempt(COLORS, debugger, _python_lexer) if is_python else None,
        key_bindings=_python_bindings(),
    )


def _python_bindings() -> Any:
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("tab")
    def _complete(event: Any) -> None:
        buffer = event.current_buffer
        if buffer.document.current_line_before_cursor.strip():
            complete_at_once(buffer)
        else:
            buffer.insert_text("    ")

    return bindings


def _plain_session(
    debugger: Host,
    stdin: Any,
    stdout: Any,
    has_colors: bool,
    is_vi: bool,
    history_file: Optional[str],
    **others: Any,
) -> Any:
    """A session with what all of them have in common."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.enums import EditingMode
    from prompt_toolkit.input import create_input
    from prompt_toolkit.output import ColorDepth, create_output
    from prompt_toolkit.styles import Style

    output: Any = create_output(stdout=stdout)
    if hasattr(output, "enable_cpr"):
        output.enable_cpr = False  # a terminal's late answer would end up in the program's input
    session: Any = PromptSession(
        input=create_input(stdin),
        output=output,
        complete_while_typing=False,
        history=_history(debugger, history_file),
        # Without colours they would look like what is typed.
        auto_suggest=_suggestions(debugger, history_file) if has_colors else None,
        style=Style.from_dict(PROMPT_STYLE),
        include_default_pygments_style=False,
        color_depth=None if has_colors else ColorDepth.DEPTH_1_BIT,
        editing_mode=EditingMode.VI if is_vi else EditingMode.EMACS,
        enable_suspend=True,
        reserve_space_for_menu=6,
        **others,
    )
    # Else it would give what stops meanwhile in another thread a standard debugger.
    session.app._enable_breakpointhook = nullcontext
    return session


def _goes_on(debugger: Host, text: str) -> bool:
    return bool(attempt("lines that belong together", debugger, needs_more, debugger, text))


def needs_more(debugger: Host, text: str) -> bool:
    """Whether Enter begins a new line after ``text``, the beginning of a statement."""
    from stackscope_pdb.program import evaluating
    from stackscope_pdb.prompt import pasting

    if not text.rpartition("\n")[2].strip():
        return False  # an empty line ends it, whatever it is
    if "\n" in text:
        text = pasting.last(debugger, text)
    body = text.lstrip().lstrip("!")
    if not body.strip() or command_or_python.is_command(debugger, text):
        return False
    try:
        return not evaluating.is_complete(body)
    except (SyntaxError, ValueError, OverflowError):
        return False


def _block_goes_on(app: Any) -> bool:
    """Whether an empty line belongs to a block that comes from the terminal in one piece."""
    text: str = app.current_buffer.text
    coming = app.key_processor.input_queue
    if "\n" not in text or text.rpartition("\n")[2].strip() or not coming:
        return False
    return coming[0].data in (" ", "\t")


def _completer(
    debugger: Host, complete: Optional[Callable[[str], Tuple[int, List[str]]]] = None
) -> Any:
    """What finds completions.

    Args:
        debugger: The debugger.
        complete: Gives them, and where they begin; by default those of a command.
    """
    from prompt_toolkit.completion import Completer, Completion

    class OurCompleter(Completer):
        def get_completions(self, document: Any, complete_event: Any) -> Iterator[Any]:
            from stackscope_pdb.prompt import completion

            text = document.text_before_cursor
            if complete is not None:
                found = attempt(COMPLETION, debugger, complete, text)
            else:
                found = attempt(COMPLETION, debugger, completion.completions, debugger, text)
            if found is not None:
                start, names = found
                for name in in_menu(names, text[start:]):
                    yield Completion(name, start_position=start - len(text))

    return OurCompleter()


def in_menu(names: List[str], typed: str) -> List[str]:
    """What a menu of completions shows, which takes long for a hundred thousand.

    Args:
        names: All of them. Each begins with what is typed.
        typed: What they complete.
    """
    if len(names) <= MOST_IN_MENU:
        return names
    first, last = min(names), max(names)
    pairs = enumerate(zip(first, last))
    common = first[: next((place for place, (a, b) in pairs if a != b), len(first))]
    return names[:MOST_IN_MENU] if common == typed else [common]


def _history(debugger: Host, path: Optional[str]) -> Any:
    from prompt_toolkit.history import History

    class OurHistory(History):
        async def load(self) -> AsyncGenerator[str, None]:
            for entry in self.load_history_strings():
                yield entry

        def append_string(self, string: str) -> None:
            self.store_string(string)

        def get_strings(self) -> List[str]:
            return list(attempt(HISTORY, debugger, history.known, path) or ())

        def load_history_strings(self) -> Iterator[str]:
            return reversed(self.get_strings())

        def store_string(self, string: str) -> None:
            attempt(HISTORY, debugger, history.note, path, string)

    return OurHistory()


def _suggestions(debugger: Host, path: Optional[str]) -> Any:
    """What was typed last that begins like the line: shown behind it, taken by the right arrow."""
    from prompt_toolkit.auto_suggest import AutoSuggest, Suggestion

    class OurSuggestions(AutoSuggest):
        def get_suggestion(self, buffer: Any, document: Any) -> Any:
            text = document.text
            rest = attempt("suggestions", debugger, history.rest_of_last, path, text)
            return Suggestion(rest) if rest else None

    return OurSuggestions()


def _rprompt(debugger: Host) -> Any:
    """What stands at the right while a line is typed.

    A line below the prompt would need `Output.enable_cpr`.
    """
    from prompt_toolkit.application import get_app

    from stackscope_pdb.prompt import rprompt

    def text() -> str:
        if get_app().is_done:  # what stays is as it was typed
            return ""
        return attempt("what stands at the right", debugger, rprompt.text, debugger) or ""

    return text


def _lexer(debugger: Host) -> Any:
    """Colours for what is typed: a command's name stands out, Python looks as in listings."""
    if not highlight.has_pygments():
        return None
    from prompt_toolkit.lexers import SimpleLexer

    class OurLexer(SimpleLexer):
        def lex_document(self, document: Any) -> Any:
            plain = super().lex_document
            return attempt(COLORS, debugger, self._colored, document) or plain(document)

        def _colored(self, document: Any) -> Any:
            text = document.text
            if not text:
                return None  # so that the prompt doesn't wait for an import
            if "\n" in text or not command_or_python.is_command(debugger, text):
                return _python_lexer().lex_document(document)
            word = command_or_python.first_word(document.text)
            before, _, after = document.text.partition(word)
            command = [("", before), ("bold", word), ("", after)]
            return lambda number: command if number == 0 else []

    return OurLexer()


@functools.lru_cache(maxsize=1)
def _python_lexer() -> Any:
    from prompt_toolkit.lexers import PygmentsLexer
    from pygments.lexers.python import PythonLexer

    return PygmentsLexer(PythonLexer)


def _bindings(debugger: Host) -> Any:
    from prompt_toolkit.application import get_app
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.key_binding import KeyBindings
    from prompt_toolkit.keys import Keys

    bindings = KeyBindings()

    @bindings.add(Keys.BracketedPaste)
    def _paste(event: Any) -> None:
        paste(debugger, event.current_buffer, event.data)

    @Condition
    def is_unfinished() -> bool:
        app = get_app()
        return _goes_on(debugger, app.current_buffer.text) or _block_goes_on(app)

    @Condition
    def has_several_lines() -> bool:
        return "\n" in get_app().current_buffer.text

    @bindings.add("enter", filter=has_several_lines & ~is_unfinished)
    def _accept(event: Any) -> None:
        event.current_buffer.validate_and_handle()

    @Condition
    def comes_in_one_piece() -> bool:
        # With its own indentation.
        app = get_app()
        return is_unfinished() and bool(app.key_processor.input_queue)

    @bindings.add("enter", filter=comes_in_one_piece)
    def _next_line(event: Any) -> None:
        event.current_buffer.newline(copy_margin=False)

    @bindings.add("tab")
    def _complete(event: Any) -> None:
        complete_at_once(event.current_buffer)

    @Condition
    def is_in_margin() -> bool:
        document = get_app().current_buffer.document
        return document.line_count > 1 and not document.current_line_before_cursor.strip()

    @Condition
    def is_after_colon() -> bool:
        buffer = get_app().current_buffer
        return buffer.multiline() and buffer.document.current_line_before_cursor.rstrip().endswith(
            ":"
        )

    @bindings.add("tab", filter=is_in_margin)
    def _indent(event: Any) -> None:
        event.current_buffer.insert_text("    ")

    @bindings.add("enter", filter=is_after_colon & ~comes_in_one_piece)
    def _open_block(event: Any) -> None:
        event.current_buffer.newline(copy_margin=True)
        event.current_buffer.insert_text("    ")

    return bindings


def paste(debugger: Host, buffer: Any, data: str) -> None:
    """Insert pasted text; run it at once if it ends with the end of a line, and is whole."""
    from stackscope_pdb.prompt import pasting

    text = data.replace("\r\n", "\n").replace("\r", "\n")
    buffer.insert_text(text)
    document = buffer.document
    is_ended = text.endswith("\n") and document.is_cursor_at_the_end and document.text.strip()
    if is_ended and pasting.is_whole(debugger, document.text):
        buffer.validate_and_handle()


def complete_at_once(buffer: Any) -> None:
    """What Tab does: insert what the completions have in common, or show them.

    prompt_toolkit's own binding looks for them in a task, so that Enter right after Tab comes too
    early.
    """
    from prompt_toolkit.buffer import CompletionState
    from prompt_toolkit.completion import CompleteEvent, get_common_complete_suffix

    if buffer.complete_state is not None:
        buffer.complete_next()
        return
    event = CompleteEvent(completion_requested=True)
    found = list(buffer.completer.get_completions(buffer.document, event))
    if len(found) == 1:
        buffer.apply_completion(found[0])
        return
    common = get_common_complete_suffix(buffer.document, found)
    if common:
        buffer.insert_text(common)
        found = [one.new_completion_from_position(len(common)) for one in found]
    if found:
        buffer.complete_state = CompletionState(buffer.document, found)
        buffer.on_completions_changed.fire()


@contextmanager
def _own_loop() -> Iterator[Any]:
    """A loop for the prompt, beside the one that may be running in this thread."""
    import asyncio

    outer = asyncio._get_running_loop()
    task = _swap_task(outer, None)
    asyncio._set_running_loop(None)
    # prompt_toolkit watches SIGWINCH, for which a loop takes the file that the program's own loop
    # waits at.
    wakeup = signal.set_wakeup_fd(-1) if _is_main_thread() else None
    loop = asyncio.new_event_loop() if sys.platform == "win32" else asyncio.SelectorEventLoop()
    loop.set_debug(False)
    loop.set_task_factory(_task_with_name)
    try:
        with loop_of_prompt(loop):
            yield loop
    finally:
        try:
            loop.close()
        finally:
            if wakeup is not None:
                signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
            asyncio._set_running_loop(outer)
            _swap_task(outer, task)


def _task_with_name(loop: Any, coroutine: Any, **kwargs: Any) -> Any:
    """A task of the prompt, with a name: those without one use up the program's numbers."""
    import asyncio

    kwargs["name"] = kwargs.get("name") or TASK_NAME
    return asyncio.Task(coroutine, loop=loop, **kwargs)


def _swap_task(loop: Any, task: Any) -> Any:
    """Say which task of ``loop`` is running.

    From 3.14 on a thread has one only, whatever its loops.
    """
    import asyncio.tasks

    swap = getattr(asyncio.tasks, "_swap_current_task", None)
    if loop is None or swap is None or not ONE_TASK_PER_THREAD:
        return None
    return swap(loop, task)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
