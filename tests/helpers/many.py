"""Many coroutines, at as many lines."""

from __future__ import annotations

import linecache


def coroutines(rows, columns, sleep):
    """Coroutines, each of which sleeps at a line of its own.

    Args:
        rows: How many functions there are.
        columns: How many lines of each function.
        sleep: What they await.
    """
    for row in range(rows):
        lines = [f"async def row_{row}(column, sleep):"]
        for column in range(columns):
            lines += [f"    if column == {column}:", "        await sleep(3600)"]
        file = f"row_{row}.py"
        source = "\n".join(lines)
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        space = {"__name__": "rows"}
        exec(compile(source, file, "exec"), space)
        for column in range(columns):
            yield space[f"row_{row}"], column, sleep
