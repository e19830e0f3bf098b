"""The language of filters: what is written is what is read."""

from __future__ import annotations

import operator

from hypothesis import assume, example, given
from hypothesis import strategies as st

from stackscope.model.filters import KEYS, WORDS, Facts, Filter, FilterError, last_word, quoted
from tests.helpers.rows import IN_TURN
from tests.properties.texts import texts

pytestmark = IN_TURN  # the same inputs on all versions

PIECES = st.one_of(
    st.sampled_from([*WORDS, *(f"{key}:" for key in KEYS), "age>", "age<=5m", "(", ")", "*", "="]),
    st.sampled_from(["'", '"', " ", "\n", "ß", "İ", "no:", "1", ".5", "h"]),
    texts(3),
)
"""What texts of filters are made of, right or wrong."""

# A text with both kinds of quotes is written as several pieces, which `quoted` doesn't do.
TEXTS = st.text("aAbß *='(): \n", min_size=1, max_size=4)


class Known(Facts):
    """A task of which everything asked here is known, perhaps but for its age."""

    def __init__(self, texts, age, least, stuck):
        self.known = texts
        self.times = (age, least)
        self.stuck = stuck

    def texts(self, key):
        return self.known.get(key or "name", ())

    def ages(self):
        return self.times

    def is_stuck(self):
        return self.stuck


AGES = st.integers(0, 100)
FACTS = st.builds(
    Known,
    st.dictionaries(st.sampled_from(list(KEYS)), st.lists(TEXTS, max_size=2)),
    AGES | st.none(),
    AGES | st.none(),
    st.booleans(),
)

TERMS = st.recursive(
    st.one_of(
        st.tuples(st.just("text"), st.sampled_from(["", *KEYS]), st.booleans(), TEXTS),
        st.tuples(st.just("age"), st.sampled_from(["<", "<=", ">", ">="]), AGES),
        st.just(("stuck",)),
    ),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.sampled_from(["and", " ", "or"]), inner, inner),
    ),
    max_leaves=6,
)
"""What a filter may say, as trees."""


def written(term):
    """A tree as somebody may write it, in parentheses where they are needed."""
    kind, *rest = term
    if kind == "text":
        key, is_whole, text = rest
        sign = "=" if key and is_whole else ""
        return f"{key}:{sign}{quoted(text)}" if key else quoted(text)
    if kind == "age":
        return f"age{rest[0]}{rest[1]}"
    if kind == "not":
        return f"not {in_parentheses(rest[0])}"
    if kind == "stuck":
        return kind
    return f"{in_parentheses(rest[0])} {kind} {in_parentheses(rest[1])}"


def in_parentheses(term):
    return written(term) if term[0] in ("text", "age", "stuck") else f"({written(term)})"


COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def meaning(term, facts):
    """What a tree says of something: true, false, or ``None`` if that isn't known."""
    kind, *rest = term
    if kind == "text":
        key, is_whole, text = rest
        # A number is all of the number; so are names that look like one.
        is_number = key == "held-by" and text.rpartition(" ")[2].isdecimal()
        text = text.casefold()
        found = [one.casefold() for one in facts.texts(key)]
        if key and (is_whole or is_number):
            return text in found
        return any(text in one for one in found)
    if kind == "age":
        age, least = facts.ages()
        if age is not None:
            return COMPARED[rest[0]](age, rest[1])
        return None if least is None or least <= rest[1] else rest[0].startswith(">")
    if kind == "stuck":
        return facts.is_stuck()
    values = [meaning(one, facts) for one in rest]
    if kind == "not":
        return None if values[0] is None else not values[0]
    decisive = kind == "or"
    if decisive in values:
        return decisive
    return None if None in values else not decisive


@given(TERMS, FACTS)
def test_a_filter_means_what_was_written(term, facts):
    assert Filter(written(term)).matches(facts) is (meaning(term, facts) is True)
    denied = Filter(f"not ({written(term)})").matches(facts)
    assert denied is (meaning(term, facts) is False)


@given(TERMS)
def test_what_a_filter_asks_for_is_told(term):
    found = Filter(written(term))
    assert found.asks_stuck is ("stuck" in kinds_of(term))
    assert (found.asks_age is not None) is ("age" in kinds_of(term))
    if found.asks_age is not None:
        assert found.text[found.asks_age :].startswith("age")


def kinds_of(term):
    kind, *rest = term
    inner = [kinds_of(one) for one in rest if isinstance(one, tuple)]
    return {kind}.union(*inner)


@given(st.lists(PIECES, max_size=6).map("".join), FACTS)
@example("name:'", Known({}, None, None, False))
def test_any_text_is_read_or_refused_where_it_is_wrong(text, facts):
    try:
        found = Filter(text)
    except FilterError as exc:
        assert 0 <= exc.position <= len(text)
        assert str(exc).endswith((".", ":worker"))
    else:
        assert found.matches(facts) in (True, False)


@given(texts(), st.sampled_from(["", *KEYS]))
def test_a_quoted_text_is_looked_for_as_it_is(text, key):
    assume(text and not ("'" in text and '"' in text))
    found = Filter(f"{key}:{quoted(text)}" if key else quoted(text))
    assert found.matches(Known({key or "name": [text]}, None, None, False))
    assert not found.matches(Known({key or "name": []}, None, None, True))


@given(st.lists(PIECES, max_size=6).map("".join))
def test_what_is_being_typed_is_the_end_of_the_text(text):
    begin, key, typed = last_word(text)
    assert key == "" or key in KEYS
    assert text[begin:].replace("'", "").replace('"', "") == typed
    before = text[:begin].lower()
    assert before.endswith(f"{key}:") or not key
