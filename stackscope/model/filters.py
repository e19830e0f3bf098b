"""The language of filters: ``state:waiting in:transfer not name:"Task-*"``.

A filter is read once, and then asked of each task, thread or greenlet. It knows nothing of these
but what their `Facts` tell. What isn't known makes a filter neither true nor false, and ``not`` of
that isn't known either: only what is true is a match.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, List, Match, NoReturn, Optional, Tuple

    Term = Callable[["Facts"], Optional[bool]]

__all__ = ["KEYS", "WORDS", "Facts", "Filter", "FilterError", "last_word", "quoted"]

KEYS = {
    "name": "the name, or what a task is about",
    "state": "running, ready, waiting, cancelling …",
    "in": "a function that it is in",
    "file": "the file of such a function",
    "with": "the type of a context manager that is active",
    "waits": "what it waits for",
    "held-by": "who has the lock that it waits for: a number or a name",
    "library": "the library of its loop, or of a function that it is in",
}
"""The keys, with what the text after the colon is looked for in."""

WORDS = ("stuck", "not", "and", "or")
"""The words that mean something else than themselves, unless they are quoted."""

UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}
"""The units of ages, in seconds."""

DEEPEST = 50
"""The levels of parentheses that are read."""

_AGE = re.compile(
    r"age\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?|\.\d+)\s*([smh]?)(?=[\s()]|$)", re.IGNORECASE
)
_BEGINS_AGE = re.compile(r"age\s*[<>=:][^\s()]*", re.IGNORECASE)
_KEY = re.compile(r"([^\W\d][\w-]*):")
_PIECE = re.compile(r"\"([^\"]*)\"|'([^']*)'|([^\s()\"']+)|([\"'])")
_SPACE = re.compile(r"\s*")

KEYS_TEXT = ", ".join([f"{key}:" for key in KEYS])


class FilterError(ValueError):
    """A filter that can't be read, or that asks for what isn't known. The message says what to do.

    Args:
        message: One sentence.
        position: The index of the first wrong character in the filter.

    Example:
        >>> try:
        ...     extract_all().filter("nam:cook")
        ... except FilterError as exc:
        ...     print(exc.position)
        0
    """

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class Facts:
    """What a filter asks of one task, thread or greenlet: to be derived from."""

    def texts(self, key: str) -> Iterable[str]:
        """The texts that what stands behind a key is looked for in; without a key, bare words."""
        raise NotImplementedError

    def fits(self, pattern: Pattern, key: str) -> bool:
        """Whether one of these texts fits a pattern."""
        return any(pattern.fits(text) for text in self.texts(key))

    def ages(self) -> Tuple[Optional[float], Optional[float]]:
        """The age in seconds, and the least that it may be; ``None`` if that isn't known."""
        raise NotImplementedError

    def is_stuck(self) -> bool:
        """Whether it is known to be stuck."""
        raise NotImplementedError


class Pattern:
    """A text to look for, whatever its case.

    Args:
        parts: The text, cut at the stars that stand for anything.
        is_whole: Whether it has to be all of the other text. With a star in it, it always has.
    """

    __slots__ = ("is_whole", "parts")

    def __init__(self, parts: List[str], is_whole: bool) -> None:
        self.parts: List[str] = [part.casefold() for part in parts]
        self.is_whole: bool = is_whole

    def fits(self, text: str) -> bool:
        """Whether it is in a text, or is all of it."""
        text = str.casefold(text)  # names may be of a class of the program's
        first, *others = self.parts
        if not others:
            return text == first if self.is_whole else first in text
        *middle, last = others
        if not text.startswith(first):
            return False
        start = len(first)
        for part in middle:
            found = text.find(part, start)
            if found < 0:
                return False
            start = found + len(part)
        return len(text) - len(last) >= start and text.endswith(last)


class Filter:
    """A filter that was read.

    Args:
        text: What was written.

    Attributes:
        asks_age: Where in the text an age is asked for; ``None`` if none is.
        asks_stuck: Whether it asks for what is stuck.

    Raises:
        FilterError: It can't be read.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.asks_age: Optional[int] = None
        self.asks_stuck: bool = False
        self._position = 0
        self._depth = 0
        self._skip()
        if not self._rest():
            self._fail("A filter says what to show, as in 'state:waiting name:worker'.")
        self._term = self._either()
        if self._rest():
            self._fail("There is a ')' without a '(': leave it out, or put it in quotes.")

    def matches(self, facts: Facts) -> bool:
        """Whether it is known to be true of something."""
        return self._term(facts) is True

    # ------------------------------------------------------------------ reading

    def _rest(self) -> str:
        return self.text[self._position :]

    def _skip(self) -> None:
        found = _SPACE.match(self.text, self._position)
        assert found is not None
        self._position = found.end()

    def _fail(self, message: str, position: Optional[int] = None) -> NoReturn:
        raise FilterError(message, self._position if position is None else position)

    def _next_is(self, word: str) -> bool:
        """Go past the next word, if it is this one."""
        end = self._position + len(word)
        after = self.text[end : end + 1]
        is_end = not after or after.isspace() or after in "()"
        if self.text[self._position : end].lower() != word or not is_end:
            return False
        self._position = end
        self._skip()
        return True

    def _either(self) -> Term:
        terms = [self._all()]
        while self._next_is("or"):
            terms.append(self._all())
        return terms[0] if len(terms) == 1 else _any_of(terms)

    def _all(self) -> Term:
        terms = [self._negated()]
        while True:
            is_joined = self._next_is("and")
            begin = self._position
            at_end = begin == len(self.text) or self.text[begin] == ")"
            if not is_joined and (at_end or self._next_is("or")):
                self._position = begin
                return terms[0] if len(terms) == 1 else _all_of(terms)
            terms.append(self._negated())

    def _negated(self) -> Term:
        is_negated = False
        while self._next_is("not"):
            is_negated = not is_negated
        term = self._single()
        return _not(term) if is_negated else term

    def _single(self) -> Term:
        begin = self._position
        if begin == len(self.text) or self.text[begin] == ")":
            self._fail("Something is missing here: a word, or a key such as name:worker.")
        for word in ("and", "or"):
            if self._next_is(word):
                self._fail(
                    f"'{word}' belongs between two others. To find the word itself, quote it.",
                    begin,
                )
        if self.text[begin] == "(":
            return self._in_parentheses()
        if self._next_is("stuck"):
            self.asks_stuck = True
            return _is_stuck
        return self._age() or self._keyed()

    def _in_parentheses(self) -> Term:
        begin = self._position
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"Parentheses can be nested {DEEPEST} deep: use fewer.")
        self._position += 1
        self._skip()
        term = self._either()
        if self._position == len(self.text):
            self._fail("A '(' has no ')': close it, or put it in quotes.", begin)
        self._depth -= 1
        self._position += 1
        self._skip()
        return term

    def _age(self) -> Optional[Term]:
        begin = self._position
        found = _AGE.match(self.text, begin)
        if found is None:
            wrong = _BEGINS_AGE.match(self.text, begin)
            if wrong is not None:
                self._fail(f"{wrong.group()!r} is not an age: write age>30, age<=5m or age>1h.")
            return None
        self.asks_age = begin if self.asks_age is None else self.asks_age
        self._position = found.end()
        self._skip()
        return _age_term(found)

    def _keyed(self) -> Term:
        begin = self._position
        found = _KEY.match(self.text, begin)
        key = ""
        if found is not None:
            key = found.group(1).lower()
            if key not in KEYS:
                self._fail(
                    f"{found.group()!r} is not a key. The keys are {KEYS_TEXT}. To find the"
                    " text itself, quote it."
                )
            self._position = found.end()
        return _text_term(key, self._pattern(key))

    def _pattern(self, key: str) -> Pattern:
        begin = self._position
        is_whole = bool(key) and self.text.startswith("=", begin)
        self._position += is_whole
        parts = [""]
        while True:
            found = _PIECE.match(self.text, self._position)
            if found is None:
                break
            if found.group(4):
                self._fail(f"A {found.group(4)} is not closed: add the second one.")
            self._position = found.end()
            plain = found.group(3)
            first, *others = plain.split("*") if plain else [found.group(1) or found.group(2) or ""]
            parts[-1] += first
            parts += others
        if parts == [""]:
            self._fail(f"'{key}:' needs a text behind it, as in {key}:worker.", begin)
        self._skip()
        # 2 is not 21; neither is "thread 2".
        is_number = key == "held-by" and parts[0].rpartition(" ")[2].isdecimal()
        return Pattern(parts, is_whole or is_number)


# -------------------------------------------------------------------- the terms


def _any_of(terms: List[Term]) -> Term:
    def term(facts: Facts) -> Optional[bool]:
        is_known = True
        for one in terms:
            found = one(facts)
            if found:
                return True
            is_known = is_known and found is not None
        return False if is_known else None

    return term


def _all_of(terms: List[Term]) -> Term:
    def term(facts: Facts) -> Optional[bool]:
        is_known = True
        for one in terms:
            found = one(facts)
            if found is False:
                return False
            is_known = is_known and found is not None
        return True if is_known else None

    return term


def _not(inner: Term) -> Term:
    def term(facts: Facts) -> Optional[bool]:
        found = inner(facts)
        return None if found is None else not found

    return term


def _is_stuck(facts: Facts) -> bool:
    return facts.is_stuck()


def _text_term(key: str, pattern: Pattern) -> Term:
    def term(facts: Facts) -> bool:
        return facts.fits(pattern, key)

    return term


def _age_term(found: Match[str]) -> Term:
    sign = found.group(1)
    limit = float(found.group(2)) * UNITS[found.group(3).lower()]

    def term(facts: Facts) -> Optional[bool]:
        age, least = facts.ages()
        if age is not None:
            if sign.startswith(">"):
                return age > limit or (age == limit and "=" in sign)
            return age < limit or (age == limit and "=" in sign)
        if least is None or least <= limit:
            return None
        return sign.startswith(">")

    return term


# -------------------------------------------------------------------- completion


def quoted(text: str) -> str:
    """A text as it is written in a filter, where it is looked for as it is."""
    is_plain = text.lower() not in WORDS and not _KEY.match(text) and not _BEGINS_AGE.match(text)
    if text and is_plain and not re.search(r"[\s()\"'*]|^=", text):
        return text
    return f"'{text}'" if '"' in text else f'"{text}"'


def last_word(text: str) -> Tuple[int, str, str]:
    """What is being typed at the end of a filter.

    Returns:
        Where the word begins, or what stands behind its key; the key; and what is typed of the
        word, without quotes.
    """
    begin, quote = 0, ""
    for index, char in enumerate(text):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char.isspace() or char in "()":
            begin = index + 1
    key = ""
    found = _KEY.match(text, begin)
    if found is not None and found.group(1).lower() in KEYS:
        key, begin = found.group(1).lower(), found.end()
    return begin, key, text[begin:].replace('"', "").replace("'", "")
