"""A small library with tasks, which brings glue for stackscope with it.

`lunch.py` is a program that uses it.

The library runs *jobs*, which are generators, in a *yard*, which is its event loop. Jobs wait for
*goods*. Jobs that belong together are started in a *crew*. It all works the same without
stackscope.
"""

from __future__ import annotations


class Job:
    """A generator that a yard works through, a step at a time."""

    def __init__(self, name, generator):
        self.name = name
        self._generator = generator
        self._goods = None
        self._crew = None

    def __repr__(self):
        return f"<job {self.name}>"


class Goods:
    """What some jobs wait for, and another one brings."""

    def __init__(self, name, bringer=None):
        self.name = name
        self.bringer = bringer
        self.have_come = False


class Yard:
    """Runs jobs in turn until all of them are done."""

    def __init__(self):
        self._jobs = []
        self._running = None

    def start(self, name, generator):
        """Add a job."""
        job = Job(name, generator)
        self._jobs.append(job)
        return job

    def run(self):
        """Run the jobs that wait for nothing, or for what has come."""
        has_moved = True
        while has_moved:
            has_moved = False
            for job in list(self._jobs):
                has_moved = self._step(job) or has_moved

    def _step(self, job):
        if job not in self._jobs or (job._goods and not job._goods.have_come):
            return False
        self._running = job
        try:
            job._goods = next(job._generator)
        except StopIteration:
            self._jobs.remove(job)
        finally:
            self._running = None
        return True


class Crew:
    """Jobs that are dropped when the block is over."""

    def __init__(self, yard, name):
        self._yard = yard
        self.name = name
        self._jobs = []
        self._boss = None

    def __enter__(self):
        self._boss = self._yard._running
        return self

    def __exit__(self, *exc):
        self._yard._jobs[:] = [job for job in self._yard._jobs if job not in self._jobs]

    def start(self, name, generator):
        """Add a job."""
        job = self._yard.start(name, generator)
        job._crew = self
        self._jobs.append(job)
        return job


def wait_for(goods):
    """Called by jobs, with ``yield from``, to wait for goods."""
    yield from _park(goods)


def _park(goods):
    yield goods


# --------------------------------------------------------------------------------------- the glue


def _stackscope_install_glue_():
    import stackscope

    @stackscope.unwrap_stackitem.register(Job)
    def unwrap_job(job):
        return job._generator

    @stackscope.elaborate_context.register(Crew)
    def elaborate_crew(crew, context):
        context.description = f"crew {crew.name}"
        alive = [job for job in crew._jobs if job in crew._yard._jobs]
        context.children = [stackscope.extract_child(job, for_task=True) for job in alive]

    class Yards(stackscope.Runtime):
        """How extract_all() finds the yards, and what it asks about their jobs."""

        def loops(self, survey):
            # Those that run: the first argument of each running call of Yard.run().
            self.threads = {yard: ident for ident, yard in survey.first_arguments(Yard.run)}
            return list(self.threads)

        def thread(self, yard, survey):
            return self.threads[yard]

        def tasks(self, yard):
            return list(yard._jobs)

        def current(self, yard):
            return yard._running

        def task_name(self, job):
            return job.name

        def owner(self, job):
            crew = job._crew
            return (None, None) if crew is None else (crew, crew._boss)

        def state(self, job, stack):
            return "waiting" if job._goods and not job._goods.have_come else "ready"

    stackscope.register_runtime("crew", "yard", [Job], Yards)

    @stackscope.describe_call.register(wait_for)
    def describe_goods(frame, waiting):
        is_bound, goods = stackscope.lowlevel.local_value(frame.pyframe, "goods")
        if is_bound:
            waiting.clear()
            waiting.obj, waiting.notes = goods, [goods.name]
            waiting.tasks = [goods.bringer] if goods.bringer else []

    # What a job waits for is said by wait_for(); how it waits is of no interest.
    stackscope.customize(_park, hide=True, prune=True)

    # A job doesn't stand in this module, but in what has called it. How a yard gets to a job is
    # folded.
    stackscope.register_runtime_package(__name__)
    stackscope.register_machinery(__name__, ["run", "_step"])
