// The sandbox EHR's page: ties patients, chart, orders and advice together.

import { cardView, rank, systemActionsView } from "./cards.js";
import { discover, draftBundle, exchange, orderSignRequest, prefetched, sendFeedback, trouble, uuid } from "./cds.js";
import { chartView, coverageSwitch, readChart } from "./chart.js";
import { developerView } from "./developer.js";
import { announce, button, h } from "./dom.js";
import { deleteEntry, FhirClient, postEntry, putEntry, referenceTo } from "./fhir.js";
import { draftList, orderForm } from "./orders.js";
import { patientList } from "./patients.js";

const THEME_KEY = "sandbox-theme";
const PATIENT_HASH = /^#patient=(.+)$/;
const ORDER_TYPES = ["ServiceRequest", "DeviceRequest", "MedicationRequest"];
const place = (id) => document.getElementById(id);

const config = await (await fetch("page-config.json")).json();
const fhir = new FhirClient(new URL("fhir", document.baseURI).href, config.fhirServer, config.accessToken);
const state = {
  patient: null,
  chart: null,
  form: null,
  drafts: [],
  draftsAreStale: true,
  services: [],
  chosenServices: new Set(),
  records: [],
};

const patients = patientList(config.patients, choosePatient);
place("patients").append(patients.element);
startTheme();
place("reset-button").addEventListener("click", reset);
place("developer-button").addEventListener("click", () => toggle("developer-button", "developer"));
place("patients-button").addEventListener("click", () => toggle("patients-button", "patients", "open"));
for (const link of document.querySelectorAll(".jump a, .skip-link")) link.addEventListener("click", jump);
addEventListener("hashchange", openFromAddress);
showDeveloper();
const discovery = findServices();
await openFromAddress();
await discovery;

// Patients and charts

async function openFromAddress() {
  const id = decodeURIComponent(PATIENT_HASH.exec(location.hash)?.[1] ?? "");
  const patient = config.patients.find((each) => each.id === id) ?? null;
  patients.choose(patient?.id);
  place("patients").classList.toggle("open", !patient);
  place("patients-button").setAttribute("aria-expanded", String(!patient));
  document.querySelector(".jump").hidden = !patient;
  state.patient = patient;
  state.drafts = [];
  state.draftsAreStale = true;
  if (!patient) return showWelcome();
  document.title = `${patient.name} – Sandbox EHR`;
  await showPatient();
}

function choosePatient(id) {
  location.hash = `patient=${encodeURIComponent(id)}`;
}

function showWelcome() {
  place("chart").replaceChildren(
    h(
      "div",
      { class: "welcome" },
      h("h1", {}, "Sandbox EHR"),
      h("p", {}, "Made-up patients, genuine CDS Hooks calls. Nothing here is about a real person."),
      h(
        "ol",
        {},
        h("li", {}, "Choose a patient; each one tells a story about a payer's policy."),
        h("li", {}, "Look at the chart, and switch the payer if you like."),
        h("li", {}, "Press Sign. This page then asks the service, and draws what it says."),
      ),
    ),
  );
  place("orders").replaceChildren();
}

async function showPatient() {
  await discardLeftDrafts(state.patient.id);
  await showChart();
  const advice = h("section", { id: "advice", "aria-labelledby": "advice-title" }, h("h2", { id: "advice-title", tabindex: "-1" }, "Advice"), h("div", { id: "advice-body" }));
  state.form = orderForm({
    config,
    chart: state.chart,
    suggestions: state.patient.orders,
    onChange: () => {
      state.draftsAreStale = true;
    },
    onSign: sign,
  });
  place("orders").replaceChildren(
    h("section", { class: "panel", "aria-labelledby": "orders-title" }, h("h2", { id: "orders-title" }, "Orders"), state.form.element),
    advice,
  );
  showAdvice(h("p", { class: "empty" }, "Sign an order to hear what the service says."));
  place("chart").focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

// Who leaves a patient without signing leaves the drafts behind: the next visit begins without them.
async function discardLeftDrafts(patientId) {
  const searches = ORDER_TYPES.map((type) => fhir.all(`${type}?patient=${patientId}&status=draft`));
  const left = (await Promise.all(searches)).flat();
  if (left.length) await fhir.transaction(left.map((draft) => deleteEntry(referenceTo(draft))));
}

async function showChart() {
  const { patient } = state;
  try {
    state.chart = await readChart(fhir, patient.id);
  } catch (error) {
    place("chart").replaceChildren(notice("The chart cannot be read", error.message, "Load the page anew."));
    throw error;
  }
  if (state.patient !== patient) return;
  place("chart").replaceChildren(chartView(state.chart, { story: patient.story, config, onSwitchPayer: switchPayer }));
}

async function switchPayer(payer) {
  await fhir.transaction([coverageSwitch(state.chart.Coverage, payer)]);
  state.draftsAreStale = true;
  await showChart();
  showAdvice(h("p", { class: "empty" }, `The primary payer is ${payer.label} now. Sign to hear what its policy asks.`));
  announce(`Primary payer: ${payer.label}`);
}

async function reset() {
  await asked("reset", {});
  announce("All charts are as they were.");
  await openFromAddress();
}

// Orders and the call to the service

async function sign() {
  showAdvice(h("p", { class: "busy", role: "status" }, "Asking the service…"));
  try {
    if (state.draftsAreStale) await writeDrafts();
  } catch (error) {
    showAdvice(notice("The orders could not be written", error.message, "Change the order and sign again."));
    return;
  }
  if (!calledServices().length) await findServices();
  const results = [];
  for (const service of calledServices()) results.push({ service, record: await call(service) });
  await showResults(results);
}

function calledServices() {
  return state.services.filter((service) => state.chosenServices.has(service.id));
}

async function writeDrafts() {
  const { orders } = await asked("drafts", { patient: state.patient.id, ...state.form.values() });
  const old = state.drafts.filter((draft) => draft.status === "draft").map((draft) => deleteEntry(referenceTo(draft)));
  const stored = await fhir.transaction([...old, ...orders.map(putEntry)]);
  state.drafts = stored.filter(Boolean);
  state.draftsAreStale = false;
}

async function call(service) {
  const context = {
    userId: config.user.reference,
    patientId: state.patient.id,
    encounterId: `${state.patient.id}-encounter-1`,
    draftOrders: draftBundle(state.drafts, config.fhirServer),
  };
  const [{ prefetch, queries }, fhirAuthorization] = await Promise.all([
    prefetched(service.prefetch, context, fhir),
    asked("token", { patient: state.patient.id }),
  ]);
  const body = orderSignRequest({ context, prefetch, fhirServer: config.fhirServer, fhirAuthorization });
  const url = `${config.serviceUrl}/cds-services/${encodeURIComponent(service.id)}`;
  const record = await exchange("order-sign", "POST", url, { body });
  keep({ ...record, queries });
  return record;
}

async function showResults(results) {
  const troubleOf = ({ record }) => trouble(record, config.serviceUrl, config.fhirServer);
  const failures = results.length ? results.map(troubleOf).filter(Boolean) : [discoveryTrouble()];
  const good = results.filter((result) => !troubleOf(result));
  const cards = good
    .flatMap(({ service, record }) => record.body.cards.map((card) => ({ service, card })))
    .sort((a, b) => rank(a.card) - rank(b.card));
  const actions = good.flatMap(({ record }) => record.body.systemActions ?? []);
  const isSilent = !cards.length && !failures.length;
  showAdvice(
    ...failures.map(({ title, what, todo }) => notice(title, what, todo)),
    ...cards.map(({ service, card }) =>
      cardView(card, {
        onAccept: (suggestion) => accept(service, card, suggestion),
        onDismiss: (override) => dismiss(service, card, override),
      }),
    ),
    ...(actions.length ? [systemActionsView(actions, applyAll)] : []),
    ...(isSilent ? [h("p", { class: "nothing-to-say" }, "No cards: the service has nothing to say about these orders.")] : []),
    signingView(!isSilent),
  );
  await showChart();
  place("advice-title").focus({ preventScroll: true });
  place("advice").scrollIntoView({ block: "start" });
  announce(failures[0]?.title ?? (isSilent ? "No cards" : `Cards: ${cards.length}`));
}

function signingView(needsSecondThought) {
  const finish = button(needsSecondThought ? "Sign as they are" : "Finish signing", async () => {
    state.drafts = await fhir.transaction(state.drafts.map((draft) => putEntry({ ...draft, status: "active" })));
    state.draftsAreStale = true;
    await showChart();
    showAdvice(h("p", { class: "signed" }, `Signed: ${state.drafts.length === 1 ? "one order" : `${state.drafts.length} orders`}.`), draftList(state.drafts));
    state.drafts = [];
    announce("The orders are signed.");
  }, { id: "finish" });
  const again = button("Sign again", sign, { id: "sign-again", class: "quiet" });
  return h("div", { class: "signing" }, h("h3", {}, "Drafts"), draftList(state.drafts), h("div", { class: "button-row" }, finish, again));
}

// Suggestions

async function accept(service, card, suggestion) {
  try {
    await applyAll(suggestion.actions ?? []);
  } catch (error) {
    announce(`The suggestion could not be applied: ${error.message}`);
    place("advice-body").prepend(notice("The suggestion could not be applied", error.message, "The drafts are as they were."));
    return false;
  }
  announce("The suggestion is applied. Sign again to hear what the service says now.");
  if (card.uuid && suggestion.uuid) {
    tell(service, { card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
  }
  return true;
}

// All actions of a suggestion happen, or none: one transaction, in which FHIR's own order holds.
async function applyAll(actions) {
  const entries = actions.map(actionEntry);
  const stored = (await fhir.transaction(entries)).filter(Boolean);
  const deleted = new Set(actions.filter(({ type }) => type === "delete").map(deletedReference));
  const changed = new Map(stored.map((resource) => [referenceTo(resource), resource]));
  const kept = state.drafts
    .filter((draft) => !deleted.has(referenceTo(draft)))
    .map((draft) => changed.get(referenceTo(draft)) ?? draft);
  const known = new Set(kept.map(referenceTo));
  const fresh = stored.filter(
    (resource) => ORDER_TYPES.includes(resource.resourceType) && resource.status === "draft" && !known.has(referenceTo(resource)),
  );
  state.drafts = [...kept, ...fresh];
  await showChart();
  place("advice-body").querySelector(".signing")?.replaceWith(signingView(true));
}

function actionEntry(action) {
  if (action.type === "delete") return deleteEntry(deletedReference(action));
  if (action.type === "update") return putEntry(action.resource);
  const { id, ...resource } = action.resource;
  return postEntry(resource, id ? `${config.fhirServer}/${resource.resourceType}/${id}` : `urn:uuid:${uuid()}`);
}

function deletedReference({ resourceId, resource }) {
  return resourceId ?? (typeof resource === "string" ? resource : referenceTo(resource));
}

function dismiss(service, card, override) {
  if (!card.uuid) return;
  const reason = Object.keys(override).length ? { overrideReason: override } : {};
  tell(service, { card: card.uuid, outcome: "overridden", ...reason });
}

// A lost feedback is the service's loss: the clinician is not bothered, the developer pane shows it.
async function tell(service, feedback) {
  keep(await sendFeedback(config.serviceUrl, service.id, feedback));
}

// The service and the developer pane

async function findServices() {
  const record = await discover(config.serviceUrl);
  state.services = record.services;
  if (!state.chosenServices.size && record.services.length) state.chosenServices.add(record.services[0].id);
  state.discovery = record;
  keep(record);
  const status = place("service-status");
  status.dataset.state = record.services.length ? "up" : "down";
  status.textContent = record.services.length ? "Service answers" : "Service does not answer";
  status.title = config.serviceUrl;
}

function discoveryTrouble() {
  return (
    trouble(state.discovery, config.serviceUrl, config.fhirServer) ?? {
      title: "The service offers nothing for signing",
      what: `Discovery at ${config.serviceUrl} names no service for the hook order-sign.`,
      todo: "Look at the answer in the developer pane.",
    }
  );
}

function keep(record) {
  state.records = [...state.records.slice(-19), record];
  showDeveloper();
}

function showDeveloper() {
  place("developer").replaceChildren(
    developerView(state.records, {
      services: state.services,
      isChosen: (service) => state.chosenServices.has(service.id),
      onToggleService: ({ id }) => state.chosenServices.delete(id) || state.chosenServices.add(id),
      onClear: () => {
        state.records = [];
        showDeveloper();
      },
    }),
  );
}

// Helpers of the page

async function asked(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { Authorization: `Bearer ${config.accessToken}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.issue?.[0].diagnostics ?? response.statusText);
  return answer;
}

function showAdvice(...content) {
  place("advice-body").replaceChildren(...content);
}

function notice(title, what, todo) {
  return h("div", { class: "notice", role: "alert" }, h("h3", {}, title), h("p", {}, what), h("p", {}, todo));
}

function toggle(buttonId, targetId, openClass = null) {
  const target = place(targetId);
  const isOpen = openClass ? target.classList.toggle(openClass) : target.toggleAttribute("hidden") === false;
  place(buttonId).setAttribute("aria-expanded", String(isOpen));
  if (isOpen) target.scrollIntoView({ block: "nearest" });
}

function jump(event) {
  event.preventDefault();
  const target = place(event.currentTarget.hash.slice(1));
  target.setAttribute("tabindex", "-1");
  target.focus({ preventScroll: true });
  target.scrollIntoView({ block: "start" });
}

function startTheme() {
  const choice = place("theme");
  const apply = () => {
    if (choice.value) document.documentElement.dataset.theme = choice.value;
    else delete document.documentElement.dataset.theme;
  };
  choice.value = localStorage.getItem(THEME_KEY) ?? "";
  choice.addEventListener("change", () => {
    localStorage.setItem(THEME_KEY, choice.value);
    apply();
  });
  apply();
}
