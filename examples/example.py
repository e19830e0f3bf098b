"""Four context managers inside each other: run this file to see them as a tree."""
from contextlib import ExitStack, contextmanager
@contextmanager
def null_context():
    yield

def some_cb(*args, **kwargs):
    """Would be called when the stack is left."""

@contextmanager
def inner_context():
    stack = ExitStack()
    with stack:
        stack.enter_context(null_context())
        stack.callback(some_cb, 10, "hi", answer=42)
        yield "inner"

@contextmanager
def outer_context():
    with inner_context() as inner:
        yield "outer"

def example():
    with outer_context():
        yield

def call_example():
    yield from example()

if __name__ == "__main__":
    import stackscope

    suspended = call_example()
    next(suspended)
    print(stackscope.extract(suspended), end="")
