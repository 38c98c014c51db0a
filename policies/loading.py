"""Policy files -> policies. Every error names file, line, what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from policies.conditions import (
    ACCEPTED,
    AllOf,
    AnyOf,
    Compares,
    Condition,
    Duration,
    EndedBefore,
    FailedAfter,
    Held,
    Is,
    Lasted,
    OneOf,
    OutcomeIs,
    Reached,
    Threshold,
)
from policies.documents import Place, optional_text
from policies.errors import PolicyLibraryError
from policies.logic import All, Any, LeafRef, Status, Tree, leaf_ids
from policies.model import (
    ANY_INDICATION,
    INDICATIONS,
    OTHER_INDICATION,
    OTHER_USE,
    PHASES,
    AnswerRule,
    Bullet,
    CautionRule,
    Citation,
    DeterminationKind,
    Handover,
    Leaf,
    Phase,
    PhaseCriteria,
    Policy,
    Rule,
    ScopeRule,
    Source,
)
from policies.values import EFFECTIVE, OUTCOMES
from policies.vocabulary import Vocabulary

LIBRARY = Path(__file__).with_name("library")
COMPARATORS = ("gt", "gte", "lt", "lte")
STATUSES = tuple(status.value for status in Status)
HANDOVERS = ("out-of-scope", "external-criteria", "no-review-needed", "needs-review")
BULLET_PLACES = ("scope", "codes", "cautions", "effective")

OPERATORS: Mapping[str, str] = {
    "is": "flag",
    "gt": "measure",
    "gte": "measure",
    "lt": "measure",
    "lte": "measure",
    "reached": "trials",
    "missed": "trials",
    "held": "trials",
    "not_held": "trials",
    "failed_after": "course",
    "lasted": "course",
    "ended_before": "course",
    "outcome": "course",
    "one_of": "choice",
}
"""Every operator and the type of fact it can be asked of."""

_LEAF_REQUIRED = ("label", "cite", "expects", "to_do")
_LEAF_SAYS = ("answer", "ceiling", "at_best_review", "reading", "evidence")
_LEAF_OPTIONAL = ("rules", "fact", "by", "or_still", *_LEAF_SAYS, *OPERATORS)


def load_policies(vocabulary: Vocabulary, library: Path = LIBRARY) -> tuple[Policy, ...]:
    """Return every policy version of the library folder, oldest first per policy.

    Raises PolicyFileError for a wrong file, PolicyLibraryError where versions of one policy overlap.
    """
    files = sorted(file for file in library.glob("*/*.yaml") if file.name != "vignettes.yaml")
    policies = tuple(load_policy(file, vocabulary) for file in files)
    _refuse_overlaps(policies)
    return policies


def load_policy(file: Path, vocabulary: Vocabulary) -> Policy:
    """Return the policy of one file. Raises PolicyFileError."""
    return _PolicyReader(file, vocabulary).policy()


def _refuse_overlaps(policies: Iterable[Policy]) -> None:
    seen: dict[str, list[Policy]] = {}
    for policy in policies:
        for other in seen.setdefault(policy.id, []):
            if policy.version == other.version:
                raise PolicyLibraryError(f"{policy.id} {policy.version} stands in two files: keep one.")
            if _starts_before_end(policy, other) and _starts_before_end(other, policy):
                raise PolicyLibraryError(
                    f"{policy.id}: the periods of {other.version} and {policy.version} overlap: "
                    "end the older one the day before the newer one begins."
                )
        seen[policy.id].append(policy)


def _starts_before_end(one: Policy, other: Policy) -> bool:
    return one.starts is None or other.ends is None or one.starts <= other.ends


class _PolicyReader:
    def __init__(self, file: Path, vocabulary: Vocabulary) -> None:
        self._file = file
        self._vocabulary = vocabulary

    def policy(self) -> Policy:
        root = Place.of(self._file)
        members = root.mapping(
            (
                "id", "version", "encoding", "title", "short_title", "payer", "effective", "source", "codes",
                "criteria", "trees", "bullets",
            ),
            ("scope", "cautions", "shows", "reuse"),
        )  # fmt: skip
        policy_id = members["id"].text()
        leaves = self._leaves(policy_id, members["criteria"])
        phases = self._phases(policy_id, members["trees"], leaves)
        effective = members["effective"].mapping(("from", "to", "before", "after"), ())
        listed = not members["codes"].is_null
        policy = Policy(
            id=policy_id,
            version=members["version"].text(),
            encoding=int(members["encoding"].number()),
            title=members["title"].text(),
            short_title=members["short_title"].text(),
            payer=members["payer"].text(),
            starts=effective["from"].day(),
            ends=effective["to"].day(),
            before=effective["before"].text(),
            after=effective["after"].text(),
            source=_source(members["source"]),
            codes={
                code: place.word(ANY_INDICATION, "none", *PHASES) for code, place in members["codes"].mapping().items()
            }
            if listed
            else {},
            lists_codes=listed,
            leaves=leaves,
            phases=phases,
            scope=tuple(self._scope(place) for place in _list(members, "scope")),
            cautions=tuple(self._caution(place) for place in _list(members, "cautions")),
            shows=tuple(self._known_fact(place) for place in _list(members, "shows")),
            bullets=tuple(_bullet(place, policy_id, leaves, phases) for place in members["bullets"].items()),
        )
        self._check(policy, members)
        return policy

    def _check(self, policy: Policy, members: Mapping[str, Place]) -> None:
        if policy.version != "undated":
            day = members["version"].day()
            if day is None:
                raise members["version"].wrong("the version is no date", "Write YYYY-MM-DD, or `undated`")
        if policy.starts and policy.ends and policy.ends < policy.starts:
            raise members["effective"].wrong("it ends before it begins", "Swap `from` and `to`")
        used = {leaf for at in policy.phases.values() if isinstance(at, PhaseCriteria) for leaf in leaf_ids(at.tree)}
        for leaf_id in policy.leaves:
            if leaf_id not in used:
                raise members["criteria"].wrong(f"`{leaf_id}` stands in no tree", "Add it to a tree, or remove it")
        cited = {path for bullet in policy.bullets for path in bullet.encoded}
        for leaf_id in policy.leaves:
            if leaf_id not in cited:
                raise members["bullets"].wrong(
                    f"no bullet of the source is encoded by `{leaf_id}`", "Name the leaf under the bullet it encodes"
                )

    # criteria

    def _leaves(self, policy_id: str, place: Place) -> dict[str, Leaf]:
        leaves: dict[str, Leaf] = {}
        for path, group in place.mapping().items():
            _phase_path(path, group)
            for name, leaf in group.mapping().items():
                leaves[f"{policy_id}/{path}/{name}"] = self._leaf(f"{policy_id}/{path}/{name}", leaf)
        return leaves

    def _leaf(self, leaf_id: str, place: Place) -> Leaf:
        members = place.mapping(_LEAF_REQUIRED, _LEAF_OPTIONAL)
        cite = members["cite"].mapping(("section", "says"), ())
        review = members["at_best_review"].mapping(("when", "why"), ()) if "at_best_review" in members else {}
        return Leaf(
            id=leaf_id,
            label=members["label"].text(),
            cite=Citation(cite["section"].text(), cite["says"].text()),
            expects=members["expects"].text(),
            to_do=members["to_do"].text(),
            rules=self._rules(place, members),
            answer=self._answer(members.get("answer")),
            ceiling=Status(members["ceiling"].word("needs-review")) if "ceiling" in members else None,
            review_when=self._condition(review["when"]) if review else None,
            review_why=optional_text(review, "why"),
            reading=optional_text(members, "reading"),
            evidence=members["evidence"].texts() if "evidence" in members else (),
        )

    def _answer(self, place: Place | None) -> AnswerRule:
        if place is None:
            return AnswerRule()
        members = place.mapping((), ("by", "proves", "ages", "holds_months"))
        return AnswerRule(
            members["by"].word(*ACCEPTED) if "by" in members else "clinician",
            members["proves"].boolean() if "proves" in members else True,
            "holds_months" in members or ("ages" in members and members["ages"].boolean()),
            int(members["holds_months"].number()) if "holds_months" in members else None,
        )

    def _rules(self, place: Place, members: Mapping[str, Place]) -> tuple[Rule, ...]:
        if "rules" in members:
            if "fact" in members:
                raise place.wrong("`rules` and `fact` stand side by side", "Keep one of the two")
            return tuple(self._rule(rule) for rule in members["rules"].items())
        if "fact" not in members:
            raise place.wrong("the criterion asks nothing of the chart", "Add `fact:` with an operator, or `rules:`")
        keys = ("fact", "by", "or_still", *OPERATORS)
        condition = self._simple_condition(place, {key: members[key] for key in keys if key in members})
        return (Rule(Status.MET, condition), *(Rule(Status.NOT_MET, other) for other in _contraries(condition)))

    def _rule(self, place: Place) -> Rule:
        members = place.mapping((), (*STATUSES, "why", "confirmable", "firm"))
        statuses = [status for status in STATUSES if status in members]
        if len(statuses) != 1:
            raise place.wrong("a rule gives exactly one status", f"Write one of: {', '.join(STATUSES)}")
        return Rule(
            Status(statuses[0]),
            self._condition(members[statuses[0]]),
            optional_text(members, "why"),
            members["confirmable"].boolean() if "confirmable" in members else False,
            members["firm"].boolean() if "firm" in members else False,
        )

    # conditions

    def _condition(self, place: Place) -> Condition:
        members = place.mapping()
        for word, kind in (("any", AnyOf), ("all", AllOf)):
            if word in members:
                members = place.mapping((word,), ())
                children = tuple(self._condition(child) for child in members[word].items())
                if not children:
                    raise place.wrong(f"`{word}` is empty", "Name at least one condition")
                return kind(children)
        return self._simple_condition(place, place.mapping(("fact",), ("by", "or_still", *OPERATORS)))

    def _simple_condition(self, place: Place, members: Mapping[str, Place]) -> Condition:
        fact = self._known_fact(members["fact"])
        operators = [operator for operator in OPERATORS if operator in members]
        if len(operators) != 1:
            raise place.wrong("a condition has exactly one operator", f"Write one of: {', '.join(OPERATORS)}")
        operator, entry = operators[0], self._vocabulary[fact]
        if OPERATORS[operator] != entry.type:
            known = ", ".join(one for one, type_ in OPERATORS.items() if type_ == entry.type)
            raise place.wrong(f"`{operator}` cannot be asked of {fact}, a {entry.type}", f"Use one of: {known}")
        if "by" in members and operator != "is":
            raise members["by"].wrong("`by` goes with `is` only", "Remove it")
        if "or_still" in members and operator != "failed_after":
            raise members["or_still"].wrong("`or_still` goes with `failed_after` only", "Remove it")
        return self._operator(fact, operator, members)

    def _operator(self, fact: str, operator: str, members: Mapping[str, Place]) -> Condition:
        value = members[operator]
        match operator:
            case "is":
                return Is(fact, value.boolean(), members["by"].word(*ACCEPTED) if "by" in members else "clinician")
            case "gt" | "gte" | "lt" | "lte":
                return Compares(fact, Threshold(operator, value.number()))
            case "reached" | "missed":
                return Reached(fact, _threshold(value), operator == "missed")
            case "held" | "not_held":
                return _held(fact, value, operator == "not_held")
            case "failed_after":
                still = _threshold(members["or_still"]) if "or_still" in members else None
                return FailedAfter(fact, _duration(value), still)
            case "lasted":
                return Lasted(fact, _duration(value))
            case "ended_before":
                return EndedBefore(fact, _duration(value))
            case "outcome":
                return OutcomeIs(fact, value.word(*OUTCOMES))
        codes = frozenset(item.word(*self._vocabulary[fact].values) for item in value.items())
        return OneOf(fact, codes)

    def _known_fact(self, place: Place) -> str:
        name = place.text()
        if name not in self._vocabulary:
            raise place.wrong(f"`{name}` is no known fact", "Add it to facts.yaml with the function that computes it")
        return name

    # trees, scope, cautions

    def _phases(self, policy_id: str, place: Place, leaves: Mapping[str, Leaf]) -> dict[tuple[str, str], Phase]:
        trees = place.mapping()
        phases: dict[tuple[str, str], Phase] = {}
        for path, tree in trees.items():
            key = _phase_path(path, tree)
            members = tree.mapping()
            if "handover" in members:
                tree.mapping(("handover",), ())
                phases[key] = _handover(members["handover"])
                continue
            members = tree.mapping((), ("all", "any", "instead"))
            grown = self._tree(policy_id, path, tree, trees, leaves, ignore=("instead",))
            if "instead" in members:
                instead = members["instead"].mapping(("phase", "when"), ())
                phases[key] = PhaseCriteria(grown, instead["phase"].word(OTHER_USE), self._condition(instead["when"]))
            else:
                phases[key] = PhaseCriteria(grown)
        for (indication, _), at in phases.items():
            if isinstance(at, PhaseCriteria) and at.instead and (indication, at.instead) not in phases:
                raise place.wrong(f"{indication} has no tree `{at.instead}`", f"Add `{indication}/{at.instead}:`")
        return phases

    def _tree(
        self,
        policy_id: str,
        path: str,
        place: Place,
        trees: Mapping[str, Place],
        leaves: Mapping[str, Leaf],
        ignore: tuple[str, ...] = (),
    ) -> Tree:
        if not place.is_mapping:
            name = place.text()
            leaf_id = f"{policy_id}/{name}" if "/" in name else f"{policy_id}/{path}/{name}"
            if leaf_id not in leaves:
                raise place.wrong(
                    f"`{name}` is no criterion of this policy", "Add it under `criteria`, or mend the name"
                )
            return LeafRef(leaf_id)
        members = place.mapping((), ("all", "any", "tree", *ignore))
        words = [word for word in ("all", "any", "tree") if word in members]
        if len(words) != 1:
            raise place.wrong("a group is exactly one of `all`, `any`, `tree`", "Keep one of them")
        if words[0] == "tree":
            name = members["tree"].text()
            if name not in trees or name == path:
                raise members["tree"].wrong(
                    f"`{name}` is no other tree of this policy", "Name one, as indication/phase"
                )
            return self._tree(policy_id, name, trees[name], trees, leaves, ignore=("instead",))
        children = tuple(self._tree(policy_id, path, child, trees, leaves) for child in members[words[0]].items())
        if not children:
            raise place.wrong(f"`{words[0]}` is empty", "Name at least one criterion")
        return All(children) if words[0] == "all" else Any(children)

    def _scope(self, place: Place) -> ScopeRule:
        members = place.mapping(("why",), (*HANDOVERS, "section", "indications", "phases", "report_as", "unsure"))
        outcomes = [outcome for outcome in HANDOVERS if outcome in members]
        if len(outcomes) != 1:
            raise place.wrong("a scope rule has exactly one outcome", f"Write one of: {', '.join(HANDOVERS)}")
        unsure = members["unsure"].mapping(("code", "text"), ("silence_too",)) if "unsure" in members else {}
        return ScopeRule(
            Handover(DeterminationKind(outcomes[0]), members["why"].text(), optional_text(members, "section")),
            self._condition(members[outcomes[0]]),
            _words(members, "indications", (*INDICATIONS, ANY_INDICATION)),
            _words(members, "phases", PHASES),
            members["report_as"].word(OTHER_INDICATION) if "report_as" in members else "",
            optional_text(unsure, "code"),
            optional_text(unsure, "text"),
            unsure["silence_too"].boolean() if "silence_too" in unsure else False,
        )

    def _caution(self, place: Place) -> CautionRule:
        members = place.mapping(("code", "text", "caps"), ("when", "indications", "phases"))
        return CautionRule(
            members["code"].text(),
            members["text"].text(),
            members["caps"].boolean(),
            self._condition(members["when"]) if "when" in members else None,
            _words(members, "indications", (*INDICATIONS, ANY_INDICATION)),
            _words(members, "phases", PHASES),
        )


def _list(members: Mapping[str, Place], key: str) -> Iterable[Place]:
    return members[key].items() if key in members else ()


def _words(members: Mapping[str, Place], key: str, known: tuple[str, ...]) -> frozenset[str]:
    return frozenset(place.word(*known) for place in _list(members, key))


def _phase_path(path: str, place: Place) -> tuple[str, str]:
    indication, _, phase = path.partition("/")
    if indication not in (*INDICATIONS, ANY_INDICATION) or phase not in (*PHASES, OTHER_USE):
        known = f"{', '.join((*INDICATIONS, ANY_INDICATION))} / {', '.join((*PHASES, OTHER_USE))}"
        raise place.wrong(f"`{path}` is no indication/phase", f"Use: {known}")
    return indication, phase


def _source(place: Place) -> Source:
    members = place.mapping(("document", "revision", "sha256", "retrieved"), ("url",))
    return Source(
        members["document"].text(),
        members["revision"].text(),
        members["sha256"].text(),
        members["retrieved"].day(),
        optional_text(members, "url"),
    )


def _handover(place: Place) -> Handover:
    members = place.mapping(("outcome", "why", "section"), ())
    outcome = DeterminationKind(members["outcome"].word(*HANDOVERS))
    return Handover(outcome, members["why"].text(), members["section"].text())


def _bullet(
    place: Place, policy_id: str, leaves: Mapping[str, Leaf], phases: Mapping[tuple[str, str], Phase]
) -> Bullet:
    members = place.mapping(("section", "says"), ("encoded", "left_out"))
    if ("encoded" in members) == ("left_out" in members):
        raise place.wrong("a bullet is either encoded or left out", "Write one of `encoded`, `left_out`")
    encoded = []
    for item in _list(members, "encoded"):
        path = item.text()
        indication, _, phase = path.partition("/")
        if path in BULLET_PLACES or (indication, phase) in phases:
            encoded.append(path)
        elif f"{policy_id}/{path}" in leaves:
            encoded.append(f"{policy_id}/{path}")
        else:
            raise item.wrong(
                f"`{path}` is no criterion of this policy", "Name a leaf, a tree, scope, codes or cautions"
            )
    return Bullet(members["section"].text(), members["says"].text(), tuple(encoded), optional_text(members, "left_out"))


def _threshold(place: Place) -> Threshold:
    members = place.mapping((), COMPARATORS)
    if len(members) != 1:
        raise place.wrong("a threshold has exactly one comparator", f"Write one of: {', '.join(COMPARATORS)}")
    ((comparator, number),) = members.items()
    return Threshold(comparator, number.number())


def _held(fact: str, place: Place, missed: bool) -> Held:
    members = place.mapping(("hours", "max_gap"), COMPARATORS)
    comparators = [comparator for comparator in COMPARATORS if comparator in members]
    if len(comparators) != 1:
        raise place.wrong("a hold has exactly one comparator", f"Write one of: {', '.join(COMPARATORS)}")
    threshold = Threshold(comparators[0], members[comparators[0]].number())
    return Held(fact, threshold, members["hours"].number(), members["max_gap"].number(), missed)


def _duration(place: Place) -> Duration:
    count, _, unit = place.text().partition(" ")
    if not count.isdigit() or unit not in ("months", "weeks"):
        raise place.wrong(f"`{place.text()}` is no duration", "Write a whole number and `months` or `weeks`")
    return Duration(int(count), unit)


def _contraries(condition: Condition) -> tuple[Condition, ...]:
    """Return the conditions under which a simple criterion is contradicted."""
    match condition:
        case Is(fact, value, by):
            return (Is(fact, not value, by),)
        case Compares(fact, threshold):
            contrary = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}[threshold.comparator]
            return (Compares(fact, Threshold(contrary, threshold.value)),)
        case Reached(fact, threshold, False):
            return (Reached(fact, threshold, missed=True),)
        case Held(fact, threshold, hours, max_gap, False):
            return (Held(fact, threshold, hours, max_gap, missed=True),)
        case FailedAfter(fact, duration):
            return (OutcomeIs(fact, EFFECTIVE), EndedBefore(fact, duration))
    return ()

