from __future__ import annotations

import contextlib
import copy
import functools
import pickle
import sys

import pytest

from stackscope import lowlevel
from stackscope.extraction.codes import IdentityDict, code_dispatch, get_code


def outer():
    def inner():
        class Inside:
            def method(self):
                pass

        return Inside

    return inner


@contextlib.contextmanager
def manager():
    yield


class Methods:
    def plain(self):
        pass

    @classmethod
    def of_class(cls):
        pass

    @staticmethod
    def static():
        pass

    @functools.lru_cache()
    def cached(self):
        pass


def test_reexported():
    assert lowlevel.get_code is get_code
    assert lowlevel.code_dispatch is code_dispatch
    assert lowlevel.IdentityDict is IdentityDict


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (outer.__code__, "outer"),
        (outer, "outer"),
        (Methods.plain, "plain"),
        (Methods().plain, "plain"),
        (Methods.of_class, "of_class"),
        (vars(Methods)["of_class"], "of_class"),
        (vars(Methods)["static"], "static"),
        (Methods.cached, "cached"),
        (functools.partial(functools.partial(outer), 1), "outer"),
        (functools.partialmethod(outer), "outer"),
        (manager, "manager"),
        (staticmethod(classmethod(outer)), "outer"),
    ],
)
def test_get_code(thing, name):
    assert get_code(thing).co_name == name


def test_get_code_follows_wrapped_to_the_end():
    @functools.wraps(manager)
    def wrapper():
        pass

    assert get_code(wrapper) is manager.__wrapped__.__code__


def test_get_code_nested():
    code = get_code(outer, "inner", "Inside", "method")
    assert code is outer()().method.__code__
    assert get_code(outer, "inner", "Inside").co_name == "Inside"


def test_get_code_unknown_name():
    with pytest.raises(
        ValueError, match="Couldn't find a function or class named 'nowhere' in outer"
    ):
        get_code(outer, "nowhere")
    with pytest.raises(
        ValueError, match="Couldn't find a function or class named 'n' in outer.inner"
    ):
        get_code(outer, "inner", "n")


@pytest.mark.parametrize("thing", [3, Methods, property(outer), len, object(), None, "text"])
def test_get_code_of_what_has_none(thing):
    with pytest.raises(TypeError, match="Don't know how to extract a code object from"):
        get_code(thing)


def test_get_code_of_wrappers_that_wrap_each_other():
    def first():
        pass

    def second():
        pass

    first.__wrapped__, second.__wrapped__ = second, first
    with pytest.raises(TypeError, match="Don't know how to extract a code object from"):
        get_code(first)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with 3.12")
def test_get_code_of_a_generic_function():
    namespace = {}
    exec("def around():\n    def generic[T](x: T):\n        pass\n    return generic", namespace)
    around = namespace["around"]
    assert get_code(around, "generic") is around().__code__


# ------------------------------------------------------------ code_dispatch


def make_dispatch():
    @code_dispatch(get_code)
    def describe(function, more=None):
        """How it is described."""
        return "default", more

    return describe


def test_dispatch():
    describe = make_dispatch()

    def special(function, more=None):
        return "special", more

    assert describe.register(outer, special) is special
    assert describe(outer, more=1) == ("special", 1)
    assert describe(manager, 2) == ("default", 2)
    assert describe.dispatch(outer) is special
    assert describe.dispatch(manager)(None) == ("default", None)
    assert describe.__name__ == "describe"
    assert describe.__doc__ == "How it is described."


def test_dispatch_by_a_nested_name_and_as_a_decorator():
    describe = make_dispatch()

    @describe.register(outer, "inner")
    def special(function):
        return "inner"

    describe.register(outer, "inner", "Inside", "method", lambda function: "method")
    assert special(None) == "inner"
    assert describe(outer()) == "inner"
    assert describe(outer()().method) == "method"
    assert describe(outer) == ("default", None)


def test_the_last_registration_counts():
    describe = make_dispatch()
    describe.register(outer, lambda function: 1)
    describe.register(outer, lambda function: 2)
    assert describe(outer) == 2
    assert len(describe.registry) == 1


def test_registration_of_what_has_no_code():
    describe = make_dispatch()
    with pytest.raises(TypeError, match="extract a code object"):
        describe.register(3, outer)
    with pytest.raises(ValueError, match="named 'x'"):
        describe.register(outer, "x")


def test_dispatch_is_by_identity():
    describe = make_dispatch()
    codes = [compile("def f(): pass", "file.py", "exec").co_consts[0] for _ in range(2)]
    assert codes[0] == codes[1]
    assert codes[0] is not codes[1]
    describe.register(codes[0], lambda code: "special")
    assert describe(codes[0]) == "special"
    assert describe(codes[1]) == ("default", None)


def test_registry_is_read_only_and_current():
    describe = make_dispatch()
    registry = describe.registry
    assert len(registry) == 0
    describe.register(outer, manager)
    assert dict(registry) == {outer.__code__: manager}
    assert registry[outer.__code__] is manager
    with pytest.raises((TypeError, AttributeError)):
        registry[outer.__code__] = outer


# ------------------------------------------------------------- IdentityDict


def test_keys_need_no_hash_and_are_compared_by_identity():
    first, second = [], []
    mapping = IdentityDict([(first, 1), (second, 2)])
    assert mapping[first] == 1
    assert mapping[second] == 2
    assert first in mapping
    assert [] not in mapping
    assert len(mapping) == 2
    mapping[first] = 3
    assert list(mapping.items()) == [(first, 3), (second, 2)]
    del mapping[first]
    assert list(mapping) == [second]
    assert mapping.get([]) is None
    assert mapping.setdefault(first, 4) == 4
    assert list(mapping.values()) == [2, 4]
    assert list(reversed(mapping)) == [first, second]
    mapping.clear()
    assert not mapping


def test_missing_keys():
    mapping = IdentityDict()
    with pytest.raises(KeyError):
        mapping["a"]
    with pytest.raises(KeyError):
        del mapping["a"]
    with pytest.raises(KeyError):
        mapping.popitem()
    with pytest.raises(KeyError):
        mapping.pop("a")


def test_popitem_takes_the_last():
    mapping = IdentityDict([("a", 1), ("b", 2)])
    assert mapping.popitem() == ("b", 2)
    assert mapping.popitem() == ("a", 1)


def test_equality():
    key = []
    assert IdentityDict([(key, 1), ("b", 2)]) == IdentityDict([("b", 2), (key, 1)])
    assert IdentityDict([(key, 1)]) != IdentityDict([([], 1)])
    assert IdentityDict([(key, 1)]) != IdentityDict([(key, 2)])
    assert IdentityDict([(key, 1)]) != IdentityDict()
    assert IdentityDict([("a", 1)]) == {"a": 1}
    assert IdentityDict([("a", 1)]) != {"a": 2}
    assert IdentityDict() != 3
    with pytest.raises(TypeError):
        hash(IdentityDict())


def test_repr():
    assert repr(IdentityDict()) == "IdentityDict([])"
    assert repr(IdentityDict([([], 1), ("b", 2)])) == "IdentityDict([([], 1), ('b', 2)])"


def test_keys_stay_alive():
    mapping = IdentityDict()
    for number in range(100):
        mapping[[number]] = number
    assert [key[0] for key in mapping] == list(range(100))


def test_copies_find_their_keys():
    mapping = IdentityDict([([1], "one")])
    assert copy.copy(mapping) == mapping
    for copied in (copy.deepcopy(mapping), pickle.loads(pickle.dumps(mapping))):
        [key] = copied
        assert key == [1]
        assert copied[key] == "one"


def test_subscription():
    assert IdentityDict[object, str]([(1, "one")])[1] == "one"
