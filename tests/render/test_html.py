"""Stacks and snapshots as HTML: well-formed, escaped, bounded, and links lead somewhere."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import inspect
import re
import subprocess
import sys
import threading
import time
from html.parser import HTMLParser

import pytest

import stackscope
from stackscope import Context, Frame, LoopNode, Snapshot, Stack, TaskNode, extract, extract_all
from stackscope.render.style import STYLES, TOKENS, WEB_COLORS
from tests.helpers.repository import ROOT
from tests.helpers.rows import ALL_ROWS, IN_TURN
from tests.render.scenes import SCENES

VOID = {"input", "meta"}

HOSTILE = "</details><script>alert(1)</script>\"'&amp;<!--\x1b[31m\x00\n\ud800\u202e"


class Page(HTMLParser):
    """What is in a piece of HTML. Tags have to be closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.tags = []
        self.ids = []
        self.links = []
        self.classes = set()
        self.texts = []
        self.deepest = 0
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert not any(name.startswith("on") or name == "style" for name in attrs)
        self.tags.append(tag)
        self.classes.update(attrs.get("class", "").split())
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag == "a":
            self.links.append(attrs["href"])
            assert "summary" not in self.open  # which is to be clicked on itself
        if tag not in VOID:
            self.open.append(tag)
        self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return "".join(self.texts)


def checked(html):
    """The page of some HTML, of which all names are unique and all links lead somewhere."""
    html.encode()  # no lone surrogate
    text = re.sub("<style>.*?</style>|<script>.*?</script>", "", html, flags=re.S)
    assert all(c.isprintable() or c in "\n\t" for c in set(text))
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert all(link.startswith("#") for link in page.links)
    return page


def look(main, function):
    """Run ``main()``, which gives tasks, and apply ``function`` to a snapshot taken then."""
    found = []

    async def inside():
        tasks = await main()
        found.append(function(extract_all()))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=5)

    asyncio.run(inside())
    return found[0]


def task(number, name="name", *, stack=None, children=()):
    return TaskNode(object(), number, name, "waiting", stack or Stack(None, []), None, [*children])


def snapshot_of(tasks):
    return Snapshot([LoopNode(None, "asyncio", "MainThread", True, True, tasks)], [])


def here():
    return sys._getframe(1)


@contextlib.contextmanager
def managed():
    yield


async def circle():
    one, other = asyncio.Lock(), asyncio.Lock()

    async def take(first, second):
        async with first:
            await asyncio.sleep(0)
            async with second:
                pass

    tasks = [
        asyncio.ensure_future(take(one, other)),
        asyncio.ensure_future(take(other, one)),
        *[asyncio.ensure_future(take(one, one)) for _ in range(30)],
    ]
    await asyncio.sleep(0.01)
    return tasks


# ------------------------------------------------------------------ what is there


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("name", SCENES)
def test_everything_is_well_formed(name, full):
    stack = SCENES[name]()
    page = checked(stack.to_html(full=full))
    assert page.tags.count("script") == full
    assert page.tags.count("style") == 1
    for hidden in (False, True):
        checked(stack.to_html(show_hidden_frames=hidden, fold=False, max_alike=None))
    for frame in stack.frames:
        checked(frame._repr_mimebundle_()["text/html"])
        for context in frame.contexts:
            checked(context._repr_mimebundle_()["text/html"])


@pytest.mark.parametrize("full", [False, True])
def test_waits_and_holders_are_links_and_circles_are_told(full):
    page = look(circle, lambda snapshot: checked(snapshot.to_html(full=full)))
    assert "waiting for each other: " in page.text
    assert re.search(r"held by task \d+ \(", page.text)
    assert re.search(r"and 29 more at the same lines: \d+-\d+", page.text)
    assert len(page.links) > 5
    # The frames of asyncio are folded, but there.
    assert "2 frames of asyncio" in page.text
    assert "Lock.acquire in asyncio.locks" in page.text


async def stuck_behind_one():
    """A task that holds a lock and waits for something else, and 30 that wait for the lock."""
    lock, never = asyncio.Lock(), asyncio.Event()

    async def hold():
        async with lock:
            await never.wait()

    async def own():
        await asyncio.gather(asyncio.ensure_future(hold()))

    async def want():
        async with lock:
            pass

    tasks = [asyncio.ensure_future(own())]
    await asyncio.sleep(0)
    tasks += [asyncio.ensure_future(want()) for _ in range(30)]
    await asyncio.sleep(0.01)
    return tasks


def test_a_holder_says_who_waits_and_is_seen_at_once():
    html = look(stuck_behind_one, lambda snapshot: snapshot.to_html(full=True))
    page = checked(html)
    alert = '<span class="ss-alert">, 30 tasks wait for what it holds</span>'
    assert html.count(alert) == 2  # in the index, and in its title
    assert html.count('<span class="ss-alert">, 30 tasks wait for it</span>') == 1  # the lock
    assert re.search(r"← (task \d+ \(.*?\), ){9}task \d+ \(.*?\) and 20 more", page.text)
    # All is folded at first, but for the holder and what it is below.
    nodes = re.findall(r'<details class="ss-item ss-node"[^>]*?( open)?><summary>(.*?)<', html)
    assert len([one for one in nodes if one[0]]) == 2
    assert re.search(f'class="ss-item ss-node" id="[^"]*" open><summary>[^\n]*?{alert}', html)


def test_a_likely_holder_is_called_so():
    holder, waiter, other = task(1, "holder"), task(2, "waiter"), task(3, "other")
    waiting = stackscope.Waiting(call="x()", holders=[holder.task], holders_are_likely=True)
    waiter.waiting = waiting
    page = checked(snapshot_of([holder, waiter, other]).to_html())
    assert "1 task waits for what it probably holds" in page.text
    assert page.text.count("holds") == 1


def test_what_is_past_is_wanted_by_nobody():
    lock = object()
    waiter = task(1)
    waiter.waiting = stackscope.Waiting(call="x()", lock=lock)
    contexts = [Context(lock, False), Context(lock, False, is_exiting=True), Context(lock, False)]
    contexts[2].is_past = True
    for context, number in zip(contexts, (1, 0, 0)):
        stack = Stack(None, [Frame(here(), contexts=[context])])
        page = checked(snapshot_of([task(2, stack=stack), waiter]).to_html())
        assert page.text.count("1 task waits for it") == number


def test_the_page_has_an_index_and_a_policy():
    html = look(circle, lambda snapshot: snapshot.to_html(full=True))
    page = Page(html)
    assert "nav" in page.tags
    assert page.tags.count("tr") >= 4
    policy = re.search('http-equiv="Content-Security-Policy" content="(.*?)"', html).group(1)
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (inner,) = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_two_outputs_share_no_names():
    first, second = look(circle, lambda snapshot: (snapshot.to_html(), snapshot.to_html()))
    assert Page(first).ids
    assert not set(Page(first).ids) & set(Page(second).ids)
    checked(f"<div>{first}{second}</div>")


def test_a_name_that_is_drawn_nowhere_is_no_link():
    (node,) = look(circle, lambda snapshot: [snapshot.loops[0].tasks[1]])
    page = checked(node._repr_mimebundle_()["text/html"])
    assert "held by task" in page.text
    assert page.links == []


def test_contexts_are_marked():
    frame = here()

    def marked(**what):
        context = Context(object(), False, **what)
        return context, Stack(None, [Frame(frame, contexts=[context])]).to_html()

    assert 'title="held"' in marked()[1]
    assert 'title="exiting"' in marked(is_exiting=True)[1]
    context = marked()[0]
    context.is_past = True
    assert 'title="past"' in context._repr_mimebundle_()["text/html"]


def test_what_is_inside_a_context_is_below_it():
    def inside():
        with managed():
            return extract(here(), with_contexts=True).to_html()

    page = checked(inside())
    assert "managed in tests.render.test_html" in page.text
    assert "details" in page.tags


def test_hidden_frames_are_shown_on_request():
    stack = Stack(None, [Frame(here(), hide=True), Frame(here())])
    assert stack.to_html().count("test_hidden") < stack.to_html(show_hidden_frames=True).count(
        "test_hidden"
    )


def test_what_is_alike_is_folded_with_a_count_in_stacks_too():
    children = [Stack(object(), [Frame(here(), 1)]) for _ in range(40)]
    context = Context(object(), True, children=children)
    stack = Stack(None, [Frame(here(), contexts=[context])])
    assert "and 39 more at the same lines" in checked(stack.to_html()).text
    assert "more at the same lines" not in stack.to_html(max_alike=None)


def test_the_exceptions_of_a_group_are_seen_in_a_frame_of_a_library():
    sleeping = asyncio.sleep(0)
    sleeping.send(None)  # to the `yield` of a frame of asyncio's
    mine = Frame(here())
    members = [Stack(ValueError(name), [mine]) for name in ("first", "second")]
    group = Context(None, False, description="2 exceptions:", children=members)
    group.is_past = True
    frame = Frame(sleeping.cr_frame, contexts=[group, Context(object(), False)])
    html = Stack(None, [frame]).to_html()
    page = checked(html)
    assert "1 frame of" not in page.text
    assert page.text.index("2 exceptions:") < page.text.index("ValueError('first')")
    assert page.text.count("test_the_exceptions_of_a_group") == 2
    assert html.count('class="ss-mark"') == 1  # a heading is no context manager
    sleeping.close()


def test_tasks_are_called_so_in_stacks_too():
    async def main():
        current = asyncio.current_task()
        current.set_name("<me>")
        await asyncio.sleep(0)
        number = next(extract_all().tasks()).number
        page = checked(extract(current).to_html(full=True))
        assert f"stackscope.Stack of task {number} (<me>)" in page.text
        assert page.text.lstrip().startswith(f"Stack of task {number} (<me>)")

    asyncio.run(main())


def test_the_stack_around_is_not_drawn_again():
    context = Context(object(), False)
    stack = Stack(None, [Frame(here(), contexts=[context])])
    context.inner_stack = stack
    assert "the stack around this, again" in checked(stack.to_html(fold=False)).text


@pytest.mark.parametrize(
    "what", ["stack", "frame", "context", "snapshot", "loop", "task", "thread"]
)
def test_front_ends_get_text_and_html(what):
    def bundle(snapshot):
        stack = extract(here(), with_contexts=True)
        shown = {
            "stack": stack,
            "frame": stack.frames[0],
            "context": Context(None, False),
            "snapshot": snapshot,
            "loop": snapshot.loops[0],
            "task": snapshot.loops[0].tasks[0],
            "thread": snapshot.threads[0],
        }[what]
        return shown._repr_mimebundle_(include=None, exclude=None)

    found = look(circle, bundle)
    assert set(found) == {"text/plain", "text/html"}
    assert "=" not in found["text/plain"].partition("\n")[0]  # no fields
    checked(found["text/html"])


def test_ipython_shows_text_and_html():
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    formatter = shell.display_formatter
    found, _ = formatter.format(Stack(None, [Frame(here())]))
    assert set(found) == {"text/plain", "text/html"}
    assert found["text/plain"].startswith("stackscope.Stack (most recent call last):\n")
    plain, _ = formatter.format(Stack(None, []), include=["text/plain"])
    assert set(plain) == {"text/plain"}


def test_the_text_is_short():
    tasks = [task(number) for number in range(3000)]
    for number, node in enumerate(tasks):
        node.state = f"waiting {number}"
    text = snapshot_of(tasks)._repr_mimebundle_()["text/plain"]
    assert len(text.splitlines()) < 500
    assert re.search(r"\d+ more lines$", text)


# ----------------------------------------------------------------------- bad input


class Hostile:
    def __repr__(self):
        return HOSTILE


def hostile_snapshot():
    namespace = {}
    filename = HOSTILE.replace("\x00", "").replace("\ud800", "")  # which not every compile() takes
    code = compile("def f(get):\n    return get()\n", filename, "exec")
    exec(code, {"__name__": HOSTILE}, namespace)
    frame = namespace["f"](lambda: sys._getframe(1))
    context = Context(Hostile(), True, varname=HOSTILE, start_line=1, description=HOSTILE)
    stack = Stack(Hostile(), [Frame(frame, contexts=[context])], Hostile(), ValueError(HOSTILE))
    node = task(1, HOSTILE, stack=stack)
    node.state, node.cancel_reason, node.subject = HOSTILE, HOSTILE, HOSTILE
    node.waiting = stackscope.Waiting(call=HOSTILE, notes=[HOSTILE], holder_names=[HOSTILE])
    loop = LoopNode(None, "x", HOSTILE, True, True, [node], noun=HOSTILE)
    thread = stackscope.ThreadNode(None, 0, HOSTILE, False, stack)
    item = stackscope.ItemNode(HOSTILE, object(), 1, HOSTILE, HOSTILE, stack, HOSTILE, [])
    return Snapshot([loop], [thread], [item], [[node, thread]])


@pytest.mark.parametrize("full", [False, True])
def test_nothing_breaks_out(full):
    snapshot = hostile_snapshot()
    shown = [snapshot, snapshot.loops[0].tasks[0].stack]
    for one in shown:
        page = checked(one.to_html(full=full))
        assert page.tags.count("script") == full
        assert "script" in page.text
    for node in (*snapshot.threads, *snapshot.items, *snapshot.loops, *snapshot.tasks()):
        page = checked(node._repr_mimebundle_()["text/html"])
        assert "script" not in page.tags


def test_source_lines_do_not_break_out(tmp_path):
    file = tmp_path / "hostile.py"
    line = "return get() or '</details><script>alert(1)</script>' or \"&\"  # \x1b[31m <!--"
    file.write_text(f"def f(get):\n    {line}\n", encoding="utf-8")
    namespace = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), namespace)
    frame = namespace["f"](lambda: sys._getframe(1))
    page = checked(Stack(None, [Frame(frame)]).to_html())
    assert "script" not in page.tags
    assert line.replace("\x1b", "\\x1b") in page.text


PLAIN = """
import sys
sys.modules["pygments"] = sys.modules["pygments.lexers.python"] = None
import stackscope
def f():
    return stackscope.extract_since(None).to_html()
html = f()
assert "&lt;module&gt;" in html, html
assert 'class="ss-keyword' not in html
print(html.count("return stackscope.extract_since(None).to_html()"))
"""


def test_without_pygments_source_is_plain(tmp_path):
    file = tmp_path / "plain.py"
    file.write_text(PLAIN, encoding="utf-8")
    out = subprocess.run(
        [sys.executable, str(file)], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT), "SYSTEMROOT": "."}, timeout=60,
    )  # fmt: skip
    assert out.stdout == "1\n"


def test_with_pygments_source_has_colours():
    pytest.importorskip("pygments")
    html = Stack(None, [Frame(here())]).to_html(full=bool(""))
    assert 'class="ss-literal-string"' in html


# ------------------------------------------------------------------- size and time


def different(number):
    """A task unlike all others, with a frame."""
    node = task(number, f"task-<{number}>" * 5, stack=Stack(None, [Frame(here(), number)]))
    node.waiting = stackscope.Waiting(call=f"call<{number}>()")
    return node


@IN_TURN
@pytest.mark.parametrize("full", [False, True])
def test_size_is_bounded_and_a_note_says_what_is_missing(full):
    count = 10_000 if ALL_ROWS else 1_500
    threads = [stackscope.ThreadNode(None, 0, "last one", False, Stack(None, []))]
    snapshot = snapshot_of([different(number) for number in range(count)])
    snapshot.threads += threads
    usual = inspect.signature(Snapshot.to_html).parameters["max_bytes"].default
    assert usual < 2_000_000
    html = snapshot.to_html(full=full, max_bytes=usual if ALL_ROWS else 400_000)
    assert len(html.encode()) <= (usual if ALL_ROWS else 400_000)
    page = checked(html)
    left_out = int(re.search(r"left out to save space: (\d+) tasks", page.text).group(1))
    shown = len(re.findall(r">\): waiting for call<", page.text))
    assert left_out + shown == count
    assert "last one" in page.text  # there is room for each section
    small = snapshot.to_html(full=full, max_bytes=50_000)
    assert len(checked(small).text) < len(page.text)
    assert len(small.encode()) <= 50_000


def test_many_alike_are_small():
    html = snapshot_of([task(number) for number in range(10_000)]).to_html()
    assert len(html) < 30_000
    assert "left out" not in html


@IN_TURN
def test_time_is_linear():
    def seconds(number):
        snapshot = snapshot_of([different(one) for one in range(number)])
        best = []
        for _ in range(2):
            start = time.process_time()
            snapshot.to_html(max_bytes=10**9)
            best.append(time.process_time() - start)
        return min(best)

    assert seconds(800) < 8 * seconds(200) + 0.05


@pytest.mark.parametrize("depth", [50, 1500])
def test_depth_is_bounded(depth):
    node = task(0)
    for number in range(1, depth):
        node = task(number, children=[node])
    page = checked(snapshot_of([node]).to_html())
    assert page.deepest < 200
    assert page.text.count("task ") >= depth


def test_one_long_name_is_cut():
    snapshot = snapshot_of([task(1, "<" * 10**6), task(2, "last")])
    html = snapshot.to_html(full=True)
    assert len(html) < 100_000
    assert "last" in html


# -------------------------------------------------------------------------- looks


def test_all_classes_are_of_the_one_table():
    pages = [Page(SCENES[name]().to_html()) for name in SCENES]
    known = {f"ss-{kind}" for kind in STYLES} | {
        "ss-" + kind.partition(".")[2].lower().replace(".", "-") for kind, _ in TOKENS
    }
    frame = {
        "stackscope",
        *(f"ss-{name}" for name in "item line title in mark node tree warn".split()),
    }
    assert set().union(*[page.classes for page in pages]) <= known | frame


def luminance(color):
    color = color[1:] if len(color) == 7 else "".join(2 * c for c in color[1:])
    parts = [int(color[index : index + 2], 16) / 255 for index in (0, 2, 4)]
    red, green, blue = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", WEB_COLORS.values(), ids=lambda color: color.name)
def test_colours_are_legible(color):
    # On the ground, and on that of a line below the mouse.
    assert contrast(color.light, "#fff") > 5.5
    assert contrast(color.dark, "#111") > 5.5
    assert contrast(color.light, "#eef1f4") > 4.5
    assert contrast(color.dark, "#2a2f36") > 4.5


def test_each_attribute_has_a_colour():
    attributes = [style.attributes for style in STYLES.values()] + [codes for _, codes in TOKENS]
    used = {code for codes in attributes for code in codes.split(";") if code}
    assert used == {"1", *WEB_COLORS}


def test_idle_threads_are_not_said_to_be_left_out():
    with contextlib.ExitStack() as stack:
        event = threading.Event()
        stack.callback(event.set)
        thread = threading.Thread(target=event.wait, name="<waits>")
        thread.start()
        page = checked(extract_all().to_html(full=True))
    assert "<waits>" in page.text
    assert "left out" not in page.text
