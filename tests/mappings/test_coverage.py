"""Which policies a patient's coverages choose."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.coverage import Applicable, PayerError, PayerMap, policies_for, policies_for_name
from tests.builder import Builder, concept
from tests.mapping_tools import chart_of

DAY = date(2026, 6, 1)
SHIPPED = PayerMap.load()
NCD, COHERE, CIGNA, UHC, HCSC, MOLINA = (
    "ncd-280-14", "cohere-ma-itp", "cigna-cmm-210", "uhc-it-infusion", "hcsc-sur707-008", "molina-itp",
)  # fmt: skip


def read(builder: Builder, payers: PayerMap = SHIPPED, *, unread: frozenset[str] = frozenset()) -> Applicable:
    """Return what the builder's coverages choose on DAY."""
    return policies_for(chart_of(builder, unread), DAY, payers)


def ids(applicable: Applicable) -> list[str]:
    """Return the ids of the policies, in order."""
    return [one.policy for one in applicable.policies]


def chosen(payor: str, payers: PayerMap = SHIPPED, **members: Any) -> list[str]:
    """Return the policies of one coverage."""
    builder = Builder()
    builder.coverage(payor, **members)
    return ids(read(builder, payers))


class TestNames:
    """The shipped mapping goes by whole words of the payer's name."""

    @pytest.mark.parametrize(
        ("payor", "policy"),
        [
            ("Cigna", CIGNA),
            ("CIGNA HEALTHCARE", CIGNA),
            ("Cigna Health and Life Insurance Company", CIGNA),
            ("eviCore", CIGNA),
            ("UnitedHealthcare", UHC),
            ("United Healthcare of Texas", UHC),
            ("UHC", UHC),
            ("HCSC", HCSC),
            ("Health Care Service Corporation", HCSC),
            ("Blue Cross and Blue Shield of Illinois", HCSC),
            ("Blue Cross Blue Shield of Montana", HCSC),
            ("Blue Cross & Blue Shield of New Mexico", HCSC),
            ("BlueCross BlueShield of Oklahoma", HCSC),
            ("BLUE CROSS BLUE SHIELD OF TEXAS", HCSC),
            ("Molina", MOLINA),
            ("Molina Healthcare of Ohio", MOLINA),
            ("Medicare", NCD),
            ("Centers for Medicare & Medicaid Services", NCD),
            ("Cohere Health", COHERE),
        ],
    )
    def test_a_known_payer_chooses_its_policy(self, payor: str, policy: str) -> None:
        """Case, company endings and ampersands do not matter."""
        assert chosen(payor) == [policy]

    @pytest.mark.parametrize(
        "payor",
        [
            "Aetna",
            "Cignature Health",
            "Blue Cross Blue Shield of Michigan",
            "Coherent Insurance",
            "UHCX",
            "Molinari",
            "Medicaid",
        ],
    )
    def test_another_payer_chooses_none_and_is_shown(self, payor: str) -> None:
        """A part of a word is no match; the payer's own name is shown."""
        builder = Builder()
        builder.coverage(payor)
        found = read(builder)
        assert (ids(found), found.unknown, found.unread) == ([], (payor,), False)

    def test_the_name_may_stand_in_the_organization(self) -> None:
        """A payor by reference, in the chart or contained."""
        organization = {"resourceType": "Organization", "id": "org", "name": "Cigna"}
        contained, charted = Builder(), Builder()
        contained.add("Coverage", status="active", payor=[{"reference": "#org"}], contained=[organization])
        charted.add("Coverage", status="active", payor=[{"reference": "Organization/org"}])
        charted.resources.append(organization)
        assert ids(read(contained)) == [CIGNA]
        assert ids(read(charted)) == [CIGNA]

    def test_the_name_may_stand_in_the_plan(self) -> None:
        """The class of a coverage names the plan."""
        assert chosen("Employer Trust", plan="UHC Choice Plus") == [UHC]

    def test_a_payor_that_is_unresolved_is_shown(self) -> None:
        """A coverage without any name is still a coverage."""
        builder = Builder()
        builder.add("Coverage", status="active", payor=[{"reference": "Organization/gone"}])
        assert read(builder).unknown == ("a payer without a name",)

    def test_the_answer_names_coverage_and_payer(self) -> None:
        """The coverage is referred to, the payer named."""
        builder = Builder()
        builder.coverage("Cigna")
        (one,) = read(builder).policies
        assert (one.coverage, one.payer, one.cautions, one.notes) == ("Coverage/r1", "Cigna", (), ())


class TestMedicare:
    """Medicare, Medicare Advantage and supplements."""

    @pytest.mark.parametrize("sopt", ["1", "12", "121", "14", "141"])
    def test_a_medicare_plan_type_suffices(self, sopt: str) -> None:
        """A contractor's name says nothing; the plan type does."""
        assert chosen("Palmetto GBA", sopt=sopt) == [NCD]

    @pytest.mark.parametrize("sopt", ["11", "111", "112", "113", "119"])
    @pytest.mark.parametrize("payor", ["Aetna", "UnitedHealthcare", "Molina Healthcare", "Cigna", "HCSC", "Medicare"])
    def test_medicare_advantage_goes_by_the_national_determination(self, payor: str, sopt: str) -> None:
        """Of whatever payer: its own commercial text stands back."""
        assert chosen(payor, sopt=sopt) == [NCD]

    @pytest.mark.parametrize("words", ["Medicare Advantage", "UnitedHealthcare MEDICARE ADVANTAGE PPO"])
    def test_the_words_say_so_too(self, words: str) -> None:
        """Medicare Advantage in the plan's name."""
        assert chosen("UnitedHealthcare", plan=words) == [NCD]

    def test_why_the_payers_own_text_stands_back_is_said(self) -> None:
        """Whoever expects UnitedHealthcare's policy is told."""
        builder = Builder()
        builder.coverage("UnitedHealthcare", sopt="111")
        (one,) = read(builder).policies
        assert one.payer == "UnitedHealthcare Medicare Advantage"
        assert one.notes == (
            "Medicare Advantage goes by Medicare's national determination; "
            "UnitedHealthcare's own policy text stands back.",
        )

    @pytest.mark.parametrize("plan", ["Managed by Cohere Health", "Cohere"])
    def test_cohere_stands_beside_it(self, plan: str) -> None:
        """A Medicare Advantage plan that names Cohere goes by both, the national one first."""
        assert chosen("Sunrise Health", sopt="112", plan=plan) == [NCD, COHERE]

    @pytest.mark.parametrize(
        "members", [{"sopt": "523"}, {"plan": "Medicare Supplement Plan G"}, {"plan": "Medigap Plan N"}]
    )
    def test_a_supplement_chooses_nothing(self, members: dict[str, str]) -> None:
        """Neither policy nor the note that the payer is unknown."""
        builder = Builder()
        builder.coverage("UnitedHealthcare", **members)
        assert read(builder) == Applicable()

    def test_medicare_with_a_supplement_is_medicare(self) -> None:
        """The supplement is no other coverage to speak of."""
        builder = Builder()
        builder.coverage("Medicare", sopt="121", order=1)
        builder.coverage("UnitedHealthcare", plan="Medicare Supplement", order=2)
        (one,) = read(builder).policies
        assert (one.policy, one.cautions) == (NCD, ())

    @pytest.mark.parametrize("sopt", ["5", "512", "52", "521"])
    def test_private_plan_types_change_nothing(self, sopt: str) -> None:
        """5 and 52 are private; only 523 is a supplement."""
        assert chosen("Cigna", sopt=sopt) == [CIGNA]


class TestInForce:
    """Which coverages count."""

    @pytest.mark.parametrize(
        ("members", "counts"),
        [
            ({}, True),
            ({"start": "2026-06-01"}, True),
            ({"start": "2026-06-02"}, False),
            ({"end": "2026-06-01"}, True),
            ({"end": "2026-05-31"}, False),
            ({"start": "2026"}, True),
            ({"start": "2026-06-01T00:00:00-05:00", "end": "2027"}, True),
            ({"status": "cancelled"}, False),
            ({"status": "draft"}, False),
            ({"status": "entered-in-error"}, False),
        ],
    )
    def test_status_and_period_decide(self, members: dict[str, Any], counts: bool) -> None:
        """Active, and the policy date within the period, both ends included; an absent period counts."""
        assert chosen("Cigna", **members) == ([CIGNA] if counts else [])

    def test_somebody_elses_coverage_does_not_count(self) -> None:
        """The beneficiary is another patient."""
        builder = Builder()
        builder.coverage("Cigna")["beneficiary"] = {"reference": "Patient/other"}
        assert read(builder).policies == ()

    def test_primary_stands_first(self) -> None:
        """By `order`; a coverage without rank comes last. Each knows of the others."""
        builder = Builder()
        builder.coverage("Molina")
        builder.coverage("UHC", order=2)
        builder.coverage("Cigna", order=1)
        found = read(builder)
        assert ids(found) == [CIGNA, UHC, MOLINA]
        assert [[(one.code, one.caps) for one in policy.cautions] for policy in found.policies] == [
            [("other-coverage", False)]
        ] * 3
        assert found.policies[0].cautions[0].text == (
            "Other coverage is in force too: UnitedHealthcare, Molina Healthcare."
        )

    def test_an_unknown_payer_beside_a_known_one_is_said(self) -> None:
        """Both on the answer and as an unknown payer."""
        builder = Builder()
        builder.coverage("Cigna", order=1)
        builder.coverage("Aetna", order=2)
        found = read(builder)
        assert found.unknown == ("Aetna",)
        assert "Aetna (no policy known here)" in found.policies[0].cautions[0].text

    def test_one_policy_stands_once(self) -> None:
        """Two coverages of one payer: the primary one is named."""
        builder = Builder()
        builder.coverage("Cigna", order=2)
        builder.coverage("Cigna", order=1)
        (one,) = read(builder).policies
        assert one.coverage == "Coverage/r2"

    def test_unread_and_empty_are_two_things(self) -> None:
        """No coverage on file is not the same as coverage that could not be read; what was read counts."""
        assert not read(Builder()).unread
        assert read(Builder(), unread=frozenset({"Coverage"})).unread
        builder = Builder()
        builder.coverage("Cigna")
        found = read(builder, unread=frozenset({"Coverage"}))
        assert (ids(found), found.unread) == ([CIGNA], False)


class TestWashington:
    """Washington Medicaid is marked: a state's own criteria apply."""

    @pytest.mark.parametrize(
        ("payor", "members", "state", "expected"),
        [
            ("Molina Healthcare of Washington", {"sopt": "211"}, None, True),
            ("Molina Healthcare", {"sopt": "2"}, "WA", True),
            ("Molina Healthcare", {"plan": "Apple Health Medicaid"}, "Washington", True),
            ("Molina Healthcare", {"sopt": "2"}, "OR", False),
            ("Molina Healthcare of Washington", {"sopt": "512"}, "WA", False),
            ("Molina Healthcare of Washington", {}, "WA", False),
            ("Medicaid of Washington, D.C.", {"sopt": "2"}, None, False),
        ],
    )
    def test_medicaid_and_washington(
        self, payor: str, members: dict[str, str], state: str | None, expected: bool
    ) -> None:
        """Both are asked: Medicaid by type or word, Washington by plan name or address."""
        builder = Builder()
        builder.coverage(payor, **members)
        if state:
            builder.patient["address"] = [{"state": state}]
        assert read(builder).washington_medicaid == (("Coverage/r1",) if expected else ())

    def test_a_former_address_does_not_count(self) -> None:
        """Where the patient once lived says nothing."""
        builder = Builder()
        builder.coverage("Molina", sopt="2")
        builder.patient["address"] = [{"state": "WA", "use": "old"}, {"state": "OR"}]
        assert not read(builder).washington_medicaid


class TestSite:
    """A site's own payers."""

    def test_they_are_tried_first(self) -> None:
        """The first match wins."""
        payers = PayerMap.load([{"label": "Sunrise", "names": ["Sunrise Cigna"], "policies": [MOLINA]}])
        assert chosen("Sunrise Cigna", payers) == [MOLINA]
        assert chosen("Cigna", payers) == [CIGNA]
        assert payers.labels[0] == "Sunrise"

    @pytest.mark.parametrize("member", ["payor", "organization"])
    def test_an_identifier_matches(self, member: str) -> None:
        """System and value of the payor or of its Organization."""
        payers = PayerMap.load([{"label": "Sunrise", "identifiers": ["urn:payers|42"], "policies": [CIGNA]}])
        identifier = {"system": "urn:payers", "value": "42"}
        builder = Builder()
        if member == "payor":
            builder.add("Coverage", status="active", payor=[{"identifier": identifier}])
        else:
            builder.resources.append({"resourceType": "Organization", "id": "o", "identifier": [identifier]})
            builder.add("Coverage", status="active", payor=[{"reference": "Organization/o"}])
        assert ids(read(builder, payers)) == [CIGNA]

    def test_a_plan_type_narrows_a_name(self) -> None:
        """An entry with both asks both; a type holds everything below it."""
        payers = PayerMap.load([{"label": "S", "names": ["Sunrise"], "plan_types": ["51"], "policies": [CIGNA]}])
        assert chosen("Sunrise", payers, sopt="512") == [CIGNA]
        assert chosen("Sunrise", payers, sopt="2") == []
        assert chosen("Sunrise", payers) == []
        assert chosen("Other", payers, sopt="512") == []

    def test_a_medicare_advantage_plan_that_uses_cohere(self) -> None:
        """The national determination stands first, whatever the site lists."""
        payers = PayerMap.load([{"label": "Sunrise", "names": ["Sunrise"], "policies": [COHERE, CIGNA]}])
        assert chosen("Sunrise", payers, sopt="112") == [NCD, COHERE]
        assert chosen("Sunrise", payers) == [COHERE, CIGNA]

    def test_an_entry_for_the_plan_type_is_taken_as_written(self) -> None:
        """A site that names the plan type knows its plan."""
        payers = PayerMap.load([{"label": "S", "names": ["Sunrise"], "plan_types": ["11"], "policies": [COHERE]}])
        assert chosen("Sunrise", payers, sopt="112") == [COHERE]

    def test_a_commercial_entry_does_not_catch_the_supplement(self) -> None:
        """A supplement of a mapped payer chooses nothing, unless the entry is for that type."""
        entry = {"label": "S", "names": ["Sunrise"], "policies": [CIGNA]}
        assert chosen("Sunrise", PayerMap.load([entry]), sopt="523") == []
        assert chosen("Sunrise", PayerMap.load([entry | {"plan_types": ["523"]}]), sopt="523") == [CIGNA]

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"names": ["X"]}, "payers[0]: `label` is missing or no text."),
            ({"label": "X"}, "payers[0]: give `names`, `identifiers` or `plan_types`, or it matches nothing."),
            ({"label": "X", "names": "Y"}, "payers[0]: `names` must be a list of texts."),
            ({"label": "X", "identifiers": ["42"]}, "payers[0]: identifier '42' is not \"system|value\"."),
            (
                {"label": "X", "name": ["Y"]},
                "payers[0]: `name` is not a known key; known are identifiers, label, names, plan_types, policies.",
            ),
        ],
    )
    def test_a_wrong_entry_is_named(self, entry: dict[str, Any], message: str) -> None:
        """Entry, key and mend."""
        with pytest.raises(PayerError) as caught:
            PayerMap.load([entry])
        assert str(caught.value) == message

    def test_every_shipped_policy_exists(self) -> None:
        """The mapping names policies that the library holds."""
        named = {policy for rule in SHIPPED.shipped for policy in rule.policies}
        assert {NCD, COHERE, CIGNA, UHC, HCSC, MOLINA} == named
        assert {*SHIPPED.advantage_first, *SHIPPED.advantage_beside} <= named


class TestByName:
    """A payer named instead of a coverage."""

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Cigna", [CIGNA]),
            ("unitedhealthcare", [UHC]),
            ("UnitedHealthcare Medicare Advantage", [NCD]),
            ("Sunrise Medicare Advantage, Cohere", [NCD, COHERE]),
            ("Medicare", [NCD]),
            ("Medicare Supplement", []),
            ("Aetna", []),
            ("", []),
        ],
    )
    def test_the_name_is_read_like_a_payor(self, name: str, expected: list[str]) -> None:
        """With the same rules; there is no coverage to refer to."""
        found = policies_for_name(name, SHIPPED)
        assert ids(found) == expected
        assert all(one.coverage == "" for one in found.policies)
        assert found.unknown == ((name,) if name in ("Aetna", "") else ())


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "Cigna", "active", "2026-06-01", "#o", "111"]),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["display", "reference", "name", "coding", "code", "start", "state"]), children
        )
    ),
    max_leaves=6,
)


class TestMalformed:
    """Odd coverages cost nothing else."""

    @given(st.dictionaries(st.sampled_from(["status", "payor", "class", "type", "period", "order", "contained"]), JUNK))
    def test_nothing_malformed_raises(self, members: dict[str, Any]) -> None:
        """The good coverage beside a bad one still chooses its policy."""
        builder = Builder()
        builder.add("Coverage", **members)
        builder.coverage("Molina")
        builder.patient["address"] = members.get("payor")
        assert MOLINA in ids(read(builder))

    def test_lists_and_objects_are_both_read(self) -> None:
        """A payor, class or type where a list or an object is expected."""
        builder = Builder()
        builder.add("Coverage", status="active", payor={"display": "Sunrise"}, type=[concept("sopt", "111")])
        builder.add("Coverage", status="active", payor=[{"display": "X"}], **{"class": {"name": "Cigna"}})
        assert ids(read(builder)) == [NCD, CIGNA]
