"""Makes the pages that are looked at in a browser, of programs that run.

    python -m tests.browser.pages FOLDER

Each is there as ``NAME.html``, a page of its own, and as ``NAME-part.html``, what a notebook shows.
"""

from __future__ import annotations

import asyncio
import linecache
import sys
from pathlib import Path

from stackscope import extract, extract_all
from tests.helpers.many import coroutines
from tests.helpers.repository import ROOT

HOSTILE = [
    "</details></summary></div><script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 2'>",
    "</style><style>*{display:none}</style>",
    "--><!-- \" onmouseover=\"window.broken = 3\" ' autofocus onfocus='window.broken = 4'",
    "&lt;b&gt; &amp; &#60;script&#62;",
    "\x1b[31mred\x1b[0m\x00\x07\r\n\u2028\u2029",
    "\ud800 lone \udfff",
    "\u202eright to left\u2066\u202c\u200b\ufeff",
    "javascript:window.broken=5",
    "]]>{{7*7}}${7*7}`",
]
"""Names that try to break out."""


class Page:
    """Where the HTML goes.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name, shown) -> None:
        """Write a page, and what a notebook would show."""
        part = f"<!DOCTYPE html><title>{name}</title><body>{shown.to_html()}"
        for file, html in ((name, shown.to_html(full=True)), (f"{name}-part", part)):
            (self.folder / f"{file}.html").write_text(html, encoding="utf-8")


async def bank(page):
    """The bank of the examples, stuck."""
    sys.path.insert(0, str(ROOT / "examples"))
    sys.argv.append("--forever")
    import bank

    business = asyncio.ensure_future(bank.main(fixed=False))
    await asyncio.sleep(1)
    page.write("bank", extract_all())
    business.cancel()
    await asyncio.wait([business])


async def folded(page):
    """More tasks than are unfolded at first: one of them holds what the others want."""
    lock, never = asyncio.Lock(), asyncio.Event()

    async def hold():
        async with lock:
            await never.wait()

    async def want(number):
        for _ in range(number):
            await asyncio.sleep(0)
        async with lock:
            pass

    async def both():
        first = asyncio.ensure_future(hold())
        first.set_name("holder")
        await first

    tasks = [asyncio.ensure_future(both())]
    await asyncio.sleep(0.1)
    tasks += [asyncio.ensure_future(want(number)) for number in range(25)]
    await asyncio.sleep(0.3)
    page.write("folded", extract_all())
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def hostile(page):
    """Names of tasks, functions, files and classes, and source text, that try to break out."""
    tasks = []
    for index, name in enumerate([*HOSTILE, "<" * 10**6]):
        file = name.replace("\x00", "").replace("\ud800", "").replace("\udfff", "")[:5000]
        line = f"    await wait()  # {name}"[:5000]
        source = f"async def made(wait, it):\n  async with it as x:\n{line!s}\n"
        code = compile("async def made(wait, it):\n  async with it as x:\n    await wait()\n",
                       f"{index}{file}", "exec")  # fmt: skip
        linecache.cache[f"{index}{file}"] = (1, None, source.splitlines(True), f"{index}{file}")
        space = {"__name__": name}
        exec(code, space)
        made = space["made"]
        made.__code__ = made.__code__.replace(co_name=name.encode("utf-8", "replace").decode())
        cls = type("Manager", (), {"__repr__": lambda self, name=name: name})
        cls.__name__ = cls.__qualname__ = (
            name.replace("\x00", "").encode("utf-8", "replace").decode()
        )

        async def enter(self):
            return self

        async def leave(self, *exc):
            return None

        cls.__aenter__, cls.__aexit__ = enter, leave
        tasks.append(asyncio.ensure_future(space["made"](asyncio.Event().wait, cls())))
        tasks[-1].set_name(name)
    await asyncio.sleep(0.1)
    page.write("hostile", extract_all())
    page.write("hostile-stack", extract(tasks[0]))
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def many(page):
    """Many tasks, all at different lines."""
    tasks = [
        asyncio.ensure_future(function(*arguments))
        for function, *arguments in coroutines(100, 100, asyncio.sleep)
    ]
    await asyncio.sleep(1)
    page.write("many", extract_all())
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


if __name__ == "__main__":
    for make in (bank, folded, hostile, many):
        asyncio.run(make(Page(Path(sys.argv[1]))))
