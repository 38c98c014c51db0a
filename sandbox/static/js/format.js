// FHIR data types in words.

const DAY = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeZone: "UTC" });
const MOMENT = new Intl.DateTimeFormat("en-US", {
  dateStyle: "medium",
  timeStyle: "short",
  hourCycle: "h23",
  timeZone: "UTC",
});
const CLOCK = new Intl.DateTimeFormat("en-US", { timeStyle: "short", hourCycle: "h23", timeZone: "UTC" });

/** Returns a FHIR date or dateTime in words; times are those of UTC, as the charts are written. */
export function when(text) {
  if (!text) return "";
  if (/^\d{4}(-\d{2})?$/.test(text)) return text;
  return (text.includes("T") ? MOMENT : DAY).format(new Date(text));
}

/** Returns the clock time of an instant in milliseconds. */
export function clock(milliseconds) {
  return CLOCK.format(milliseconds);
}

/** Returns the day of an instant in milliseconds. */
export function day(milliseconds) {
  return DAY.format(milliseconds);
}

/** Returns a FHIR Period in words. */
export function period(value) {
  if (!value) return "";
  const [start, end] = [when(value.start), when(value.end)];
  if (start && end) return start === end ? start : `${start} – ${end}`;
  return start ? `since ${start}` : `until ${end}`;
}

/** Returns the date or period of a choice element, such as effective[x] or performed[x]. */
export function whenOf(resource, element) {
  return when(resource[`${element}DateTime`]) || period(resource[`${element}Period`]);
}

/** Returns the text of a CodeableConcept. */
export function words(concept) {
  return concept?.text ?? concept?.coding?.[0]?.display ?? concept?.coding?.[0]?.code ?? "";
}

const SYSTEMS = [
  [/\/cpt$/, "CPT"],
  [/HCPCSReleaseCodeSets$/, "HCPCS"],
  [/icd-10-cm$/, "ICD-10-CM"],
  [/loinc\.org$/, "LOINC"],
  [/rxnorm$/, "RxNorm"],
  [/snomed\.info\/sct$/, "SNOMED CT"],
];

/** Returns each coding of a CodeableConcept with the short name of its system. */
export function codes(concept) {
  return (concept?.coding ?? [])
    .map(({ system, code }) => `${SYSTEMS.find(([pattern]) => pattern.test(system))?.[1] ?? ""} ${code}`.trim())
    .join(", ");
}

/** Returns an Observation's value in words. */
export function observed(observation) {
  if (observation.valueBoolean !== undefined) return observation.valueBoolean ? "Yes" : "No";
  if (observation.valueQuantity) return quantity(observation.valueQuantity);
  if (observation.valueInteger !== undefined) return String(observation.valueInteger);
  return words(observation.valueCodeableConcept).replace(/^grade /, "") || observation.valueString || "";
}

/** Returns a Quantity in words. */
export function quantity({ value, unit }) {
  return unit && unit !== "score" ? `${value} ${unit}` : String(value);
}

/** Returns whole years from a birth date to a day, both as FHIR dates. */
export function age(birthDate, today) {
  const years = Number(today.slice(0, 4)) - Number(birthDate.slice(0, 4));
  return today.slice(5) < birthDate.slice(5) ? years - 1 : years;
}
