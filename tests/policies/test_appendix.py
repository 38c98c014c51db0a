"""Every criterion and tree of the six policies, stated here a second time and held against the policy files.

`A( )` is ALL, `O( )` is ANY. `trial` in a permanent tree is the whole trial tree with its own ids; a name with
slashes is a criterion of another indication and phase. Whatever stands in no row of TREES is in ANSWERS.
"""

from __future__ import annotations

import re

import pytest

from policies.library import PolicyLibrary
from policies.logic import All, Any, LeafRef, Tree, leaf_ids
from policies.model import Handover, PhaseCriteria, Policy

CONTRAINDICATIONS = "allergy, active-infection, body-size, other-programmable-device"
COHERE_SPASTICITY = f"A(painful-spasticity, O(antispasmodic-failure, antispasmodic-intolerance), {CONTRAINDICATIONS})"
HCSC_RESPONSE = "trial-same-agent, trial-pain-reduction, trial-tolerance, trial-function"
EXCEPTION = "A(advanced-disease, limited-survival, high-procedural-risk)"
HCSC_EXCEPTION_PUMP = (
    "A(cancer-pain/trial/advanced-disease, cancer-pain/trial/limited-survival, cancer-pain/trial/high-procedural-risk)"
)
NCD_PAIN = (
    "A(severe-chronic-intractable-pain, opioid-drug, life-expectancy, noninvasive-failure, exaggerating-factors, "
    f"{CONTRAINDICATIONS})"
)
NCD_PAIN_PUMP = "A(trial, catheter-trial, trial-pain-relief, trial-tolerance, trial-function, patient-acceptance)"
NCD_OTHER_USE = "A(drug-necessary, pump-necessary, pump-label)"

TREES = {
    ("cigna-cmm-210", "nonmalignant-pain/trial"): (
        "A(pathology, noninvasive-6-months, rehabilitative-exercise, scheduled-analgesics, no-further-treatment, "
        "mental-health-attestation, opioid-reduction-agreement)"
    ),
    ("cigna-cmm-210", "nonmalignant-pain/permanent"): "A(trial, trial-pain-reduction, trial-pain-hold, trial-function)",
    ("cigna-cmm-210", "spasticity/trial"): (
        "A(oral-agent-failure, severe-spasticity, "
        "O(A(oral-antispasmodic, physical-therapy), A(baseline-tone, baseline-spasms)))"
    ),
    ("cigna-cmm-210", "spasticity/permanent"): "A(trial, O(tone-response, spasm-response, other-response))",
    ("cigna-cmm-210", "cancer-pain/trial"): "A(noninvasive-failure)",
    ("cigna-cmm-210", "cancer-pain/permanent"): f"A(trial, O(trial-pain-reduction, {EXCEPTION}))",
    ("cigna-cmm-210", "any/replacement"): "O(battery-end, not-functional, device-alert)",
    ("cohere-ma-itp", "cancer-pain/trial"): (
        f"A(cancer-pain-present, life-expectancy, opioid-failure, {CONTRAINDICATIONS})"
    ),
    ("cohere-ma-itp", "cancer-pain/permanent"): "A(trial, trial-pain-relief, trial-tolerance)",
    ("cohere-ma-itp", "nonmalignant-pain/trial"): (
        f"A(severe-pain, conservative-therapy, noninvasive-failure, {CONTRAINDICATIONS})"
    ),
    ("cohere-ma-itp", "nonmalignant-pain/permanent"): "A(trial, trial-pain-reduction, trial-function, trial-tolerance)",
    ("cohere-ma-itp", "spasticity/trial"): COHERE_SPASTICITY,
    ("cohere-ma-itp", "spasticity/permanent"): COHERE_SPASTICITY,
    ("cohere-ma-itp", "any/replacement"): "O(not-functional, recalled, device-alert)",
    ("uhc-it-infusion", "nonmalignant-pain/trial"): (
        "A(age, etiology, no-further-treatment, conservative-therapy, psych-clearance)"
    ),
    ("uhc-it-infusion", "nonmalignant-pain/permanent"): "A(trial, trial-completed, trial-pain-reduction)",
    ("hcsc-sur707-008", "spasticity/trial"): "A(severe-spasticity, oral-baclofen-failure, drug-approval)",
    ("hcsc-sur707-008", "spasticity/permanent"): f"A(trial, {HCSC_RESPONSE})",
    ("hcsc-sur707-008", "nonmalignant-pain/trial"): (
        "A(severe-pain, less-invasive-failure, psych-evaluation, drug-approval)"
    ),
    ("hcsc-sur707-008", "nonmalignant-pain/permanent"): f"A(trial, {HCSC_RESPONSE})",
    ("hcsc-sur707-008", "cancer-pain/trial"): (
        f"A(severe-pain, less-invasive-failure, O(psych-evaluation, {EXCEPTION}), drug-approval)"
    ),
    ("hcsc-sur707-008", "cancer-pain/permanent"): f"A(trial, O(A({HCSC_RESPONSE}), {HCSC_EXCEPTION_PUMP}))",
    ("molina-itp", "cancer-pain/trial"): (
        "A(pain-score, function-impact, life-expectancy, opioid-failure, body-size, no-infection, no-thecal-tumor, "
        "no-contraindication)"
    ),
    ("molina-itp", "cancer-pain/permanent"): "A(trial, trial-pain-reduction, trial-function)",
    ("molina-itp", "nonmalignant-pain/trial"): (
        "A(pain-score, function-impact, cause-treatment-failure, scheduled-analgesic-failure, adherence, "
        "conservative-therapy, psych-evaluation, psych-stability, psych-candidate, body-size, no-infection, "
        "no-contraindication)"
    ),
    ("molina-itp", "nonmalignant-pain/permanent"): "A(trial, trial-pain-reduction, trial-function)",
    (
        "ncd-280-14",
        "spasticity/trial",
    ): f"A(chronic-intractable-spasticity, antispasmodic-failure, {CONTRAINDICATIONS})",
    ("ncd-280-14", "spasticity/permanent"): "A(trial, trial-response)",
    ("ncd-280-14", "nonmalignant-pain/trial"): NCD_PAIN,
    ("ncd-280-14", "nonmalignant-pain/permanent"): NCD_PAIN_PUMP,
    ("ncd-280-14", "nonmalignant-pain/other-use"): NCD_OTHER_USE,
    ("ncd-280-14", "cancer-pain/trial"): NCD_PAIN,
    ("ncd-280-14", "cancer-pain/permanent"): NCD_PAIN_PUMP,
    ("ncd-280-14", "cancer-pain/other-use"): NCD_OTHER_USE,
}
"""The tree of each policy, indication and phase."""

SAME_TREE = {("cohere-ma-itp", "spasticity/permanent"): "spasticity/trial"}
"""Phases that use another phase's ids throughout."""

ANSWERS = {
    ("cigna-cmm-210", "any/revision"): "needs-review",
    ("cohere-ma-itp", "any/revision"): "needs-review",
    ("uhc-it-infusion", "cancer-pain/trial"): "external-criteria",
    ("uhc-it-infusion", "cancer-pain/permanent"): "external-criteria",
    ("uhc-it-infusion", "spasticity/trial"): "external-criteria",
    ("uhc-it-infusion", "spasticity/permanent"): "external-criteria",
    ("uhc-it-infusion", "any/replacement"): "needs-review",
    ("uhc-it-infusion", "any/revision"): "needs-review",
    ("hcsc-sur707-008", "any/replacement"): "no-review-needed",
    ("hcsc-sur707-008", "any/revision"): "no-review-needed",
    ("molina-itp", "spasticity/trial"): "external-criteria",
    ("molina-itp", "spasticity/permanent"): "external-criteria",
    ("molina-itp", "any/replacement"): "needs-review",
    ("molina-itp", "any/revision"): "needs-review",
    ("ncd-280-14", "any/replacement"): "needs-review",
    ("ncd-280-14", "any/revision"): "needs-review",
}
"""What a policy answers where it has no criteria."""

POLICIES = sorted({policy for policy, _ in TREES})

_TOKEN = re.compile(r"[AO]\(|\)|,|[a-z0-9/-]+")


def _expected(policy: str, path: str) -> Tree:
    """Return the tree that a row of TREES writes."""
    home = SAME_TREE.get((policy, path), path)
    tokens = [token for token in _TOKEN.findall(TREES[policy, path]) if token != ","]
    tree = _read(tokens, policy, home)
    assert tokens == [], f"the row of {policy} {path} goes on after its end"
    return tree


def _read(tokens: list[str], policy: str, path: str) -> Tree:
    token = tokens.pop(0)
    if token not in ("A(", "O("):
        return _named(token, policy, path)
    children: list[Tree] = []
    while tokens[0] != ")":
        children.append(_read(tokens, policy, path))
    tokens.pop(0)
    return All(tuple(children)) if token == "A(" else Any(tuple(children))


def _named(name: str, policy: str, path: str) -> Tree:
    if name == "trial":
        return _expected(policy, f"{path.partition('/')[0]}/trial")
    return LeafRef(f"{policy}/{name}" if "/" in name else f"{policy}/{path}/{name}")


def _written(tree: Tree) -> str:
    """Return a tree in the notation of this file, with full ids."""
    if isinstance(tree, LeafRef):
        return tree.id
    return f"{'A' if isinstance(tree, All) else 'O'}({', '.join(_written(child) for child in tree.children)})"


def _versions(policy: str, library: PolicyLibrary) -> tuple[Policy, ...]:
    assert policy in library.versions, f"{policy} is not carried"
    return library.versions[policy]


@pytest.mark.parametrize(("policy", "path"), TREES, ids=lambda part: part)
def test_tree(policy: str, path: str, library: PolicyLibrary) -> None:
    """Ids, order and nesting of the tree are the ones stated here."""
    indication, _, phase = path.partition("/")
    for version in _versions(policy, library):
        found = version.phases.get((indication, phase))
        assert isinstance(found, PhaseCriteria), f"{policy} has no criteria for {path}"
        assert _written(_opened(found.tree)) == _written(_expected(policy, path))


def _opened(tree: Tree) -> Tree:
    """Return the tree without groups that hold nothing but another group: they change nothing."""
    if isinstance(tree, LeafRef):
        return tree
    children = tuple(_opened(child) for child in tree.children)
    if len(children) == 1 and not isinstance(children[0], LeafRef):
        return children[0]
    return All(children) if isinstance(tree, All) else Any(children)


@pytest.mark.parametrize(("policy", "path"), ANSWERS, ids=lambda part: part)
def test_answer_without_criteria(policy: str, path: str, library: PolicyLibrary) -> None:
    """Where a policy has no criteria it gives the answer stated here."""
    indication, _, phase = path.partition("/")
    for version in _versions(policy, library):
        found = version.phases.get((indication, phase))
        assert isinstance(found, Handover), f"{policy} has no answer of its own for {path}"
        assert found.kind.value == ANSWERS[policy, path]


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_else_is_carried(policy: str, library: PolicyLibrary) -> None:
    """A policy has no indication, phase or criterion that is not stated here."""
    stated = {path for one, path in (*TREES, *ANSWERS) if one == policy}
    leaves = {leaf for one, path in TREES if one == policy for leaf in leaf_ids(_expected(policy, path))}
    for version in _versions(policy, library):
        assert {f"{indication}/{phase}" for indication, phase in version.phases} == stated
        assert set(version.leaves) == leaves


@pytest.mark.parametrize("indication", ["nonmalignant-pain", "cancer-pain"])
@pytest.mark.parametrize("phase", ["trial", "permanent"])
def test_other_use_replaces_the_national_pain_tree(indication: str, phase: str, library: PolicyLibrary) -> None:
    """For a drug that is no opioid the national determination asks its tree of other uses, in both phases."""
    for version in _versions("ncd-280-14", library):
        found = version.phases[indication, phase]
        assert isinstance(found, PhaseCriteria)
        assert found.instead == "other-use"


def test_the_six_policies_are_carried(library: PolicyLibrary) -> None:
    """Six policies ship, and each has its rows here."""
    assert list(library.ids) == POLICIES
