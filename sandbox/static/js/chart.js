// One patient's chart: what the EHR's FHIR server holds, in tables.

import { button, field, h, select, uniqueId } from "./dom.js";
import { putEntry, referenceTo } from "./fhir.js";
import { age, codes, observed, period, when, whenOf, words } from "./format.js";
import { painPlot } from "./plot.js";

const SEARCHES = [
  "AllergyIntolerance",
  "Condition",
  "Coverage",
  "Device",
  "DeviceRequest",
  "DocumentReference",
  "MedicationAdministration",
  "MedicationRequest",
  "Observation",
  "Procedure",
  "QuestionnaireResponse",
  "ServiceRequest",
  "Task",
];
const ORDER_TYPES = ["ServiceRequest", "DeviceRequest", "MedicationRequest"];

/** Reads a patient's whole chart; returns the resources by type. */
export async function readChart(fhir, patientId) {
  const [patient, ...lists] = await Promise.all([
    fhir.get(`Patient/${patientId}`),
    ...SEARCHES.map((type) => fhir.all(`${type}?patient=${patientId}&_count=500`)),
  ]);
  return { Patient: patient, ...Object.fromEntries(SEARCHES.map((type, index) => [type, lists[index]])) };
}

/** Returns the chart as a document fragment. */
export function chartView(chart, { story, config, onSwitchPayer }) {
  const { pain, spasms, tone, statements, outcomes, measures } = sortedObservations(chart.Observation, config.terms);
  const trials = chart.Procedure.filter((procedure) => isTrial(procedure, config.terms));
  const orders = ORDER_TYPES.flatMap((type) => chart[type]).filter(isOrderOfToday);
  const taken = chart.MedicationRequest.filter((request) => !isOrderOfToday(request));
  return h(
    "div",
    { class: "chart" },
    banner(chart, config.today),
    h("p", { class: "story" }, h("strong", {}, "This patient: "), story),
    orders.length > 0 && ordersSection(orders),
    coverageSection(chart.Coverage, config, onSwitchPayer),
    section("Problems", problemsTable(chart.Condition)),
    pain.length > 0 && section("Pain scores", painPlot(pain.map(asPoint), trials.map(asSpan)), painTable(pain)),
    (tone.length > 0 || spasms.length > 0) && section("Tone and spasms", toneTable(tone, spasms)),
    measures.length > 0 && section("Other scores", scoresTable(measures)),
    statements.length + outcomes.length > 0 && section("Findings", findingsTable(statements, outcomes)),
    section("Medications", medicationsTable(taken, chart.MedicationAdministration)),
    section("Procedures and visits", proceduresTable(chart.Procedure, trials)),
    chart.Device.length > 0 && section("Devices", devicesTable(chart.Device)),
    chart.DocumentReference.length > 0 && section("Documents", documentsTable(chart.DocumentReference)),
    chart.QuestionnaireResponse.length > 0 && section("Forms", formsTable(chart.QuestionnaireResponse)),
    chart.Task.length > 0 && section("Tasks", tasksTable(chart.Task)),
  );
}

/** Returns the entry of a transaction that puts the primary coverage with another payer. */
export function coverageSwitch(coverages, payer) {
  const primary = byOrder(coverages)[0];
  return putEntry({ ...primary, ...payer.coverage });
}

/** Returns what an order or suggestion may give as its reason, as [reference, text]. */
export function reasons(chart) {
  const problems = chart.Condition.map((condition) => [referenceTo(condition), words(condition.code)]);
  const findings = chart.Observation.filter(({ focus }) => focus?.[0].reference?.startsWith("Device/")).map(
    (observation) => [referenceTo(observation), `${words(observation.code)}: ${observed(observation)}`],
  );
  return [...problems, ...findings];
}

function banner(chart, today) {
  const { name, birthDate, gender, identifier } = chart.Patient;
  const allergies = chart.AllergyIntolerance.map(({ code }) => words(code)).join(", ") || "Not recorded";
  const payers = byOrder(chart.Coverage).map(payerName).join(", then ") || "None on record";
  const facts = [
    ["Born", `${when(birthDate)} (${age(birthDate, today)} years)`],
    ["Sex", gender],
    ["Record", identifier?.[0].value],
    ["Allergies", allergies],
    ["Payer", payers],
  ];
  return h(
    "header",
    { class: "banner" },
    h("h1", {}, name[0].text),
    h("dl", {}, facts.map(([term, text]) => h("div", {}, h("dt", {}, term), h("dd", {}, text)))),
  );
}

function coverageSection(coverages, config, onSwitchPayer) {
  const rows = byOrder(coverages).map((coverage) => [
    payerName(coverage),
    coverage.class?.[0]?.name ?? "",
    words(coverage.type),
    period(coverage.period),
  ]);
  const current = byOrder(coverages)[0]?.payor?.[0].reference;
  const choice = select(
    config.payers.map(({ id, label }) => [id, label]),
    config.payers.find(({ coverage }) => coverage.payor[0].reference === current)?.id,
  );
  return section(
    "Coverage",
    table("Coverage", ["Payer", "Plan", "Type", "In force"], rows),
    coverages.length > 0 &&
      h(
        "div",
        { class: "row-form" },
        field("Primary payer", choice),
        button("Switch payer", () => onSwitchPayer(config.payers.find(({ id }) => id === choice.value)), {
          id: "switch-payer",
        }),
      ),
  );
}

function ordersSection(orders) {
  const rows = orders.map((order) => [
    words(orderConcept(order)),
    codes(orderConcept(order)),
    when(order.occurrenceDateTime ?? order.dosageInstruction?.[0]?.timing?.repeat?.boundsPeriod?.start),
    badge(order.status),
  ]);
  return section("Orders of this visit", table("Orders of this visit", ["Order", "Code", "For", "Status"], rows));
}

/** Returns the CodeableConcept of what is ordered. */
export function orderConcept(order) {
  return order.code ?? order.codeCodeableConcept ?? order.medicationCodeableConcept;
}

function problemsTable(conditions) {
  const rows = conditions.map((condition) => [
    words(condition.code),
    codes(condition.code),
    when(condition.onsetDateTime),
    [words(condition.clinicalStatus), words(condition.verificationStatus)].filter(Boolean).join(", "),
  ]);
  return table("Problems", ["Problem", "Code", "Since", "Status"], rows);
}

function painTable(pain) {
  const rows = [...pain].reverse().map((observation) => [whenOf(observation, "effective"), observed(observation)]);
  return folded(`All ${pain.length} scores`, table("Pain scores", ["When", "Score (0–10)"], rows));
}

function toneTable(tone, spasms) {
  const sessions = new Map();
  for (const observation of [...tone, ...spasms]) {
    const at = observation.effectiveDateTime;
    sessions.set(at, [...(sessions.get(at) ?? []), observation]);
  }
  const rows = [...sessions.entries()]
    .sort(([a], [b]) => b.localeCompare(a))
    .flatMap(([at, observations]) => {
      const grades = observations.filter(({ valueCodeableConcept }) => valueCodeableConcept);
      const counts = observations.filter((observation) => !grades.includes(observation));
      const scale = grades.length ? words(grades[0].code) : "";
      const text = grades.map((each) => `${words(each.bodySite)} ${observed(each)}`).join(", ");
      return [[when(at), scale, text, counts.map(observed).join(", ")]];
    });
  return table("Tone and spasms", ["When", "Scale", "Grades", "Penn spasms (0–4)"], rows);
}

function scoresTable(measures) {
  const rows = measures.map((each) => [words(each.code), observed(each), whenOf(each, "effective")]);
  return table("Other scores", ["Score", "Value", "When"], rows);
}

function findingsTable(statements, outcomes) {
  const rows = [...statements, ...outcomes]
    .sort((a, b) => ended(b).localeCompare(ended(a)))
    .map((observation) => [
      [words(observation.code), ...(observation.note ?? []).map(({ text }) => h("small", {}, text))],
      observed(observation),
      whenOf(observation, "effective"),
      observation.performer?.[0]?.display ?? "",
    ]);
  return table("Findings", ["Finding", "Answer", "When", "By"], rows);
}

function medicationsTable(requests, administrations) {
  const asked = requests.map((request) => {
    const dosage = request.dosageInstruction?.[0] ?? {};
    const bounds = dosage.timing?.repeat?.boundsPeriod;
    return [
      words(request.medicationCodeableConcept),
      dosage.text ?? "",
      period(bounds) || when(request.authoredOn),
      [request.status, words(request.statusReason)].filter(Boolean).join(": "),
    ];
  });
  const given = administrations.map((each) => [
    words(each.medicationCodeableConcept),
    [each.dosage?.text, words(each.dosage?.route)].filter(Boolean).join(", "),
    whenOf(each, "effective"),
    "given once",
  ]);
  return table("Medications", ["Medication", "How", "When", "Status"], [...asked, ...given]);
}

function proceduresTable(procedures, trials) {
  const groups = new Map();
  for (const procedure of [...procedures].sort((a, b) => performed(b).localeCompare(performed(a)))) {
    const repeats = procedure.performedDateTime && !trials.includes(procedure);
    const key = repeats ? `${words(procedure.code)}|${procedure.status}` : procedure.id;
    groups.set(key, [...(groups.get(key) ?? []), procedure]);
  }
  const rows = [...groups.values()].map((group) => {
    const [latest] = group;
    const span =
      group.length === 1
        ? whenOf(latest, "performed")
        : `${group.length} visits, ${period({ start: performed(group.at(-1)).slice(0, 10), end: performed(latest).slice(0, 10) })}`;
    return [
      [words(latest.code), ...(trials.includes(latest) ? [" ", badge("trial")] : [])],
      codes(latest.code),
      span,
      latest.usedCode?.map(words).join(", ") ?? "",
      latest.status,
    ];
  });
  return table("Procedures and visits", ["Procedure", "Code", "When", "Used", "Status"], rows);
}

function devicesTable(devices) {
  const rows = devices.map((device) => [
    device.deviceName?.[0]?.name ?? words(device.type),
    codes(device.type),
    device.serialNumber ?? "",
    device.status,
  ]);
  return table("Devices", ["Device", "Code", "Serial number", "Status"], rows);
}

function documentsTable(documents) {
  const rows = documents.map((each) => [
    each.content[0].attachment.title ?? words(each.type),
    codes(each.type),
    when(each.date),
    each.docStatus ?? each.status,
  ]);
  return table("Documents", ["Document", "Type", "When", "Status"], rows);
}

function formsTable(forms) {
  const rows = forms.flatMap((form) =>
    answers(form.item).map(([question, answer]) => [
      question,
      answer,
      when(form.authored),
      form.author?.display ?? "",
      form.status,
    ]),
  );
  return table("Forms", ["Question", "Answer", "When", "By", "Status"], rows);
}

function answers(items = []) {
  return items.flatMap((item) => [
    ...(item.answer ?? []).map((answer) => [item.text ?? item.linkId, observed(answer)]),
    ...answers(item.item),
  ]);
}

function tasksTable(tasks) {
  const rows = tasks.map((task) => [task.description ?? words(task.code), when(task.authoredOn), task.status]);
  return table("Tasks", ["Task", "Since", "Status"], rows);
}

function sortedObservations(observations, terms) {
  const bears = (observation, wanted) =>
    observation.code.coding?.some(({ system, code }) => system === wanted.system && code === wanted.code);
  const sorted = { pain: [], spasms: [], tone: [], statements: [], outcomes: [], measures: [] };
  for (const observation of [...observations].sort((a, b) => ended(a).localeCompare(ended(b)))) {
    if (bears(observation, terms.pain)) sorted.pain.push(observation);
    else if (bears(observation, terms.spasms)) sorted.spasms.push(observation);
    else if (terms.tone.some((each) => bears(observation, each))) sorted.tone.push(observation);
    else if (observation.valueBoolean !== undefined) sorted.statements.push(observation);
    else if (observation.valueCodeableConcept) sorted.outcomes.push(observation);
    else sorted.measures.push(observation);
  }
  return sorted;
}

function isTrial(procedure, terms) {
  return (
    procedure.status === "completed" &&
    procedure.category?.coding?.some(({ system, code }) => system === terms.trial.system && code === terms.trial.code)
  );
}

// What was ordered in this sandbox and not taken from the chart's past bears an encounter.
function isOrderOfToday(order) {
  return ORDER_TYPES.includes(order.resourceType) && (order.encounter !== undefined || order.status === "draft");
}

function asPoint(observation) {
  return { time: Date.parse(observation.effectiveDateTime), value: Number(observed(observation)) };
}

function asSpan(procedure) {
  const start = performed(procedure);
  return { start: Date.parse(start), end: Date.parse(procedure.performedPeriod?.end ?? start) };
}

function performed(procedure) {
  return procedure.performedPeriod?.start ?? procedure.performedDateTime ?? "";
}

function ended(observation) {
  return observation.effectivePeriod?.end ?? observation.effectiveDateTime ?? "";
}

function byOrder(coverages) {
  return [...coverages].sort((a, b) => (a.order ?? 1) - (b.order ?? 1));
}

function payerName(coverage) {
  return coverage.payor?.[0]?.display ?? coverage.payor?.[0]?.reference ?? "";
}

function badge(text) {
  return h("span", { class: `badge badge-${text}` }, text);
}

function section(title, ...content) {
  const id = uniqueId("section");
  return h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), content);
}

function folded(summary, content) {
  return h("details", {}, h("summary", {}, summary), content);
}

function table(caption, headings, rows) {
  if (!rows.length) return h("p", { class: "empty" }, "None on record.");
  return h(
    "table",
    {},
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, headings.map((heading) => h("th", { scope: "col" }, heading)))),
    h(
      "tbody",
      {},
      rows.map((row) =>
        h(
          "tr",
          {},
          row.map((cell, index) =>
            index === 0
              ? h("th", { scope: "row" }, cell)
              : h("td", { "data-heading": headings[index], class: isEmpty(cell) ? "nothing" : null }, cell),
          ),
        ),
      ),
    ),
  );
}

function isEmpty(cell) {
  return cell === "" || cell === undefined;
}
