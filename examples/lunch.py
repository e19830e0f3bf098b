"""A program whose jobs wait for each other. `crew.py` is the library that runs them."""

from __future__ import annotations

from crew import Crew, Goods, Yard, wait_for


def fetch(goods):
    """A job that brings something, later."""
    for _ in range(10):
        yield
    goods.have_come = True


def wash(dishes, water):
    """A job that needs what another one brings."""
    for _dish in dishes:
        yield from wait_for(water)


def lunch(yard, look):
    """A job that has a crew of its own, and looks at what they do."""
    with Crew(yard, "kitchen") as kitchen:
        water = Goods("water")
        water.bringer = kitchen.start("tap", fetch(water))
        kitchen.start("washing-up", wash(["plates", "pans"], water))
        yield
        yield
        look()
        yield from wait_for(water)


def run(look):
    """Run them all."""
    yard = Yard()
    yard.start("lunch", lunch(yard, look))
    yard.run()


if __name__ == "__main__":
    import stackscope

    run(lambda: print(stackscope.extract_all(threads=False)))
