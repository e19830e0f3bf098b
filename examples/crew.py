"""A small library that brings glue for stackscope with it, and a program that uses the library.

The library runs *jobs*, which are generators, in *crews*. It works the same without stackscope.
"""

from __future__ import annotations

from collections import deque


class Job:
    """A generator that a crew works through, a step at a time."""

    def __init__(self, name, generator):
        self.name = name
        self._generator = generator

    def __repr__(self):
        return f"<job {self.name}>"

    def step(self):
        """Go on until the job waits for something."""
        return next(self._generator)


class Crew:
    """Runs jobs in turn until the block is over."""

    def __init__(self, name):
        self.name = name
        self._jobs = deque()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._jobs.clear()

    def start(self, name, generator):
        """Add a job, and let it run as far as its first wait."""
        job = Job(name, generator)
        self._jobs.append(job)
        job.step()
        return job


def wait_for(what):
    """Called by jobs, with ``yield from``, to wait for something."""
    yield from _park(what)


def _park(what):
    yield what


# --------------------------------------------------------------------------------------- the glue


def _stackscope_install_glue_():
    import stackscope

    @stackscope.unwrap_stackitem.register(Job)
    def unwrap_job(job):
        return job._generator

    @stackscope.elaborate_context.register(Crew)
    def elaborate_crew(crew, context):
        context.description = f"crew {crew.name}"
        context.children = [stackscope.extract_child(job, for_task=True) for job in crew._jobs]

    # What a job waits for is said by wait_for(); how it waits is of no interest.
    stackscope.customize(_park, hide=True, prune=True)


# ------------------------------------------------------------------------------------ the program


def wash(dishes):
    """A job."""
    for dish in dishes:
        yield from wait_for(f"water for the {dish}")


def lunch():
    """A job that has a crew of its own."""
    with Crew("kitchen") as kitchen:
        kitchen.start("washing-up", wash(["plates", "pans"]))
        yield from wait_for("guests")


if __name__ == "__main__":
    import stackscope

    job = Job("lunch", lunch())
    job.step()
    print(stackscope.extract(job, recurse_child_tasks=True))
