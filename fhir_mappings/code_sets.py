"""Which codes of which code system carry which fact.

The value sets and the drug table are the YAML files beside this module; a site adds its own local codes through its
configuration. Everything is indexed once, at load, so that a look-up costs a few dictionary accesses.

A code is only ever compared within its own code system: every coding of a CodeableConcept is tried in the system it
names, and a coding without a system matches nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

DATA_DIRECTORY: Final = Path(__file__).with_name("value_sets")

MOST_CODES_KEPT: Final = 20_000
_ICD: Final = "icd-10-cm"
_FINDING: Final = "finding"
_UPPER_CASE_SYSTEMS: Final = frozenset({_ICD, "cpt", "hcpcs"})
_NAMED_IN_DISPLAY: Final = frozenset({"rxnorm", "ndc"})
_DRUG_CODE_SYSTEMS: Final = ("rxnorm", "hcpcs", "snomed")
_DRUG_PREFIX: Final = "drug-"
_ICD_CODE_LENGTH: Final = 7
_ICD_CATEGORY_LENGTH: Final = 3
_CONFIDENCE: Final = frozenset({"H", "M", "L"})


class ValueSetError(ValueError):
    """A value-set file or a site's addition is wrong; the message names the place and the mend."""


@dataclass(frozen=True, slots=True)
class Code:
    """One entry of a value set.

    Attributes:
        system: canonical URI of the code system.
        code: the code, the ICD prefix, or the range (``A00-B99``) as the file states it.
        label: what it means, in our own words.
        attributes: what sets this entry apart from its neighbours, such as ``direction`` or ``review``.
        exact: false for a prefix or a range, which can be matched but not written.
    """

    system: str
    code: str
    label: str
    attributes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    exact: bool = True

    @property
    def history_only(self) -> bool:
        """Whether the code is retired: read in old records, never offered and never expected on an order."""
        return bool(self.attributes.get("history_only"))

    def as_coding(self) -> dict[str, str]:
        """Return a FHIR Coding."""
        return {"system": self.system, "code": self.code, "display": self.label}


@dataclass(frozen=True, slots=True)
class Hit:
    """A coding of a chart that a value set holds.

    Attributes:
        value_set: id of the value set.
        entry: the entry that matched.
        coding: the chart's own Coding, untouched.
    """

    value_set: str
    entry: Code
    coding: Mapping[str, Any] = field(hash=False)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The attributes of the entry that matched."""
        return self.entry.attributes

    @property
    def seventh_character(self) -> str | None:
        """The seventh character of an ICD-10-CM code (A initial, D subsequent, S sequela), if the chart gives one."""
        if self.entry.exact:
            return None
        code = _normal_code(_ICD, self.coding["code"])
        return code[-1] if len(code) == _ICD_CODE_LENGTH else None


@dataclass(frozen=True, slots=True)
class Finding:
    """A local finding: an Observation code of our own, and the value it takes.

    Attributes:
        code: the code, which is also the id of its value set.
        label: what ``true`` (or the value) states.
        value: ``boolean``, ``integer``, ``Quantity`` or ``CodeableConcept``.
        unit: UCUM unit of a Quantity, if it has a fixed one.
        minimum, maximum: inclusive bounds of a number.
        value_set: id of the value set that a CodeableConcept is drawn from.
        direction: ``higher`` or ``lower``, whichever is better, for a measure of function.
    """

    code: str
    label: str
    value: str
    unit: str | None = None
    minimum: int | None = None
    maximum: int | None = None
    value_set: str | None = None
    direction: str | None = None


@dataclass(frozen=True, slots=True)
class Drug:
    """One ingredient of the drug table.

    Attributes:
        name: its key, such as ``morphine``.
        label: the name as it is written in a sentence.
        groups: the ids of the drug value sets that it belongs to.
        words: the names that identify it in a display or a text.
        fda_routes: uses for which a product of it is approved by this route, such as ``intrathecal-pain``.
    """

    name: str
    label: str
    groups: frozenset[str]
    words: tuple[str, ...]
    fda_routes: frozenset[str]


@dataclass(frozen=True, slots=True)
class DosageForm:
    """A dosage form: what it is called, and whether taking it is systemic therapy (``None``: the form does not say)."""

    name: str
    words: tuple[str, ...]
    systemic: bool | None


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one entry is matched: its normalised code, prefix or bounds, and the seventh characters it asks."""

    entry: Code
    system: str
    key: str
    kind: str
    high: str = ""
    excluded: tuple[str, ...] = ()
    seventh: frozenset[str] = frozenset()
    not_seventh: frozenset[str] = frozenset()

    def admits(self, code: str) -> bool:
        """Whether the exclusions and the seventh character let a code through that the key already matches."""
        if self.excluded and code.startswith(self.excluded):
            return False
        seventh = code[-1] if len(code) == _ICD_CODE_LENGTH else ""
        return (not self.seventh or seventh in self.seventh) and seventh not in self.not_seventh


@dataclass(frozen=True, slots=True)
class _ValueSet:
    id: str
    title: str
    rules: tuple[_Rule, ...]
    words: tuple[str, ...] = ()
    note: str = ""


class ValueSets:
    """All value sets, indexed by code. Make one with `load`."""

    def __init__(
        self,
        value_sets: Mapping[str, _ValueSet],
        aliases: Mapping[str, str],
        systems: _Systems,
        findings: Sequence[Finding],
        drugs: Sequence[Drug],
        forms: Sequence[DosageForm],
    ) -> None:
        self._sets = dict(value_sets)
        self._names = {**{name: name for name in value_sets}, **aliases}
        self._systems = systems
        self._findings = {finding.code: finding for finding in findings}
        self._index = _Index(self._sets.values())
        # Charts repeat their codes: the same few hundred are asked again and again.
        self._looked_up = lru_cache(maxsize=MOST_CODES_KEPT)(self._look_up)
        self._word_patterns = {name: _whole_words(s.words) for name, s in self._sets.items() if s.words}
        self.drugs = Drugs(self, drugs, forms)

    @classmethod
    def load(
        cls,
        additions: Mapping[str, Sequence[Mapping[str, str]]] = MappingProxyType({}),
        directory: Path = DATA_DIRECTORY,
    ) -> ValueSets:
        """Return the value sets of a directory with a site's local codes added.

        Args:
            additions: value-set id to entries of ``system`` (any URI), ``code`` and ``label``. Additions to
                ``drug-<ingredient>`` also reach every drug group of that ingredient.
            directory: where the YAML files are; the shipped ones by default.

        Raises:
            ValueSetError: a file is wrong (with file and line), or an addition is (with its id and key).
        """
        return _Loading(directory).finish(additions)

    def ids(self) -> frozenset[str]:
        """Return the id of every value set, without aliases."""
        return frozenset(self._sets)

    def resolve(self, value_set: str) -> str:
        """Return the id behind an id or alias.

        Raises:
            ValueSetError: there is no such value set.
        """
        try:
            return self._names[value_set]
        except KeyError:
            raise ValueSetError(_unknown_id(value_set, self._names)) from None

    def title(self, value_set: str) -> str:
        """Return the title of a value set."""
        return self._sets[self.resolve(value_set)].title

    def find(self, concept: object, *value_sets: str) -> Hit | None:
        """Return the first coding of a concept that one of the value sets holds, else ``None``.

        Args:
            concept: a FHIR CodeableConcept or Coding as a dict. Anything malformed in it is passed over.
            value_sets: ids or aliases; where one coding is in several, the first named counts.

        Raises:
            ValueSetError: a named value set does not exist.
        """
        names = [self.resolve(name) for name in value_sets]
        for coding in codings_of(concept):
            matches = self._matches(coding)
            for name in names:
                if name in matches:
                    return Hit(name, matches[name], coding)
        return None

    def all_hits(self, concept: object) -> tuple[Hit, ...]:
        """Return every value set that holds a coding of a concept, in the order of the codings."""
        return tuple(
            Hit(name, entry, coding) for coding in codings_of(concept) for name, entry in self._matches(coding).items()
        )

    def entries(self, value_set: str) -> tuple[Code, ...]:
        """Return every entry of a value set, prefixes, ranges and retired codes included."""
        return tuple(rule.entry for rule in self._sets[self.resolve(value_set)].rules)

    def codings(self, value_set: str, system: str | None = None) -> tuple[Code, ...]:
        """Return the codes of a value set that may be written: no prefix, no range, nothing retired.

        Args:
            value_set: id or alias.
            system: short key (``finding``) or URI to which the answer is limited.
        """
        uri = None if system is None else self.system_uri(system)
        return tuple(
            entry
            for entry in self.entries(value_set)
            if entry.exact and not entry.history_only and uri in (None, entry.system)
        )

    def words(self, value_set: str) -> tuple[str, ...]:
        """Return the words that speak for a value set in free text; most have none."""
        return self._sets[self.resolve(value_set)].words

    def mentioned(self, text: object, value_set: str) -> str | None:
        """Return the first of a value set's words that stands whole in a text, in lower case, else ``None``."""
        pattern = self._word_patterns.get(self.resolve(value_set))
        if pattern is None or not isinstance(text, str):
            return None
        match = pattern.search(text)
        return _single_spaced(match.group()) if match else None

    def findings(self) -> tuple[Finding, ...]:
        """Return the closed list of local findings."""
        return tuple(self._findings.values())

    def finding(self, code: str) -> Finding:
        """Return a local finding by its code.

        Raises:
            ValueSetError: there is no such finding.
        """
        try:
            return self._findings[code]
        except KeyError:
            raise ValueSetError(f"no local finding {code!r}{_nearest(code, self._findings)}") from None

    def system_uri(self, system: str) -> str:
        """Return the canonical URI of a code system named by short key, canonical URI or alias.

        Raises:
            ValueSetError: the code system is not known.
        """
        uri = self._systems.canonical(self._systems.key(system) or system)
        if uri is None:
            raise ValueSetError(f"no code system {system!r}{_nearest(system, self._systems.keys())}")
        return uri

    def system_key(self, uri: object) -> str | None:
        """Return the short key of a code system (``cpt``, ``snomed``, …), ``None`` for one that is not known."""
        return self._systems.key(uri)

    def _matches(self, coding: Mapping[str, Any]) -> Mapping[str, Code]:
        system, code = coding.get("system"), coding.get("code")
        if not isinstance(code, str) or not isinstance(system, str):
            return {}
        return self._looked_up(system, code)

    def _look_up(self, system: str, code: str) -> Mapping[str, Code]:
        key = self._systems.key(system)
        return self._index.matches(key, _normal_code(key, code)) if key else {}


class Drugs:
    """The drug table: which ingredients a medication names, and what they are used for. See `ValueSets.drugs`."""

    def __init__(self, value_sets: ValueSets, drugs: Sequence[Drug], forms: Sequence[DosageForm]) -> None:
        self._value_sets = value_sets
        self._drugs = {drug.name: drug for drug in drugs}
        self._forms = {form.name: form for form in forms}
        self._by_word = {word: drug.name for drug in drugs for word in drug.words}
        self._form_by_word = {word: form.name for form in forms for word in form.words}
        self._pattern = _whole_words(self._by_word)
        self._form_pattern = _whole_words(self._form_by_word)

    def names(self) -> frozenset[str]:
        """Return the names of all ingredients."""
        return frozenset(self._drugs)

    def identify(self, concept: object) -> frozenset[str]:
        """Return the ingredients that a medication names; empty where none is known.

        An ingredient is found by code (RxNorm, HCPCS, SNOMED CT or a site's own), or as a whole word in the display
        of an RxNorm or NDC coding or in the concept's text. Codes and words add up: a text that names more than the
        code does describes a mixture.

        Args:
            concept: a CodeableConcept or Coding as a dict, or plain text.
        """
        found = {hit.attributes["ingredient"] for hit in self._ingredient_hits(concept)}
        for text in self._drug_texts(concept):
            found.update(self._by_word[_single_spaced(word)] for word in self._pattern.findall(text))
        return frozenset(found)

    def group(self, name: str) -> frozenset[str]:
        """Return the groups (drug value-set ids) of an ingredient; empty for a name that is not known."""
        drug = self._drugs.get(name)
        return drug.groups if drug else frozenset()

    def ingredients(self, *groups: str) -> frozenset[str]:
        """Return the ingredients that belong to any of the groups."""
        wanted = {self._value_sets.resolve(group) for group in groups}
        return frozenset(name for name, drug in self._drugs.items() if drug.groups & wanted)

    def label(self, name: str) -> str:
        """Return the name of an ingredient as it is written in a sentence; the name itself if it is not known."""
        drug = self._drugs.get(name)
        return drug.label if drug else name

    def fda_routes(self, name: str) -> frozenset[str]:
        """Return the approved uses of an ingredient that matter here, such as ``intrathecal-pain``."""
        drug = self._drugs.get(name)
        return drug.fda_routes if drug else frozenset()

    def form(self, concept: object) -> str | None:
        """Return the dosage form of a medication, by product code, else by a word of its display or text."""
        for hit in self._ingredient_hits(concept):
            if "form" in hit.attributes:
                return str(hit.attributes["form"])
        for text in self._drug_texts(concept):
            match = self._form_pattern.search(text)
            if match:
                return self._form_by_word[_single_spaced(match.group())]
        return None

    def systemic_form(self, concept: object) -> bool | None:
        """Return whether the dosage form alone makes a medication systemic; ``None`` where it does not say."""
        form = self.form(concept)
        return self._forms[form].systemic if form in self._forms else None

    def _ingredient_hits(self, concept: object) -> list[Hit]:
        return [hit for hit in self._value_sets.all_hits(concept) if "ingredient" in hit.attributes]

    def _drug_texts(self, concept: object) -> Iterator[str]:
        if isinstance(concept, str):
            yield concept
            return
        for coding in codings_of(concept):
            display = coding.get("display")
            if isinstance(display, str) and self._value_sets.system_key(coding.get("system")) in _NAMED_IN_DISPLAY:
                yield display
        text = concept.get("text") if isinstance(concept, Mapping) else None
        if isinstance(text, str):
            yield text


def codings_of(concept: object) -> tuple[Mapping[str, Any], ...]:
    """Return the codings of a CodeableConcept, or the Coding itself; whatever is malformed is left out."""
    if not isinstance(concept, dict):
        return ()
    if "coding" not in concept:
        return (concept,) if "code" in concept else ()
    codings = concept["coding"]
    return tuple(c for c in codings if isinstance(c, dict)) if isinstance(codings, list | tuple) else ()


class _Systems:
    """Short keys, canonical URIs and aliases of the code systems."""

    def __init__(self) -> None:
        self._canonical: dict[str, str] = {}
        self._keys: dict[str, str] = {}

    def add(self, key: str, uris: Sequence[str]) -> None:
        """Add a system whose canonical URI comes first."""
        self._canonical[key] = uris[0]
        for uri in uris:
            self._keys[_folded(uri)] = key

    def keys(self) -> Iterable[str]:
        return self._canonical

    def key(self, uri: object) -> str | None:
        return self._keys.get(_folded(uri)) if isinstance(uri, str) else None

    def canonical(self, key: str) -> str | None:
        return self._canonical.get(key)

    def key_or_added(self, uri: str) -> str:
        """Return the key of a URI, and take in a site's own system under its URI."""
        key = self.key(uri)
        if key is None:
            key = _folded(uri)
            self.add(key, [uri.strip()])
        return key


class _Index:
    """Value sets by system and code: exact codes first, then the longest prefix, then ranges of ICD categories."""

    def __init__(self, value_sets: Iterable[_ValueSet]) -> None:
        self._exact: dict[tuple[str, str], list[tuple[str, _Rule]]] = {}
        self._prefixes: dict[tuple[str, str], list[tuple[str, _Rule]]] = {}
        self._ranges: dict[str, list[tuple[str, _Rule]]] = {}
        lengths: dict[str, set[int]] = {}
        for value_set in value_sets:
            for rule in value_set.rules:
                member = (value_set.id, rule)
                if rule.kind == "code":
                    self._exact.setdefault((rule.system, rule.key), []).append(member)
                elif rule.kind == "prefix":
                    self._prefixes.setdefault((rule.system, rule.key), []).append(member)
                    lengths.setdefault(rule.system, set()).add(len(rule.key))
                else:
                    self._ranges.setdefault(rule.system, []).append(member)
        self._lengths = {system: sorted(found, reverse=True) for system, found in lengths.items()}

    def matches(self, system: str, code: str) -> dict[str, Code]:
        """Return the most specific entry of each value set that holds a normalised code."""
        found: dict[str, Code] = {}
        for name, rule in self._candidates(system, code):
            if name not in found and rule.admits(code):
                found[name] = rule.entry
        return found

    def _candidates(self, system: str, code: str) -> Iterator[tuple[str, _Rule]]:
        yield from self._exact.get((system, code), ())
        for length in self._lengths.get(system, ()):
            if length <= len(code):
                yield from self._prefixes.get((system, code[:length]), ())
        category = code[:_ICD_CATEGORY_LENGTH]
        for member in self._ranges.get(system, ()):
            if member[1].key <= category <= member[1].high:
                yield member


class _Mapping(dict[str, Any]):
    """A YAML mapping that remembers the line it stands on."""

    line = 0


class _Loader(yaml.CSafeLoader):
    """A safe loader that keeps line numbers and refuses duplicate keys."""


def _construct_mapping(loader: _Loader, node: yaml.MappingNode) -> _Mapping:
    mapping = _Mapping()
    mapping.line = node.start_mark.line + 1
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in mapping:
            raise ValueSetError(f"line {key_node.start_mark.line + 1}: key {key!r} stands twice in one mapping")
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


class _Loading:
    """One reading of a directory: collects systems, value sets, findings and drugs, then joins them."""

    _SECTIONS = frozenset({"systems", "value_sets", "forms", "groups", "drugs", "findings"})
    _VALUE_SET_KEYS = frozenset(
        {"id", "title", "note", "aliases", "codes", "words", "system", "verified", "confidence"}
    )
    _CODE_KEYS = frozenset(
        {"system", "code", "prefix", "from", "to", "except", "label", "verified", "confidence",
         "seventh", "not_seventh", "with"}
    )  # fmt: skip
    _FINDING_KEYS = frozenset(
        {"code", "label", "value", "unit", "minimum", "maximum", "value_set", "direction", "aliases"}
    )
    _DRUG_KEYS = frozenset(
        {"name", "words", "groups", "fda_route", "verified", "confidence", "products_verified",
         "rxnorm", "products", "hcpcs", "snomed", "history_hcpcs"}
    )  # fmt: skip
    _GROUP_KEYS = frozenset({"title", "note", "without_forms"})
    _FORM_KEYS = frozenset({"words", "systemic"})

    def __init__(self, directory: Path) -> None:
        self._systems = _Systems()
        self._sets: dict[str, _ValueSet] = {}
        self._aliases: dict[str, str] = {}
        self._findings: list[Finding] = []
        self._drugs: list[Drug] = []
        self._forms: list[DosageForm] = []
        self._groups: dict[str, _Mapping] = {}
        documents = {path: _document(path) for path in sorted(directory.glob("*.yaml"))}
        for section, read in (
            ("systems", self._read_systems),
            ("value_sets", self._read_value_sets),
            ("forms", self._read_forms),
            ("groups", self._read_groups),
            ("drugs", self._read_drugs),
            ("findings", self._read_findings),
        ):
            for path, document in documents.items():
                if section in document:
                    read(path, document[section])
        for path, document in documents.items():
            _refuse_unknown(path, document, self._SECTIONS)
        self._refuse_unknown_ingredients()

    def finish(self, additions: Mapping[str, Sequence[Mapping[str, str]]]) -> ValueSets:
        """Return the value sets with a site's additions and the drug groups in them."""
        names = {**{name: name for name in self._sets}, **self._aliases}
        names.update({name: name for name in self._groups})
        for asked, entries in additions.items():
            if asked not in names:
                raise ValueSetError(f"value_sets.{asked}: {_unknown_id(asked, names)}")
            self._add_local(names[asked], asked, entries)
        for drug in self._drugs:
            self._add_to_groups(drug)
        return ValueSets(self._sets, self._aliases, self._systems, self._findings, self._drugs, self._forms)

    def _read_systems(self, path: Path, systems: _Mapping) -> None:
        for key, system in systems.items():
            _refuse_unknown(path, system, frozenset({"canonical", "aliases", "note", "verified"}))
            uris = [_required(path, system, "canonical"), *_texts(path, system, "aliases")]
            for uri in uris:
                if self._systems.key(uri) is not None:
                    raise _wrong(path, system, f"code system {uri!r} is listed twice")
            self._systems.add(key, uris)

    def _read_value_sets(self, path: Path, value_sets: Sequence[_Mapping]) -> None:
        for stated in value_sets:
            _refuse_unknown(path, stated, self._VALUE_SET_KEYS)
            name = _required(path, stated, "id")
            self._refuse_taken(path, stated, name)
            rules: list[_Rule] = []
            for entry in stated.get("codes") or ():
                rules.append(self._rule(path, entry, stated))
                _refuse_repeated(path, entry, name, rules)
            self._sets[name] = _ValueSet(
                name,
                _required(path, stated, "title"),
                tuple(rules),
                tuple(word.casefold() for word in _texts(path, stated, "words")),
                stated.get("note", ""),
            )
            self._add_aliases(path, stated, name)

    def _rule(self, path: Path, stated: _Mapping, parent: _Mapping) -> _Rule:
        _refuse_unknown(path, stated, self._CODE_KEYS)
        stated = _inherited(stated, parent, "system", "verified", "confidence")
        system = self._known_system(path, stated)
        _required(path, stated, "verified")
        if stated.get("confidence", "H") not in _CONFIDENCE:
            raise _wrong(path, stated, "confidence is one of H, M, L")
        kind, low, high = _matched_by(path, stated)
        label = _required(path, stated, "label")
        given = stated.get("with", {})
        if not isinstance(given, dict):
            raise _wrong(path, stated, "with must be a mapping of attributes")
        attributes = MappingProxyType(dict(given))
        canonical = self._systems.canonical(system) or ""
        written = f"{low}-{high}" if kind == "range" else low
        return _Rule(
            Code(canonical, written, label, attributes, exact=kind == "code"),
            system,
            _normal_code(system, low),
            kind,
            _normal_code(system, high),
            tuple(_normal_code(system, prefix) for prefix in _texts(path, stated, "except")),
            frozenset(_texts(path, stated, "seventh")),
            frozenset(_texts(path, stated, "not_seventh")),
        )

    def _read_findings(self, path: Path, findings: Sequence[_Mapping]) -> None:
        uri = self._systems.canonical(_FINDING) or ""
        for stated in findings:
            _refuse_unknown(path, stated, self._FINDING_KEYS)
            code, label, _ = (_required(path, stated, key) for key in ("code", "label", "value"))
            finding = Finding(**{key: value for key, value in stated.items() if key != "aliases"})
            if finding.value_set is not None and finding.value_set not in self._sets:
                raise _wrong(path, stated, f"value_set {finding.value_set!r} does not exist")
            attributes = {"finding": True} | ({"direction": finding.direction} if finding.direction else {})
            rule = _Rule(Code(uri, code, label, MappingProxyType(attributes)), _FINDING, code, "code")
            self._findings.append(finding)
            self._append(code, label, rule)
            _refuse_repeated(path, stated, code, self._sets[code].rules)
            self._add_aliases(path, stated, code)

    def _read_forms(self, path: Path, forms: _Mapping) -> None:
        for name, stated in forms.items():
            _refuse_unknown(path, stated, self._FORM_KEYS)
            words = tuple(word.casefold() for word in _texts(path, stated, "words"))
            self._forms.append(DosageForm(name, words, stated.get("systemic")))

    def _read_groups(self, path: Path, groups: _Mapping) -> None:
        for name, stated in groups.items():
            _refuse_unknown(path, stated, self._GROUP_KEYS)
            _required(path, stated, "title")
            self._groups[name] = stated

    def _read_drugs(self, path: Path, drugs: _Mapping) -> None:
        for name, stated in drugs.items():
            _refuse_unknown(path, stated, self._DRUG_KEYS)
            _required(path, stated, "verified")
            groups = _texts(path, stated, "groups")
            for group in groups:
                if group not in self._groups:
                    raise _wrong(path, stated, f"drug group {group!r} does not exist{_nearest(group, self._groups)}")
            label = _required(path, stated, "name")
            self._refuse_taken(path, stated, _DRUG_PREFIX + name)
            self._drugs.append(
                Drug(
                    name,
                    label,
                    frozenset(groups),
                    tuple(word.casefold() for word in _texts(path, stated, "words")),
                    frozenset(_texts(path, stated, "fda_route")),
                )
            )
            rules: list[_Rule] = []
            for rule in self._drug_rules(path, name, label, stated):
                rules.append(rule)
                _refuse_repeated(path, stated, _DRUG_PREFIX + name, rules)
            self._sets[_DRUG_PREFIX + name] = _ValueSet(_DRUG_PREFIX + name, label, tuple(rules))

    def _drug_rules(self, path: Path, name: str, label: str, stated: _Mapping) -> Iterator[_Rule]:
        for system in _DRUG_CODE_SYSTEMS:
            for code in _texts(path, stated, system):
                yield self._drug_rule(system, code, label, {"ingredient": name})
        for code in _texts(path, stated, "history_hcpcs"):
            yield self._drug_rule("hcpcs", code, label, {"ingredient": name, "history_only": True})
        products = stated.get("products") or _Mapping()
        for form in products:
            if form not in {known.name for known in self._forms}:
                raise _wrong(path, products, f"dosage form {form!r} does not exist")
            for code in _texts(path, products, form):
                yield self._drug_rule("rxnorm", code, f"{label}, {form}", {"ingredient": name, "form": form})

    def _drug_rule(self, system: str, code: str, label: str, attributes: Mapping[str, Any]) -> _Rule:
        canonical = self._systems.canonical(system) or ""
        entry = Code(canonical, code, label, MappingProxyType(dict(attributes)))
        return _Rule(entry, system, _normal_code(system, code), "code")

    def _add_to_groups(self, drug: Drug) -> None:
        rules = self._sets[_DRUG_PREFIX + drug.name].rules
        for group in sorted(drug.groups):
            stated = self._groups[group]
            without = stated.get("without_forms") or ()
            self._append(group, stated["title"], *(r for r in rules if r.entry.attributes.get("form") not in without))

    def _add_local(self, name: str, asked: str, entries: Sequence[Mapping[str, str]]) -> None:
        is_drug = name.startswith(_DRUG_PREFIX)
        title = self._groups[name]["title"] if name in self._groups else name
        for position, stated in enumerate(_entries_added(asked, entries)):
            place = f"value_sets.{asked}.add[{position}]"
            system, code, label = (_added_text(place, stated, key) for key in ("system", "code", "label"))
            attributes: dict[str, Any] = {"local": True}
            if is_drug:
                attributes["ingredient"] = name.removeprefix(_DRUG_PREFIX)
            key = self._systems.key_or_added(system)
            entry = Code(self._systems.canonical(key) or system, code.strip(), label, MappingProxyType(attributes))
            self._append(name, title, _Rule(entry, key, _normal_code(key, code), "code"))

    def _append(self, name: str, title: str, *rules: _Rule) -> None:
        held = self._sets.get(name) or _ValueSet(name, title, ())
        self._sets[name] = _ValueSet(name, held.title, (*held.rules, *rules), held.words, held.note)

    def _refuse_unknown_ingredients(self) -> None:
        known = {drug.name for drug in self._drugs}
        for value_set in self._sets.values():
            for rule in value_set.rules:
                name = rule.entry.attributes.get("ingredient")
                if name is not None and name not in known:
                    raise ValueSetError(
                        f"value set {value_set.id!r}, {rule.entry.code}: no drug {name!r}{_nearest(name, known)}"
                    )

    def _known_system(self, path: Path, stated: _Mapping) -> str:
        system = _required(path, stated, "system")
        if self._systems.canonical(system) is None:
            raise _wrong(path, stated, f"unknown system {system!r}{_nearest(system, self._systems.keys())}")
        return system

    def _add_aliases(self, path: Path, stated: _Mapping, name: str) -> None:
        for alias in _texts(path, stated, "aliases"):
            self._refuse_taken(path, stated, alias)
            self._aliases[alias] = name

    def _refuse_taken(self, path: Path, stated: _Mapping, name: str) -> None:
        if name in self._sets or name in self._aliases:
            raise _wrong(path, stated, f"value set {name!r} is stated twice")


def _document(path: Path) -> _Mapping:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except ValueSetError as error:
        raise ValueSetError(f"{path.name}, {error}") from None
    except yaml.YAMLError as error:
        raise ValueSetError(f"{path.name}: not readable as YAML: {error}") from error
    if not isinstance(document, _Mapping):
        raise ValueSetError(f"{path.name}: a mapping is expected at the top")
    return document


def _wrong(path: Path, stated: _Mapping, message: str) -> ValueSetError:
    return ValueSetError(f"{path.name}, line {stated.line}: {message}")


def _required(path: Path, stated: _Mapping, key: str) -> str:
    value = stated.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _wrong(path, stated, f"{key} is missing or is not a (quoted) string")
    return value


def _texts(path: Path, stated: _Mapping, key: str) -> list[str]:
    values = stated.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise _wrong(path, stated, f"{key} must be a list of (quoted) strings")
    return values


def _refuse_unknown(path: Path, stated: _Mapping, known: frozenset[str]) -> None:
    if not isinstance(stated, _Mapping):
        raise ValueSetError(f"{path.name}: a mapping is expected, not {stated!r}")
    for key in stated:
        if key not in known:
            raise _wrong(path, stated, f"unknown key {key!r}{_nearest(str(key), known)}")


def _refuse_repeated(path: Path, stated: _Mapping, name: str, rules: Sequence[_Rule]) -> None:
    last = rules[-1]
    if any((rule.system, rule.kind, rule.key) == (last.system, last.kind, last.key) for rule in rules[:-1]):
        raise _wrong(path, stated, f"{last.entry.code} of {last.system} stands twice in value set {name!r}")


def _inherited(stated: _Mapping, parent: _Mapping, *keys: str) -> _Mapping:
    """Return an entry with what its value set says once for all entries."""
    joined = _Mapping({**{key: parent[key] for key in keys if key in parent}, **stated})
    joined.line = stated.line
    return joined


def _matched_by(path: Path, stated: _Mapping) -> tuple[str, str, str]:
    """Return how an entry matches (``code``, ``prefix`` or ``range``), its code or lower bound, its upper bound."""
    stated_ways = [key for key in ("code", "prefix", "from") if key in stated]
    if len(stated_ways) != 1:
        raise _wrong(path, stated, "exactly one of code, prefix, from (with to) is needed")
    way = stated_ways[0]
    low = _required(path, stated, way)
    if way == "from":
        return "range", low, _required(path, stated, "to")
    return way, low, ""


def _entries_added(asked: str, entries: object) -> Sequence[Mapping[str, str]]:
    if not isinstance(entries, list | tuple):
        raise ValueSetError(f"value_sets.{asked}.add: must be a list of entries with system, code and label")
    for position, stated in enumerate(entries):
        place = f"value_sets.{asked}.add[{position}]"
        if not isinstance(stated, Mapping):
            raise ValueSetError(f"{place}: must be an entry with system, code and label")
        for key in stated:
            if key not in ("system", "code", "label"):
                raise ValueSetError(f"{place}.{key}: unknown key; an entry has system, code and label")
    return entries


def _added_text(place: str, stated: Mapping[str, str], key: str) -> str:
    value = stated.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueSetError(f"{place}.{key}: must be a string that is not empty")
    return value


def _unknown_id(name: str, known: Iterable[str]) -> str:
    return f"no value set {name!r}{_nearest(name, known)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" (nearest: {', '.join(close)})" if close else ""


def _folded(uri: str) -> str:
    return uri.strip().rstrip("/").casefold()


def _normal_code(system: str | None, code: str) -> str:
    code = code.strip()
    if system in _UPPER_CASE_SYSTEMS:
        code = code.upper()
    return code.replace(".", "") if system == _ICD else code


def _whole_words(words: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that finds words not joined to other letters, the longest first; it finds nothing if none."""
    alternatives = [r"\s+".join(map(re.escape, word.split())) for word in sorted(words, key=len, reverse=True)]
    letter = r"[^\W\d_]"
    return re.compile(rf"(?<!{letter})(?:{'|'.join(alternatives) or '(?!)'})(?!{letter})", re.IGNORECASE)


def _single_spaced(text: str) -> str:
    return " ".join(text.casefold().split())
