"""Programs of anyio that go on by themselves, on asyncio and on trio."""

from __future__ import annotations

from tests.diagnosis.cases import ANYIO, healthy

try:
    import anyio
except ImportError:
    anyio = None

FAR = 1000


@healthy(on=ANYIO)
async def time_limits_around_groups(group, look):
    """One around a group whose block isn't over, one inside of a shielded scope."""

    async def around():
        with anyio.fail_after(FAR):
            async with anyio.create_task_group() as inner:
                inner.start_soon(anyio.Event().wait)
                await anyio.sleep(FAR)

    async def inside():
        with anyio.CancelScope(shield=True), anyio.move_on_after(FAR):
            await anyio.Event().wait()

    group.start_soon(around)
    group.start_soon(inside)
    await anyio.wait_all_tasks_blocked()
    look()


@healthy(on=ANYIO)
async def scopes_that_somebody_has(group, look):
    """A task that sleeps will cancel them: one of a task itself, one around a group."""

    async def waits(scopes):
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await anyio.Event().wait()

    async def has_a_group(scopes):
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            async with anyio.create_task_group() as inner:
                inner.start_soon(anyio.Event().wait)

    async def cancels(scopes):
        await anyio.sleep(FAR)
        for scope in scopes:
            scope.cancel()

    scopes = []
    for function in (waits, has_a_group, cancels):
        group.start_soon(function, scopes)
    del scopes
    await anyio.wait_all_tasks_blocked()
    look()
