"""The language of filters."""

from __future__ import annotations

import time

import pytest

from stackscope.model.filters import KEYS, Facts, Filter, FilterError, last_word, quoted


class Known(Facts):
    """What is known of something that isn't there."""

    def __init__(self, age=(None, None), stuck=False, **texts):
        self.known = {key.replace("_", "-"): value for key, value in texts.items()}
        self.age = age
        self.stuck = stuck

    def texts(self, key):
        found = self.known.get(key or "name", ())
        return [found] if isinstance(found, str) else found

    def ages(self):
        return self.age

    def is_stuck(self):
        return self.stuck


WORKER = Known(name="Worker-1", state="waiting", held_by=["2", "task 2", "cook"], stuck=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("work", True),
        ("WORK", True),
        ("nobody", False),
        ("name:worker", True),
        ("NAME:worker", True),
        ("name:=worker", False),
        ("name:=worker-1", True),
        ("name:worker*", True),
        ("name:work", True),
        ("name:*work", False),
        ("name:w*r*1", True),
        ("name:w*x*1", False),
        ("name:wor*orker-1", False),  # nothing is used twice
        ("name:'w*r*1'", False),
        ('name:"rker-"', True),
        ("name:*", True),
        ("waits:*", False),
        ("worker state:waiting", True),
        ("worker and state:waiting", True),
        ("worker state:running", False),
        ("worker or state:running", True),
        ("nobody or state:running", False),
        ("nobody nobody or worker", True),  # 'or' binds less than 'and'
        ("worker or nobody nobody", True),
        ("nobody (nobody or worker)", False),
        ("not nobody", True),
        ("not not worker", True),
        ("NOT nobody AND worker", True),
        ("not (nobody or nothing)", True),
        ("not(nobody)", True),
        ("not nobody worker", True),  # 'not' is for the next one only
        ("stuck", True),
        ("not stuck", False),
        ("'stuck'", False),
        ("held-by:2", True),
        ("held-by:1", False),
        ("held-by:'task 2'", True),
        ("held-by:'task 1'", False),
        ("held-by:coo", True),
    ],
)
def test_what_it_finds(text, expected):
    assert Filter(text).matches(WORKER) is expected


def test_numbers_of_holders_are_whole():
    assert not Filter("held-by:2").matches(Known(held_by=["21", "task 21"]))
    assert not Filter("held-by:'task 2'").matches(Known(held_by=["21", "task 21"]))


@pytest.mark.parametrize("key", KEYS)
def test_each_key(key):
    known = Known(**{key.replace("-", "_"): "Some text"})
    assert Filter(f"{key}:some").matches(known)
    assert not Filter(f"{key}:other").matches(known)


@pytest.mark.parametrize(
    ("text", "ages"),
    [
        ("age>30", {29: False, 30: False, 31: True}),
        ("age>=30", {29: False, 30: True}),
        ("age<30", {29: True, 30: False}),
        ("age<=30", {30: True, 31: False}),
        ("age>5m", {300: False, 301: True}),
        ("AGE > 1.5H", {5400: False, 5401: True}),
        ("age>.5s", {0.4: False, 0.6: True}),
    ],
)
def test_ages(text, ages):
    for age, expected in ages.items():
        assert Filter(text).matches(Known(age=(age, age))) is expected, age


def test_what_is_not_known_is_no_match_either_way():
    for least in (None, 10):
        known = Known(age=(None, least), name="a")
        for text in ("age>30", "not age>30", "age<30", "not age<30", "a age>30"):
            assert not Filter(text).matches(known), text
        assert Filter("a or age>30").matches(known)
        assert Filter("not (b age>30)").matches(known)


def test_the_least_that_an_age_may_be():
    known = Known(age=(None, 40))
    assert Filter("age>30").matches(known)
    assert Filter("not age<30").matches(known)
    assert not Filter("age<30").matches(known)


@pytest.mark.parametrize(
    ("text", "position", "words"),
    [
        ("", 0, "A filter says what to show"),
        ("  ", 2, "A filter says what to show"),
        ("a nam:b", 2, "'nam:' is not a key. The keys are name:, state:, "),
        ("name:", 5, "'name:' needs a text behind it"),
        ("name: a", 5, "'name:' needs a text behind it"),
        ("name:''", 5, "'name:' needs a text behind it"),
        ("(a", 0, "A '(' has no ')'"),
        ("a)", 1, "There is a ')' without a '('"),
        ("a (b))", 5, "There is a ')' without a '('"),
        ("()", 1, "Something is missing here"),
        ("not", 3, "Something is missing here"),
        ("a and", 5, "Something is missing here"),
        ("a or or b", 5, "'or' belongs between two others"),
        ("and a", 0, "'and' belongs between two others"),
        ('"a', 0, 'A " is not closed'),
        ("don't", 3, "A ' is not closed"),
        ("age>x", 0, "'age>x' is not an age: write age>30"),
        ("a age>30d", 2, "'age>30d' is not an age"),
        ("age:30", 0, "'age:30' is not an age"),
        ("(" * 60 + "a" + ")" * 60, 50, "Parentheses can be nested 50 deep"),
    ],
)
def test_wrong_ones_say_what_is_possible(text, position, words):
    with pytest.raises(FilterError) as info:
        Filter(text)
    assert str(info.value).startswith(words)
    assert info.value.position == position
    assert "\n" not in str(info.value)
    assert isinstance(info.value, ValueError)


def test_many_words_are_read_without_depth():
    text = " ".join(["not"] * 10_000 + ["a"] * 10_000)
    assert Filter(text).matches(Known(name="a"))


def test_a_pattern_of_many_stars_takes_no_time():
    begin = time.perf_counter()
    assert not Filter("name:" + "a*" * 50 + "b").matches(Known(name="a" * 10_000))
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize(
    "text", ["plain", "two words", "", "a*b", "not", "Stuck", "name:x", "age>3", "=a", 'a"b', "a'b"]
)
def test_quoted_text_is_found_as_it_is(text):
    if text:
        assert Filter(quoted(text)).matches(Known(name=text))
        assert Filter(f"name:={quoted(text)}").matches(Known(name=text))
        assert not Filter(f"name:={quoted(text)}").matches(Known(name=f"{text}x"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, "", "")),
        ("wor", (0, "", "wor")),
        ("not (name:wor", (10, "name", "wor")),
        ('a name:"two wo', (7, "name", "two wo")),
        ("a ", (2, "", "")),
        ("nam:x", (0, "", "nam:x")),
    ],
)
def test_what_is_being_typed(text, expected):
    assert last_word(text) == expected
