"""What the free text of an order says: a trial, a pump, its replacement; what it denies or puts off is not said.

English only. Words come from the value sets (order_words.yaml, orders.yaml); a text is cut into clauses, a clause into
words, and two words speak together where they stand near each other in one clause. A text that is not understood
says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from fhir_mappings.code_sets import ValueSets

TRIAL_APART = 6
"""At most so many words between a word for a trial and one for intrathecal therapy."""
PUMP_APART = 3
REPLACED_APART = 3
DENIED_BEFORE = 2
DENIED_AFTER = 3
ALONE = 3
"""A text of at most so many words that says replacement needs no pump beside it."""

_EXAMPLES = re.compile(r"\((?:e\.?\s?g\b|i\.?\s?e\b|excludes|includes)[^)]*\)", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.;!?](?=\s|$)|[\n\r]|\b(?:but|however|although)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+|[,:()]")
_PAUSE = frozenset(",:()")
_BLANK = ","

Words = tuple[str, ...]
Place = tuple[int, int]


class Wording:
    """Reads texts with the word lists of one load of value sets. Get it with `wording`."""

    def __init__(self, sets: ValueSets) -> None:
        def phrases(*value_sets: str) -> frozenset[Words]:
            return frozenset(_words(word) for name in value_sets for word in sets.words(name))

        self._trial = phrases("trial-words")
        self._place = phrases("intrathecal-words", "spinal-words")
        self._other = phrases("other-trial-words")
        self._spinal = phrases("spinal-words")
        self._pump = phrases("pump-words")
        self._named = phrases("pump-names", "pump-in-place")
        self._implant = phrases("pump-implant-words")
        self._replaced = phrases("pump-replaced-words")
        self._part = phrases("pump-part-words")
        self._catheter = phrases("catheter-words")
        self._failed = phrases("pump-failure-words")
        self._service = phrases("pump-service-words")
        self._before = phrases("denied-before")
        self._after = phrases("denied-after")
        self._passed_over = phrases("said-without-meaning")
        self._counter = phrases("counter-sign")
        self._not_counter = phrases("not-counter-words")
        self._steroid = phrases("steroid-words")
        self._not_injectate = phrases("not-injectate-words")
        self._indication = phrases("indication-words")

    def says_trial(self, text: object) -> bool:
        """Return whether a text speaks of an intrathecal (pump) trial or test dose."""
        return any(self._says_trial(clause) for clause in self._clauses(text))

    def names_pump(self, text: object) -> bool:
        """Return whether a text names an intrathecal pump, and not its refill, reading out or removal."""
        return any(self._names_pump(clause) for clause in self._clauses(text))

    def says_replaced(self, text: object) -> bool:
        """Return whether a text says that a pump is replaced, failed, recalled or at its end."""
        clauses = list(self._clauses(text))
        short = sum(len(clause) for clause in clauses) <= ALONE
        return any(self._says_replaced(clause, short) for clause in clauses)

    def says_steroid(self, text: object) -> bool:
        """Return whether a text speaks of a steroid."""
        return self._says(text, self._steroid)

    def says_other_injectate(self, text: object) -> bool:
        """Return whether a text names an injectate that is no pain or spasticity drug."""
        return self._says(text, self._not_injectate)

    def may_be_indication(self, text: object) -> bool:
        """Return whether a text speaks of pain, spasticity or a cancer, in whatever way."""
        return any(True for clause in self._clauses(text) for _ in _places(clause, self._indication))

    def says_spinal(self, text: object) -> bool:
        """Return whether a text speaks of the intrathecal space."""
        return self._says(text, self._spinal)

    def speaks_against_trial(self, text: object) -> bool:
        """Return whether a text speaks of labour, anaesthesia or the time after surgery."""
        for clause in self._clauses(text):
            passed = _covered(clause, self._not_counter)
            if any(not passed & set(range(*place)) for place in _places(clause, self._counter)):
                return True
        return False

    def _says(self, text: object, phrases: frozenset[Words]) -> bool:
        return any(True for clause in self._clauses(text) for _ in self._affirmed(clause, phrases))

    def _clauses(self, text: object) -> Iterator[Words]:
        if not isinstance(text, str) or not text:
            return
        for clause in _CLAUSE_END.split(_EXAMPLES.sub(" , ", text)):
            words = _words(clause)
            passed = _covered(words, self._passed_over)
            if words:
                yield tuple(_BLANK if index in passed else word for index, word in enumerate(words))

    def _affirmed(self, clause: Words, phrases: frozenset[Words]) -> Iterator[Place]:
        for place in _places(clause, phrases):
            if not self._is_denied(clause, place):
                yield place

    def _is_denied(self, clause: Words, place: Place) -> bool:
        start, end = place
        for _, last in _places(clause, self._before):
            between = clause[last:start]
            if last <= start and len(between) <= DENIED_BEFORE and not _PAUSE & set(between):
                return True
        following = [(index, word) for index, word in enumerate(clause) if index >= end and word not in _PAUSE]
        spoken = tuple(word for _, word in following)
        return any(first <= DENIED_AFTER for first, _ in _places(spoken, self._after))

    def _says_trial(self, clause: Words) -> bool:
        others = list(_places(clause, self._other))
        theirs = {index for place in others for index in range(*place)}
        places = [place for place in self._affirmed(clause, self._place) if not theirs & set(range(*place))]
        for trial in self._affirmed(clause, self._trial):
            near = min((_apart(trial, place) for place in places if place != trial), default=None)
            if near is None or near > TRIAL_APART:
                continue
            if all(_apart(trial, other) > near for other in others):
                return True
        return False

    def _names_pump(self, clause: Words) -> bool:
        implanted = any(True for _ in self._affirmed(clause, self._implant))
        if not implanted and any(True for _ in _places(clause, self._service)):
            return False
        if any(True for _ in self._affirmed(clause, self._named)):
            return True
        spinal = list(self._affirmed(clause, self._spinal))
        return any(_apart(pump, one) <= PUMP_APART for pump in self._affirmed(clause, self._pump) for one in spinal)

    def _says_replaced(self, clause: Words, short: bool) -> bool:
        if any(True for _ in self._affirmed(clause, self._failed)):
            return True
        parts = list(_places(clause, self._part))
        catheters = list(_places(clause, self._catheter))
        for one in self._affirmed(clause, self._replaced):
            near = min((_apart(one, part) for part in parts), default=0 if short else REPLACED_APART + 1)
            if near <= REPLACED_APART and all(_apart(one, catheter) > near for catheter in catheters):
                return True
        return False


@lru_cache(maxsize=8)
def wording(sets: ValueSets) -> Wording:
    """Return the reader of texts for these value sets."""
    return Wording(sets)


def _words(text: str) -> Words:
    return tuple(_WORD.findall(text.casefold()))


def _places(clause: Sequence[str], phrases: Iterable[Words]) -> Iterator[Place]:
    """Yield where one of the phrases stands, as start and end."""
    starts = {word: [index for index, one in enumerate(clause) if one == word] for word in set(clause)}
    for phrase in phrases:
        for start in starts.get(phrase[0], ()) if phrase else ():
            end = start + len(phrase)
            if tuple(clause[start:end]) == phrase:
                yield start, end


def _covered(clause: Words, phrases: Iterable[Words]) -> set[int]:
    return {index for place in _places(clause, phrases) for index in range(*place)}


def _apart(one: Place, other: Place) -> int:
    """Return how many words stand between two places; 0 where they touch or overlap."""
    return max(other[0] - one[1], one[0] - other[1], 0)
