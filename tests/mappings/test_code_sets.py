"""The value sets: what is in them, what matches, what a site may add, and how a wrong file is refused."""

import re
from pathlib import Path

import pytest

from fhir_mappings.code_sets import DATA_DIRECTORY, Code, ValueSetError, ValueSets, codings_of

CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SOPT = "https://nahdo.org/sopt"
NUCC = "http://nucc.org/provider-taxonomy"
FINDING = "https://pumpcheck.example.org/fhir/CodeSystem/finding"
ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
STATUS_REASON = "http://terminology.hl7.org/CodeSystem/medicationrequest-status-reason"
ROUTE = "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration"

FINDINGS = [
    "pain-etiology-documented", "pain-intractable-severe", "pain-affects-daily-function", "cancer-pain-present",
    "outcome-scheduled-analgesics", "outcome-rehabilitative-exercise", "outcome-physical-therapy",
    "outcome-behavioural-therapy", "outcome-conservative-therapy", "outcome-less-invasive-therapy",
    "outcome-systemic-opioids", "outcome-noninvasive-pain-control", "outcome-oral-antispasmodic",
    "outcome-oral-baclofen", "outcome-cause-directed-treatment", "further-treatment-indicated",
    "further-treatment-refused", "exaggerated-reaction-addressed", "mental-health-uncontrolled",
    "mental-health-contributor", "psych-interference", "psych-acute-instability", "psych-candidate-favourable",
    "opioid-reduction-agreed", "on-systemic-opioids", "medication-adherent", "percent-pain-relief", "trial-completed",
    "trial-drug", "planned-pump-drug", "trial-relief-adequate", "trial-function-improved", "trial-tolerated",
    "trial-patient-acceptance", "trial-response-favourable", "trial-other-benefit", "oswestry-disability-index",
    "patient-specific-functional-scale", "functional-independence-measure", "ashworth", "modified-ashworth",
    "penn-spasm-frequency", "spasticity-severe", "spasticity-chronic-intractable", "spasticity-painful",
    "life-expectancy-months", "life-expectancy-at-least-3-months", "limited-survival", "advanced-disease",
    "high-procedural-risk", "active-infection", "thecal-sac-tumor", "intrathecal-contraindication", "coagulopathy",
    "profound-leukopenia", "pancytopenia", "raised-intracranial-pressure", "other-programmable-device",
    "body-size-adequate", "pump-functional", "pump-repairable", "pump-battery-end", "pump-alert-impending-failure",
    "pump-recalled", "drug-approved-or-compounded", "drug-necessary", "pump-necessary", "pump-label-covers-use",
]  # fmt: skip

MEMBERS = {
    "neuraxial-single-injection": [(CPT, "62320 62321 62322 62323")],
    "neuraxial-catheter-infusion": [(CPT, "62324 62325 62326 62327")],
    "pump-tunneled-catheter": [(CPT, "62350 62351")],
    "pump-implant": [(CPT, "62360 62361 62362")],
    "pump-item": [(HCPCS, "E0782 E0783 C1772 C1891 C2626")],
    "pump-replacement-item": [(HCPCS, "E0785 E0786")],
    "pump-removal": [(CPT, "62355 62365")],
    "pump-service": [(CPT, "62367 62368 62369 62370 95990 95991"), (HCPCS, "A4220 A4300 A4301 C1755")],
    "pump-not-spinal": [(CPT, "36260 36261 36262 36563 36576 36583 36590 61215")],
    "epidural-other": [(CPT, "64483 01996")],
    "neurolytic": [(CPT, "62280 62281 62282")],
    "scs": [(CPT, "63650 63685 95972")],
    "it-opioid": [(RXNORM, "7052 3423 4337 56795 1809102"), (HCPCS, "J2274 J1171 J3010")],
    "it-ziconotide": [(RXNORM, "1738353 1738357 486133 1738354 1738356 583453"), (HCPCS, "J2278")],
    "it-baclofen": [(RXNORM, "1292"), (HCPCS, "J0475 J0476")],
    "it-clonidine": [(RXNORM, "2599 884221 884225"), (HCPCS, "J0735")],
    "it-local-anaesthetic": [(HCPCS, "J0665 J2795"), (SNOMED, "387150008")],
    "epidural-premix": [(RXNORM, "1233685 1233686 1233687")],
    "it-drug-hcpcs": [
        (HCPCS, "J2274 J2278 J0475 J0476 J0735 J1171 J2270 J2272 J3010 J0665 J2795 J7999 J7799 J2275 J1170 S0020")
    ],
    "it-trial-proof": [(HCPCS, "J0475 J0476 J2278 J2274 J2270 J2272 J1171 J3010 J0735")],
    "counter-sign": [
        (ICD, "O00.0 O9A.2 Z33.1 Z34.00 G89.11 G89.12 G89.18"),
        (SNOMED, "398044000 18946005"),
        (CPT, "01967"),
    ],
    "injectate-out-of-scope": [
        (RXNORM, "6851 240416 245255 1660004 1660009 448"),
        (HCPCS, "J2326 J9260 J9255 J9100 J9250"),
        (CPT, "96450"),
    ],
    "injectate-steroid": [
        (RXNORM, "6902 10759 3264 1514"),
        (HCPCS, "J1010 J3301 J1100 J0702 J1020 J1030 J1040"),
    ],
    "injectate-other": [(HCPCS, "J2401 J2402 J0670"), (SNOMED, "171765004 18946005 398044000 171787008")],
    "systemic-opioid": [(RXNORM, "7052 3423 4337 7804 5489 7814 2670 10689 787390 6813 1819 6378 6754 1841 7238 8001")],
    "oral-antispasmodic": [
        (RXNORM, "1292 430902 197391 197392 250976 57258 313412 313413 485485 485486 856652 856656 856660"),
        (RXNORM, "3322 197591 2598"),
    ],
    "muscle-relaxant-not-antispastic": [(RXNORM, "21949 6845 59078 2101")],
    "analgesic-nonopioid": [
        (RXNORM, "25480 187832 72625 39786 704 7531 3247 2002 38404 161 5640 7258 140587 41493 3355 35827 6387")
    ],
    "anticoagulant": [(RXNORM, "11289 1364430 1114195 5224 67108 32968 1037181 1723478 1037049")],
    "route-intrathecal": [(SNOMED, "72607000"), (ROUTE, "ITINJ")],
    "route-epidural": [(SNOMED, "404820008"), (ROUTE, "EPI EPIDURINJ EPIINJ EPINJSP")],
    "allergen": [(SNOMED, "373529000 387286002 49998007 387150008")],
    "no-known-allergy": [(SNOMED, "716186003 409137002")],
    "chronic-pain-nonmalignant": [
        (ICD, "G89.0 G89.2 G89.21 G89.22 G89.28 G89.29 G89.4"),
        (SNOMED, "82423001 373621006 431481001 278860009"),
    ],
    "pain-pathology": [
        (ICD, "M96.1 G90.50 G90.511 G56.41 G57.70 B02.29 G54.6 G50.0 G96.12 G03.9 M54.16 M48.061 M51.16 M50.10"),
        (ICD, "M47.16 K86.1 M79.2 G62.9 G63 M80.08XA M81.0"),
        (SNOMED, "128200000 734947007 712537009 734986006 408749000 408750000 2177002 8217007 128196005 2415007"),
        (SNOMED, "54404000 42452002 31681005 235494005 202735001 247398009"),
    ],
    "pain-symptom-only": [(ICD, "M54.5 M54.50 M54.51 M54.59 M54.2 M54.9 R52 M79.7")],
    "cancer-pain": [(ICD, "G89.3"), (SNOMED, "735935009 98921000119102 315241008 879973007")],
    "cancer-treatment-pain": [(SNOMED, "788891004 762594002 714252004")],
    "neoplasm": [(ICD, "C00.0 C4A.9 C7A.00 C7B.00 C96.9 D05.1 D37.0 D49.7"), (SNOMED, "363346000 128462008")],
    "spasticity": [
        (ICD, "G80.0 G80.1 G80.2 G81.10 G11.4 G04.1 G25.82"),
        (SNOMED, "221360009 230773005 371028005 312444006 298282001 16728003 108691000119102"),
    ],
    "spasticity-cause": [
        (ICD, "G80.8 G80.9 G82.20 G82.50 G35 G35.A G35.B0 G35.C1 G35.D I69.351 S06.2X9S S14.109S S24.109S S34.109S"),
        (ICD, "G95.89 G37.3 G93.1 G12.21"),
        (SNOMED, "128188000 48721008 43486001 24700007 90584004 81642009 60389000 11538006 127295002"),
    ],
    "dystonia": [
        (ICD, "G24.1 G24.2 G24.3 G24.4 G24.5 G24.8 G24.9 G24.01 G80.3"),
        (SNOMED, "15802004 425492002 22451001"),
    ],
    "spasticity-symptom": [(ICD, "M62.830 R25.2")],
    "origin-cerebral": [(ICD, "G80.1 G81.11 I69.351 G93.1 S06.2X9S G35.A")],
    "origin-spinal": [(ICD, "G82.20 G11.4 G04.1 G95.89 G37.3 S14.109S S24.109S S34.109S G35.D")],
    "pain-nrs": [(LOINC, "72514-3 75893-8")],
    "pain-nrs-generic": [(LOINC, "38208-5")],
    "pain-vas": [(LOINC, "38214-3")],
    "pain-faces": [(LOINC, "38221-8 57696-7")],
    "pain-promis-trap": [(LOINC, "75260-0 75261-8 75262-6")],
    "pain-observable": [(SNOMED, "225908003 405161002")],
    "function-measure": [
        (LOINC, "77565-0 71959-1 71961-7 91146-1 91145-3 89243-0 89247-1"),
        (FINDING, "oswestry-disability-index patient-specific-functional-scale functional-independence-measure"),
    ],
    "modified-ashworth": [(SNOMED, "765771006"), (FINDING, "modified-ashworth")],
    "ashworth": [(FINDING, "ashworth")],
    "penn-spasm": [(FINDING, "penn-spasm-frequency")],
    "percent-relief": [(FINDING, "percent-pain-relief")],
    "phq9": [(LOINC, "44249-1 44261-6 44260-8")],
    "performance": [(LOINC, "89247-1 89243-0")],
    "tnm-stage": [(LOINC, "21908-9 21902-2 21914-7")],
    "tnm-stage-four": [(SNOMED, "258228008")],
    "active-exercise": [(CPT, "97110 97112 97116 97530 97150 97535")],
    "pt-evaluation": [(CPT, "97161 97162 97163 97164"), (SNOMED, "410158009")],
    "passive-pt": [(CPT, "97140")],
    "physical-therapy": [(SNOMED, "91251008 229065009 51998003 410160006 183326003")],
    "physical-therapy-referral": [(SNOMED, "444831000124102 306170007 390864007")],
    "physical-therapy-note": [(LOINC, "28579-1 34824-3 11508-9 100519-8")],
    "behavioural-therapy": [
        (CPT, "90832 90834 90837 90847 90853 90901 96158 96159"),
        (SNOMED, "75516001 18512000 76168009 183383008 171022008"),
    ],
    "psych-evaluation": [
        (CPT, "90791 90792 96130 96131 96136 96137 96138 96139 96156 96132 96133 96116 96121"),
        (SNOMED, "405783006 391281002 165171009 165172002 410223002"),
    ],
    "psych-screening": [(CPT, "96127")],
    "mental-health-provider": [(NUCC, "103T00000X 103TC0700X 103TH0004X 2084P0800X 1041C0700X 101YM0800X 363LP0808X")],
    "psych-document": [
        (LOINC, "34788-0 34791-4 34785-6 28628-6 34792-2 34786-4 68599-0 85890-2 28627-8 11510-5 34904-3")
    ],
    "pain-document": [(LOINC, "34858-1 78567-5 68711-1 68714-5 100503-2")],
    "general-document": [
        (LOINC, "11488-4 34117-2 11506-3 51848-0 28570-0 11504-8 34121-4 18842-5 34805-2 34847-4 34797-1")
    ],
    "hospice-palliative": [
        (SNOMED, "385763009 305911006 305336008 170935008 385765002 428361000124107 428371000124100 103735009"),
        (SNOMED, "182964004"),
        (ICD, "Z51.5"),
    ],
    "limited-survival": [
        (SNOMED, "300936002 162608008 170969009 27143004 162607003"),
        (FINDING, "limited-survival"),
    ],
    "advanced-disease": [
        (ICD, "C77.0 C79.51 C80.0 C7B.00"),
        (SNOMED, "405843009 128462008 1251565009 258228008"),
        (FINDING, "advanced-disease"),
    ],
    "stop-ineffective": [(SNOMED, "182841002"), (ACT_REASON, "INEFFECT")],
    "stop-not-tolerated": [
        (SNOMED, "407563006 59037007 401207004 182897004 281647001"),
        (STATUS_REASON, "sintol"),
        (ACT_REASON, "SINTOL"),
    ],
    "stop-contraindicated": [(SNOMED, "410536001 183932001"), (STATUS_REASON, "salg sddi"), (ACT_REASON, "SALG")],
    "stop-not-a-failure": [
        (SNOMED, "182895007 182898009 182902003 7058009"),
        (STATUS_REASON, "altchoice non-avail sdupther surg hospadm washout clarif"),
    ],
    "refused-treatment": [(SNOMED, "105480006 1296859006 183944003 406149000")],
    "adherence": [
        (SNOMED, "1156699004 702565001 715036001 129834002 275928001 275927006"),
        (ICD, "Z91.14 Z91.141 Z91.148"),
    ],
    "active-infection": [
        (ICD, "A41.9 B99.9 G00.1 G06.1 G07 M46.26 M46.36 M86.9 I33.0 J13 J18.9 N39.0 L02.91 L03.90 L08.9 R65.21"),
        (ICD, "T85.735A T85.738D U07.1"),
        (SNOMED, "40733004 91302008 87628006 68566005"),
        (FINDING, "active-infection"),
    ],
    "infection-chronic": [(ICD, "B18.2 B20 B90.9 B91 B92 B94.8")],
    "coagulopathy": [
        (ICD, "D65 D66 D67 D68.9 D68.32 D69.3 D69.6 Z79.01 Z79.02"),
        (SNOMED, "64779008 67406007 234466008"),
        (FINDING, "coagulopathy"),
    ],
    "leukopenia-pancytopenia": [
        (ICD, "D70.9 D72.819 D61.810 D61.811 D61.818 D61.9"),
        (SNOMED, "84828003 127034005 5876000 165517008"),
    ],
    "raised-icp": [(ICD, "G93.2 G93.5 G93.6 G91.9"), (SNOMED, "68267002 230745008")],
    "raised-icp-hint": [(ICD, "C79.31")],
    "thecal-tumour": [
        (ICD, "C70.1 C72.0 C79.32 C79.49 D33.4 D32.1 D43.4 D49.7 G95.20"),
        (SNOMED, "363475005 126964007 94600009 1155991005 71286001"),
    ],
    "small-body": [(ICD, "R64 R63.6 R62.51 Z68.1"), (SNOMED, "238108007")],
    "programmable-device": [
        (ICD, "Z95.0 Z95.810 Z96.82 Z96.21 Z95.811 Z45.010 Z45.42"),
        (SNOMED, "14106009 424921004 441509002 72506001 443325000 441769002 25937001 36977008 43252007"),
        (HCPCS, "C1785 C1786 C2619 C2620 C1721 C1722 C1882 C1767 C1820 L8685 L8686 L8687 L8688"),
        (CPT, "61885 61886 63685"),
    ],
    "pump-complication": [(ICD, "T85.615A T85.625A T85.635D T85.695A T85.738A")],
    "catheter-complication": [(ICD, "T85.610A T85.620A T85.630A T85.690D T85.735A")],
    "device-complication-unspecified": [(ICD, "T85.618A T85.698A")],
    "pump-in-place": [(ICD, "Z45.1 Z45.49 Z97.8 Z96.89")],
    "depression": [(ICD, "F32.9 F32.A F33.1 F34.1"), (SNOMED, "35489007 370143000 450714000")],
    "psychosis": [(ICD, "F20.9 F29 F30.9 F31.9"), (SNOMED, "69322001")],
    "substance-use": [(ICD, "F10.20 F11.20 F19.10"), (SNOMED, "75544000 5602001 66214007 91388009")],
    "suicide-risk": [
        (ICD, "R45.851 T14.91XA X71.0XXA X83.8XXA"),
        (SNOMED, "6471006 82313006 267073005 304594002 247650009"),
    ],
    "pain-psych": [(ICD, "F45.41 F45.42")],
    "spine-imaging": [(LOINC, "24968-0 30679-5 24980-5 24935-9 36067-7 28566-8 24965-6"), (CPT, "72148 72265")],
    "antibiotic": [(RXNORM, "11124 2193 29561")],
    "csf-shunt": [(ICD, "Z98.2")],
    "opioid-allergy": [(ICD, "Z88.5")],
    "anaesthetic-allergy": [(ICD, "Z88.4")],
    "spine-surgery": [
        (
            CPT,
            "22532 22533 22548 22551 22554 22556 22558 22586 22590 22595 22600 22610 22612 22630 "
            "22633 22800 22802 22804 22808 22810 22812 22856 22857 22867 22869 63001 63003 63005 "
            "63011 63012 63015 63016 63017 63045 63046 63047 63020 63030 63040 63042 63055 63056 "
            "63064 63075 63077 63081 63085 63087 63090 63101 63102 22510 22511 22513 22514 "
        )
    ],
    "surgery-without-relief": [(ICD, "M96.1")],
    "reduction-words": [],
    "allergy-list": [(LOINC, "52472-8 48765-2")],
    "phq9-answer": [(LOINC, "LA6568-5 LA6569-3 LA6570-1 LA6571-9")],
    "pump-document": [],
    "payer-type": [(SOPT, "1 11 111 112 113 119 12 121 14 141 142 2 21 211 311 32 391 5 51 511 521 522 523 6 81 95")],
    "therapy-outcome": [
        (FINDING.replace("finding", "therapy-outcome"), "ineffective not-tolerated contraindicated effective")
    ],
    "trial-method": [(FINDING.replace("finding", "trial-method"), "single-injection catheter")],
    "ashworth-grade": [(FINDING.replace("finding", "ashworth-grade"), "0 1 1+ 2 3 4")],
    "trial-words": [],
    "intrathecal-words": [],
    "other-trial-words": [],
    "pump-words": [],
    "spinal-words": [],
    "pump-names": [],
    "pump-implant-words": [],
    "pump-replaced-words": [],
    "pump-part-words": [],
    "catheter-words": [],
    "pump-failure-words": [],
    "pump-service-words": [],
    "steroid-words": [],
    "not-injectate-words": [],
    "denied-before": [],
    "denied-after": [],
    "said-without-meaning": [],
    "not-counter-words": [],
    "indication-words": [],
    "order-purpose": [
        (FINDING.replace("finding", "order-purpose"), "intrathecal-trial permanent-implant pump-replacement")
    ],
}

DOUBTFUL_CODES = [
    "1815", "35780", "68503", "3105", "3041", "706182007", "430033006", "433296005", "75889-6", "77861-3",
    "372452007",
]  # fmt: skip


@pytest.fixture(scope="module")
def value_sets() -> ValueSets:
    """Return the shipped value sets."""
    return ValueSets.load()


def concept(system: str | None, code: str, **more: str) -> dict[str, object]:
    """Return a CodeableConcept of one coding."""
    coding = {"code": code, **more} if system is None else {"system": system, "code": code, **more}
    return {"coding": [coding]}


def written(tmp_path: Path, **files: str) -> Path:
    """Return a directory with the given YAML files and a list of two code systems."""
    systems = "systems:\n  cpt: {canonical: http://example.org/cpt}\n  finding: {canonical: http://example.org/f}\n"
    for name, text in {"systems": systems, **files}.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


class TestContent:
    """What the files hold."""

    @pytest.mark.parametrize("name", MEMBERS)
    def test_holds_its_codes(self, value_sets: ValueSets, name: str) -> None:
        """A value set finds each of its codes in the code system that defines it."""
        missing = [
            (system, code)
            for system, codes in MEMBERS[name]
            for code in codes.split()
            if value_sets.find(concept(system, code), name) is None
        ]

        assert missing == []

    def test_every_value_set_is_checked(self, value_sets: ValueSets) -> None:
        """No value set exists that neither these tables, the findings, the routes nor the drugs account for."""
        known = {value_sets.resolve(name) for name in MEMBERS} | set(FINDINGS)
        rest = value_sets.ids() - known

        assert {name for name in rest if not name.startswith(("drug-", "route-"))} == set()

    def test_findings_are_the_closed_list(self, value_sets: ValueSets) -> None:
        """The local findings are exactly those that charts and forms may use, each with a value set of its name."""
        assert [finding.code for finding in value_sets.findings()] == FINDINGS
        assert all(value_sets.find(concept(FINDING, code), code) for code in FINDINGS)

    def test_findings_say_what_they_take(self, value_sets: ValueSets) -> None:
        """A finding knows the type, unit, bounds and direction of its value."""
        index = value_sets.finding("oswestry-disability-index")
        spasms = value_sets.finding("penn-spasm-frequency")

        assert (index.value, index.unit, index.maximum, index.direction) == ("Quantity", "%", 100, "lower")
        assert (spasms.value, spasms.minimum, spasms.maximum) == ("integer", 0, 4)
        assert value_sets.finding("outcome-oral-baclofen").value_set == "therapy-outcome"
        assert value_sets.finding("active-infection").value == "boolean"

    def test_unknown_finding_is_named(self, value_sets: ValueSets) -> None:
        """Asking for a finding outside the closed list names it and its neighbours."""
        with pytest.raises(ValueSetError, match=r"'pump-batery-end' \(nearest: pump-battery-end"):
            value_sets.finding("pump-batery-end")

    @pytest.mark.parametrize("code", DOUBTFUL_CODES)
    def test_doubtful_codes_stay_out(self, code: str) -> None:
        """A code that was never verified stands in no file."""
        texts = [path.read_text(encoding="utf-8") for path in DATA_DIRECTORY.glob("*.yaml")]

        assert len(texts) == 11
        assert not any(re.search(rf"(?<![\w-]){re.escape(code)}(?![\w-])", text) for text in texts)

    def test_labels_are_never_empty(self, value_sets: ValueSets) -> None:
        """Every entry can be shown: it has a label and a system of its own."""
        entries = [entry for name in value_sets.ids() for entry in value_sets.entries(name)]

        assert len(entries) > 3000
        assert all(entry.label and entry.system.startswith("http") for entry in entries)


class TestIcd:
    """ICD-10-CM: prefixes, ranges, seventh characters."""

    @pytest.mark.parametrize("code", ["G89.29", "G8929", "g89.29", " G89.2 "])
    def test_dot_and_case_do_not_matter(self, value_sets: ValueSets, code: str) -> None:
        """An ICD code matches with and without its dot, in either case."""
        assert value_sets.find(concept(ICD, code), "chronic-pain-nonmalignant") is not None

    @pytest.mark.parametrize("code", ["G35", "G35.A", "G35.B1", "G35.D"])
    def test_old_and_split_codes_match(self, value_sets: ValueSets, code: str) -> None:
        """Multiple sclerosis matches as the old leaf and as the codes it was split into."""
        hit = value_sets.find(concept(ICD, code), "spasticity-cause")

        assert hit is not None
        assert hit.attributes["origin"] == "either"

    @pytest.mark.parametrize("code", ["G89.1", "G89", "G8", "G89.3"])
    def test_parent_or_sibling_is_no_child(self, value_sets: ValueSets, code: str) -> None:
        """A shorter code or another branch does not match a prefix."""
        assert value_sets.find(concept(ICD, code), "chronic-pain-nonmalignant") is None

    @pytest.mark.parametrize(
        ("code", "inside"),
        [("C00", True), ("C96.9", True), ("C7B.8", True), ("C97", False), ("D10.0", False), ("D36.9", False),
         ("D3A.00", False), ("D50.9", False)],
    )  # fmt: skip
    def test_ranges_compare_categories(self, value_sets: ValueSets, code: str, inside: bool) -> None:
        """A range holds the categories between its ends, lettered ones too, and no benign tumour."""
        assert (value_sets.find(concept(ICD, code), "neoplasm") is not None) is inside

    @pytest.mark.parametrize("code", ["T85.615A", "T85615D", "T85.738A", "T85.615"])
    def test_device_failure_now(self, value_sets: ValueSets, code: str) -> None:
        """A device failure matches now, on a later visit, and in a chart that leaves the seventh character out."""
        assert value_sets.find(concept(ICD, code), "pump-complication") is not None

    @pytest.mark.parametrize("code", ["T85.615S", "T85.738S"])
    def test_sequela_is_no_current_failure(self, value_sets: ValueSets, code: str) -> None:
        """The late effect of a device failure is no failure of today."""
        assert value_sets.all_hits(concept(ICD, code)) == ()

    @pytest.mark.parametrize("code", ["S14.109S", "S24.104S"])
    def test_sequela_of_cord_injury_is_a_cause(self, value_sets: ValueSets, code: str) -> None:
        """The late effect of a cord injury is a cause of spasticity."""
        assert value_sets.find(concept(ICD, code), "spasticity-cause") is not None

    @pytest.mark.parametrize("code", ["S14.109A", "S14.109D", "S14.109"])
    def test_fresh_cord_injury_is_none(self, value_sets: ValueSets, code: str) -> None:
        """An injury that is fresh, or of unsaid age, is no cause of spasticity."""
        assert value_sets.find(concept(ICD, code), "spasticity-cause") is None

    def test_seventh_character_is_told(self, value_sets: ValueSets) -> None:
        """A hit tells the seventh character of the chart's code, or that there is none."""
        now = value_sets.find(concept(ICD, "T85.615A"), "pump-complication")
        bare = value_sets.find(concept(ICD, "T85.615"), "pump-complication")
        other = value_sets.find(concept(SNOMED, "8217007"), "pain-pathology")

        assert now is not None
        assert bare is not None
        assert other is not None
        assert (now.seventh_character, bare.seventh_character, other.seventh_character) == ("A", None, None)

    @pytest.mark.parametrize("code", ["T85.614A", "T85.624A", "T85.694A", "T85.72XA"])
    def test_insulin_pump_is_never_ours(self, value_sets: ValueSets, code: str) -> None:
        """The failure of an insulin pump is in no value set at all."""
        assert value_sets.all_hits(concept(ICD, code)) == ()

    @pytest.mark.parametrize("code", ["B20", "B18.2", "B90.9", "B94.8", "B02.29", "B02.23", "B02.2", "G04.1"])
    def test_chronic_infection_is_not_active(self, value_sets: ValueSets, code: str) -> None:
        """A chronic or past infection, or nerve pain after shingles, is no active infection."""
        assert value_sets.find(concept(ICD, code), "active-infection") is None

    @pytest.mark.parametrize("code", ["C79.31", "C79.51"])
    def test_other_metastasis_is_not_thecal(self, value_sets: ValueSets, code: str) -> None:
        """A metastasis in brain or bone is no tumour at the thecal sac."""
        assert value_sets.find(concept(ICD, code), "thecal-tumour") is None

    @pytest.mark.parametrize("code", ["Z79.891", "F32.9"])
    def test_lawful_opioids_are_no_substance_use(self, value_sets: ValueSets, code: str) -> None:
        """Long-term opioid therapy is no substance use disorder."""
        assert value_sets.find(concept(ICD, code), "substance-use") is None

    def test_the_most_specific_entry_speaks(self, value_sets: ValueSets) -> None:
        """Where a parent and a child are both listed, the child's attributes count."""
        drug_induced = value_sets.find(concept(ICD, "G24.01"), "dystonia")
        generalized = value_sets.find(concept(ICD, "G24.1"), "dystonia")

        assert drug_induced is not None
        assert generalized is not None
        assert drug_induced.attributes.get("review") is True
        assert "review" not in generalized.attributes


class TestConsequences:
    """Members of one set that mean different things."""

    @pytest.mark.parametrize("code", ["M96.1", "G90.511", "G56.42", "G57.71", "B02.22", "G54.6"])
    def test_pathology_that_stands_alone(self, value_sets: ValueSets, code: str) -> None:
        """A few causes of pain are an indication by themselves."""
        hit = value_sets.find(concept(ICD, code), "pain-pathology")

        assert hit is not None
        assert hit.attributes["stands_alone"] is True

    @pytest.mark.parametrize("code", ["M54.16", "M48.061", "M51.26", "K86.1", "G62.9"])
    def test_pathology_that_needs_company(self, value_sets: ValueSets, code: str) -> None:
        """The other causes of pain are no indication by themselves."""
        hit = value_sets.find(concept(ICD, code), "pain-pathology")

        assert hit is not None
        assert "stands_alone" not in hit.attributes

    @pytest.mark.parametrize(("code", "kind"), [("D70.9", "leukopenia"), ("D61.818", "pancytopenia")])
    def test_leukopenia_differs_from_pancytopenia(self, value_sets: ValueSets, code: str, kind: str) -> None:
        """The set of blood disorders tells the two kinds apart."""
        hit = value_sets.find(concept(ICD, code), "leukopenia-pancytopenia")

        assert hit is not None
        assert hit.attributes["kind"] == kind

    def test_passive_therapy_and_screens_stand_apart(self, value_sets: ValueSets) -> None:
        """Manual therapy is no active exercise, and a brief screen is no evaluation."""
        assert value_sets.find(concept(CPT, "97140"), "active-exercise", "pt-evaluation") is None
        assert value_sets.find(concept(CPT, "96127"), "psych-evaluation") is None

    @pytest.mark.parametrize(
        ("code", "kind"),
        [("111", "medicare-advantage"), ("121", "medicare"), ("1", "medicare"), ("211", "medicaid"),
         ("512", "private"), ("523", "medicare-supplement"), ("142", "dual-eligible")],
    )  # fmt: skip
    def test_longest_payer_prefix_decides(self, value_sets: ValueSets, code: str, kind: str) -> None:
        """A payer type is read by its longest listed prefix, so that a supplement is no private plan."""
        hit = value_sets.find(concept(SOPT, code), "payer-type")

        assert hit is not None
        assert hit.attributes["kind"] == kind

    @pytest.mark.parametrize("code", ["J2275", "J1170", "J1040", "J9250"])
    def test_retired_codes_are_read_but_not_written(self, value_sets: ValueSets, code: str) -> None:
        """A retired billing code is recognized in old records and never offered."""
        hits = value_sets.all_hits(concept(HCPCS, code))

        assert hits
        assert all(hit.entry.history_only for hit in hits)
        assert all(code not in {c.code for c in value_sets.codings(hit.value_set)} for hit in hits)

    def test_words_speak_for_a_value_set(self, value_sets: ValueSets) -> None:
        """Free text is searched for whole words only."""
        assert value_sets.mentioned("Epidural for LABOR", "counter-sign") == "labor"
        assert value_sets.mentioned("collaborate", "counter-sign") is None
        assert value_sets.mentioned("Synchromed II in situ", "pump-in-place") == "synchromed"
        assert value_sets.mentioned(None, "counter-sign") is None
        assert value_sets.words("pain-nrs") == ()


class TestMatching:
    """How a concept of a chart is matched."""

    @pytest.mark.parametrize(
        "system",
        [HCPCS, HCPCS.replace("http:", "https:"), "urn:oid:2.16.840.1.113883.6.285", HCPCS + "/", HCPCS.upper()],
    )
    def test_system_by_alias_slash_and_case(self, value_sets: ValueSets, system: str) -> None:
        """A code system is known by its canonical URI and its aliases, whatever the case and the trailing slash."""
        assert value_sets.find(concept(system, "E0783"), "pump-item") is not None

    @pytest.mark.parametrize(
        ("oid", "code", "name"),
        [("6.12", "62362", "pump-implant"), ("6.96", "24700007", "spasticity-cause"), ("6.1", "72514-3", "pain-nrs"),
         ("6.88", "1292", "it-baclofen"), ("6.90", "G89.4", "chronic-pain-nonmalignant"),
         ("6.101", "103T00000X", "mental-health-provider"), ("3.221.5", "111", "payer-type")],
    )  # fmt: skip
    def test_system_by_oid(self, value_sets: ValueSets, oid: str, code: str, name: str) -> None:
        """A code system that a chart names by its OID is the same code system."""
        assert value_sets.find(concept(f"urn:oid:2.16.840.1.113883.{oid}", code), name) is not None

    @pytest.mark.parametrize("system", [None, "", "http://example.org/other", CPT])
    def test_code_without_its_system_never_matches(self, value_sets: ValueSets, system: str | None) -> None:
        """A code without a system, or in another one, is nothing to us."""
        assert value_sets.all_hits(concept(system, "E0783")) == ()

    def test_one_coding_is_enough(self, value_sets: ValueSets) -> None:
        """Each coding is tried in its own system, and the hit shows the one that matched."""
        codings = [{"system": "http://example.org/local", "code": "X1"}, {"system": SNOMED, "code": "24700007"}]

        hit = value_sets.find({"coding": codings, "text": "MS"}, "spasticity", "spasticity-cause")

        assert hit is not None
        assert (hit.value_set, hit.coding) == ("spasticity-cause", codings[1])

    def test_coding_alone_is_accepted(self, value_sets: ValueSets) -> None:
        """A Coding serves as well as a CodeableConcept."""
        assert value_sets.find({"system": CPT, "code": "62362"}, "pump-implant") is not None

    def test_alias_of_a_value_set(self, value_sets: ValueSets) -> None:
        """A value set answers to its alias under its own id."""
        hit = value_sets.find(concept(FINDING, "penn-spasm-frequency"), "penn-spasm")

        assert hit is not None
        assert hit.value_set == "penn-spasm-frequency"
        assert "penn-spasm" not in value_sets.ids()

    def test_all_hits_lists_every_value_set(self, value_sets: ValueSets) -> None:
        """A code that serves two purposes is found under both."""
        hits = value_sets.all_hits(concept(CPT, "63685"))

        assert {hit.value_set for hit in hits} == {"scs", "programmable-device"}

    @pytest.mark.parametrize(
        "malformed",
        [None, 7, "62362", [], {}, {"coding": None}, {"coding": "62362"}, {"coding": {"system": CPT}},
         {"coding": [None, 3, "x", []]}, {"coding": [{"system": CPT, "code": 62362}]}, {"coding": [{"system": CPT}]},
         {"coding": [{"system": [CPT], "code": "62362"}]}, {"system": {}, "code": []}, {"text": 3}],
    )  # fmt: skip
    def test_malformed_concepts_match_nothing(self, value_sets: ValueSets, malformed: object) -> None:
        """Wrong types are passed over and never raise."""
        assert value_sets.find(malformed, "pump-implant") is None
        assert value_sets.all_hits(malformed) == ()
        assert value_sets.drugs.identify({"coding": [malformed], "text": malformed}) == frozenset()

    def test_good_coding_beside_bad_ones(self, value_sets: ValueSets) -> None:
        """A malformed coding does not cost its neighbours."""
        codings = [None, {"code": 1}, {"system": CPT, "code": "62362"}]

        assert value_sets.find({"coding": codings}, "pump-implant") is not None
        assert len(codings_of({"coding": codings})) == 2

    def test_unknown_value_set_is_named(self, value_sets: ValueSets) -> None:
        """Asking for a value set that does not exist names it and its neighbours."""
        with pytest.raises(ValueSetError, match=r"no value set 'pump-implants' \(nearest: pump-implant"):
            value_sets.find(concept(CPT, "62362"), "pump-implants")

    def test_codings_for_writing(self, value_sets: ValueSets) -> None:
        """What is written is an exact code with its canonical system, of one system if asked."""
        assert value_sets.codings("modified-ashworth", "finding") == (
            Code(FINDING, "modified-ashworth", "Modified Ashworth grade of a muscle", {"finding": True}),
        )
        assert value_sets.codings("raised-icp", ICD) == ()
        assert value_sets.codings("order-purpose")[0].as_coding() == {
            "system": "https://pumpcheck.example.org/fhir/CodeSystem/order-purpose",
            "code": "intrathecal-trial",
            "display": "intrathecal trial",
        }

    def test_system_uri(self, value_sets: ValueSets) -> None:
        """A code system is found by short key or alias, and an unknown one is named."""
        assert value_sets.system_uri("finding") == FINDING
        assert value_sets.system_uri("urn:oid:2.16.840.1.113883.6.90") == ICD
        assert value_sets.system_key(SNOMED + "/") == "snomed"
        with pytest.raises(ValueSetError, match="no code system 'snomedct'"):
            value_sets.system_uri("snomedct")


class TestSiteAdditions:
    """Local codes from a site's configuration."""

    def test_local_code_joins_a_value_set(self) -> None:
        """A site's flowsheet row is found in the value set it was added to, by alias or id."""
        local = {"system": "urn:oid:1.2.3.4", "code": "FLO-3051", "label": "Spasm frequency"}

        value_sets = ValueSets.load({"penn-spasm": [local]})
        hit = value_sets.find(concept("urn:oid:1.2.3.4", "FLO-3051"), "penn-spasm-frequency")

        assert hit is not None
        assert hit.entry == Code("urn:oid:1.2.3.4", "FLO-3051", "Spasm frequency", {"local": True})
        assert value_sets.find(concept(FINDING, "penn-spasm-frequency"), "penn-spasm-frequency") is not None

    def test_local_code_in_a_known_system(self) -> None:
        """An addition in a known code system is matched under its aliases too."""
        added = {"system": "http://terminology.hl7.org/CodeSystem/icd10CM", "code": "G89.8", "label": "local use"}

        value_sets = ValueSets.load({"chronic-pain-nonmalignant": [added]})

        assert value_sets.find(concept(ICD, "G898"), "chronic-pain-nonmalignant") is not None

    def test_local_drug_code_reaches_its_groups(self) -> None:
        """A local medication code added to an ingredient counts in every group of that ingredient."""
        added = {"system": "http://example.org/pharmacy", "code": "BAC-IT", "label": "baclofen, pump"}

        value_sets = ValueSets.load({"drug-baclofen": [added]})
        medication = concept("http://example.org/pharmacy", "BAC-IT")

        assert value_sets.drugs.identify(medication) == {"baclofen"}
        assert value_sets.find(medication, "it-baclofen") is not None

    def test_additions_leave_the_shipped_sets_alone(self, value_sets: ValueSets) -> None:
        """One load's additions do not leak into another."""
        ValueSets.load({"scs": [{"system": "http://example.org/x", "code": "1", "label": "x"}]})

        assert value_sets.find(concept("http://example.org/x", "1"), "scs") is None

    def test_unknown_id_names_the_nearest(self) -> None:
        """An addition to a value set that does not exist is refused with the ids it may have meant."""
        with pytest.raises(ValueSetError, match=r"value_sets\.modified-asworth: .*modified-ashworth"):
            ValueSets.load({"modified-asworth": []})

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"code": "1", "label": "x"}, r"value_sets\.scs\.add\[0\]\.system: must be a string"),
            ({"system": "http://x", "code": "", "label": "x"}, r"value_sets\.scs\.add\[0\]\.code: must be a string"),
            ({"system": "http://x", "code": 5, "label": "x"}, r"value_sets\.scs\.add\[0\]\.code: must be a string"),
            ({"system": "http://x", "code": "1"}, r"value_sets\.scs\.add\[0\]\.label: must be a string"),
            ({"system": "http://x", "code": "1", "label": "x", "unit": "y"}, r"add\[0\]\.unit: unknown key"),
            ("62362", r"value_sets\.scs\.add\[0\]: must be an entry"),
        ],
    )
    def test_malformed_entry_names_the_key(self, entry: object, message: str) -> None:
        """A malformed addition is refused, naming the key of the configuration."""
        with pytest.raises(ValueSetError, match=message):
            ValueSets.load({"scs": [entry]})

    def test_additions_must_be_a_list(self) -> None:
        """An addition that is no list is refused, naming the key of the configuration."""
        with pytest.raises(ValueSetError, match=r"value_sets\.scs\.add: must be a list"):
            ValueSets.load({"scs": {"system": "http://x"}})


class TestDrugs:
    """Which drug a medication names."""

    @pytest.mark.parametrize(
        ("system", "code", "expected"),
        [
            (RXNORM, "197391", {"baclofen"}),
            (RXNORM, "1292", {"baclofen"}),
            (RXNORM, "1738353", {"ziconotide"}),
            (RXNORM, "856999", {"hydrocodone", "acetaminophen"}),
            (RXNORM, "1233687", {"fentanyl", "ropivacaine"}),
            (HCPCS, "J2274", {"morphine"}),
            (HCPCS, "J2275", {"morphine"}),
            (HCPCS, "J0476", {"baclofen"}),
            (HCPCS, "J7999", set()),
            (SNOMED, "373529000", {"morphine"}),
            (CPT, "J0476", set()),
        ],
    )
    def test_by_code(self, value_sets: ValueSets, system: str, code: str, expected: set[str]) -> None:
        """A drug is known by product, ingredient, billing or substance code, and a product by all it contains."""
        assert value_sets.drugs.identify(concept(system, code)) == expected

    def test_by_display(self, value_sets: ValueSets) -> None:
        """A product code we do not know is named by its RxNorm or NDC display."""
        unknown = concept(RXNORM, "99999999", display="Bupivacaine hydrochloride 7.5 MG/ML Injection")
        package = concept("http://hl7.org/fhir/sid/ndc", "0000-0000-00", display="hydromorphone HCl")

        assert value_sets.drugs.identify(unknown) == {"bupivacaine"}
        assert value_sets.drugs.identify(package) == {"hydromorphone"}

    def test_display_of_other_systems_is_not_read(self, value_sets: ValueSets) -> None:
        """Only medication systems name a drug in their display."""
        assert value_sets.drugs.identify(concept(SNOMED, "1", display="Morphine overdose")) == frozenset()

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Morphine 2 mg/mL", {"morphine"}),
            ("morphine and bupivacaine", {"morphine", "bupivacaine"}),
            ("BACLOFEN10mg tab", {"baclofen"}),
            ("apomorphine 10 mg", set()),
            ("hydromorphone", {"hydromorphone"}),
            ("sufentanil", {"sufentanil"}),
            ("dihydrocodeine", set()),
            ("", set()),
        ],
    )
    def test_by_text(self, value_sets: ValueSets, text: str, expected: set[str]) -> None:
        """A text names a drug as a whole word only, and a mixture by each of its drugs."""
        assert value_sets.drugs.identify({"text": text}) == expected
        assert value_sets.drugs.identify(text) == expected

    def test_text_adds_to_the_code(self, value_sets: ValueSets) -> None:
        """A mixture that is coded as its first drug alone is still seen as a mixture."""
        medication = concept(RXNORM, "7052") | {"text": "morphine 10 mg/mL with clonidine 0.1 mg/mL"}

        assert value_sets.drugs.identify(medication) == {"morphine", "clonidine"}

    def test_groups(self, value_sets: ValueSets) -> None:
        """An ingredient knows its groups, and a group its ingredients."""
        drugs = value_sets.drugs

        assert drugs.group("morphine") == {"it-opioid", "systemic-opioid"}
        assert drugs.group("baclofen") == {"it-baclofen", "oral-antispasmodic"}
        assert drugs.group("cyclobenzaprine") == {"muscle-relaxant-not-antispastic"}
        assert drugs.group("unheard-of") == frozenset()
        assert drugs.ingredients("it-opioid") == {"morphine", "hydromorphone", "fentanyl", "sufentanil"}
        assert "sufentanil" in drugs.names()

    def test_labels_and_approved_routes(self, value_sets: ValueSets) -> None:
        """An ingredient has a name for sentences and knows the uses it is approved for."""
        drugs = value_sets.drugs

        assert drugs.label("ethanol") == "alcohol"
        assert drugs.label("unheard-of") == "unheard-of"
        assert drugs.fda_routes("morphine") == drugs.fda_routes("ziconotide") == {"intrathecal-pain"}
        assert drugs.fda_routes("baclofen") == {"intrathecal-spasticity"}
        assert drugs.fda_routes("hydromorphone") == frozenset()

    @pytest.mark.parametrize(
        ("medication", "form", "systemic"),
        [
            (concept(RXNORM, "197391"), "tablet", True),
            (concept(RXNORM, "197696"), "patch", True),
            (concept(RXNORM, "884221"), "injection", None),
            ({"text": "oxycodone 5 mg tab"}, "tablet", True),
            ({"text": "baclofen injectable 2 mg/mL"}, "injection", None),
            ({"text": "baclofen"}, None, None),
        ],
    )
    def test_forms(
        self, value_sets: ValueSets, medication: dict[str, object], form: str | None, systemic: bool | None
    ) -> None:
        """The dosage form is read from product code or words, and says whether the therapy is systemic."""
        assert value_sets.drugs.form(medication) == form
        assert value_sets.drugs.systemic_form(medication) is systemic

    def test_forms_decide_the_group(self, value_sets: ValueSets) -> None:
        """A tablet is no intrathecal drug, and an injection no antispasmodic by mouth."""
        tablet, injection = concept(RXNORM, "197391"), concept(RXNORM, "308517")

        assert value_sets.drugs.identify(injection) == {"baclofen"}
        assert value_sets.find(tablet, "it-baclofen") is None
        assert value_sets.find(injection, "it-baclofen") is not None
        assert value_sets.find(tablet, "oral-antispasmodic") is not None
        assert value_sets.find(injection, "oral-antispasmodic") is None

    def test_billing_codes_agree_with_the_drug_table(self, value_sets: ValueSets) -> None:
        """A billing code names the same ingredient in every set that holds it."""
        hits = [
            (entry.code, hit.attributes["ingredient"], entry.attributes["ingredient"])
            for name in ("it-drug-hcpcs", "it-trial-proof")
            for entry in value_sets.entries(name)
            if "ingredient" in entry.attributes
            for hit in value_sets.all_hits(concept(HCPCS, entry.code))
        ]

        assert len(hits) > 40
        assert all(stated == found for _, stated, found in hits)


class TestWrongFiles:
    """Files that stop the start."""

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ("{system: cpt, code: '1', label: x}", r"sets\.yaml, line 5: verified is missing"),
            ("{system: cpt, code: '1', verified: X}", r"sets\.yaml, line 5: label is missing"),
            ("{system: ctp, code: '1', label: x, verified: X}", r"line 5: unknown system 'ctp' \(nearest: cpt\)"),
            ("{system: cpt, code: 1, label: x, verified: X}", r"line 5: code is missing or is not a \(quoted\) string"),
            ("{system: cpt, label: x, verified: X}", r"line 5: exactly one of code, prefix, from"),
            ("{system: cpt, code: '1', prefix: '1', label: x, verified: X}", r"line 5: exactly one of"),
            ("{system: cpt, from: '1', label: x, verified: X}", r"line 5: to is missing"),
            ("{system: cpt, code: '1', lable: x, verified: X}", r"line 5: unknown key 'lable' \(nearest: label\)"),
            (
                "{system: cpt, code: '1', code: '2', label: x, verified: X}",
                r"sets\.yaml, line 5: key 'code' stands twice",
            ),
            ("{system: cpt, code: '1', label: x, verified: X, confidence: X}", r"line 5: confidence is one of"),
            ("{system: cpt, code: '1', label: x, verified: X, with: [a]}", r"line 5: with must be a mapping"),
            ("{system: cpt, code: '1', label: x, verified: X, seventh: A}", r"line 5: seventh must be a list"),
        ],
    )
    def test_wrong_entry(self, tmp_path: Path, entry: str, message: str) -> None:
        """A wrong entry stops the load with file, line and what is wrong."""
        text = f"value_sets:\n  - id: a\n    title: A\n    codes:\n      - {entry}\n"

        with pytest.raises(ValueSetError, match=message):
            ValueSets.load(directory=written(tmp_path, sets=text))

    def test_duplicate_code(self, tmp_path: Path) -> None:
        """A code that stands twice in one value set stops the load."""
        entry = "{system: cpt, code: '1', label: x, verified: X}"
        text = f"value_sets:\n  - id: a\n    title: A\n    codes:\n      - {entry}\n      - {entry}\n"

        with pytest.raises(ValueSetError, match=r"sets\.yaml, line 6: 1 of cpt stands twice in value set 'a'"):
            ValueSets.load(directory=written(tmp_path, sets=text))

    def test_duplicate_id(self, tmp_path: Path) -> None:
        """A value set that is stated twice stops the load, in whatever files it stands."""
        text = "value_sets:\n  - {id: a, title: A, codes: []}\n"

        with pytest.raises(ValueSetError, match=r"two\.yaml, line 2: value set 'a' is stated twice"):
            ValueSets.load(directory=written(tmp_path, one=text, two=text))

    def test_unknown_section(self, tmp_path: Path) -> None:
        """A file with a section that nobody reads stops the load."""
        with pytest.raises(ValueSetError, match=r"sets\.yaml, line 1: unknown key 'valuesets' \(nearest: value_sets\)"):
            ValueSets.load(directory=written(tmp_path, sets="valuesets: []\n"))

    def test_unreadable_yaml(self, tmp_path: Path) -> None:
        """A file that is no YAML is named."""
        with pytest.raises(ValueSetError, match=r"sets\.yaml: not readable as YAML"):
            ValueSets.load(directory=written(tmp_path, sets="value_sets: [\n"))

    def test_drug_in_an_unknown_group(self, tmp_path: Path) -> None:
        """A drug whose group does not exist stops the load."""
        text = "groups:\n  g: {title: G}\ndrugs:\n  d: {name: d, groups: [h], verified: X}\n"

        with pytest.raises(ValueSetError, match=r"drugs\.yaml, line 4: drug group 'h' does not exist"):
            ValueSets.load(directory=written(tmp_path, drugs=text))

    def test_unknown_ingredient(self, tmp_path: Path) -> None:
        """An entry that names an ingredient outside the drug table stops the load."""
        entry = "{system: cpt, code: '1', label: x, verified: X, with: {ingredient: morphin}}"
        text = f"value_sets:\n  - id: a\n    title: A\n    codes:\n      - {entry}\n"

        with pytest.raises(ValueSetError, match=r"value set 'a', 1: no drug 'morphin'"):
            ValueSets.load(directory=written(tmp_path, sets=text))
