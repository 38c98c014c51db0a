// The list of patients, with search.

import { button, field, h, select } from "./dom.js";

/**
 * Returns the list: `element` is to be shown, `choose(id)` marks a patient as the open one.
 * `onChoose` gets the id of the patient that was pressed.
 */
export function patientList(patients, onChoose) {
  const entries = new Map(patients.map((patient) => [patient.id, entry(patient, onChoose)]));
  const search = h("input", { type: "search", autocomplete: "off", placeholder: "Name, payer or story" });
  const payers = [...new Set(patients.map(({ payer }) => payer))];
  const payer = select([["", "All payers"], ...payers.map((name) => [name, name])]);
  const count = h("p", { class: "hint", role: "status" });
  const list = h("ul", { class: "patient-list" });

  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = patients.filter(
      (patient) =>
        (!payer.value || patient.payer === payer.value) &&
        words.every((word) => `${patient.name} ${patient.payer} ${patient.kind} ${patient.story}`.toLowerCase().includes(word)),
    );
    count.textContent = `${found.length} of ${patients.length} patients`;
    list.replaceChildren(...found.map((patient) => h("li", {}, entries.get(patient.id))));
  };
  search.addEventListener("input", show);
  payer.addEventListener("change", show);
  show();
  const choose = (id) => {
    for (const [each, element] of entries) {
      if (each === id) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
    }
  };
  const element = h(
    "div",
    { class: "patients" },
    h("h2", {}, "Patients"),
    h("p", { class: "hint" }, "The label beside the payer is the answer to expect."),
    h("div", { class: "filters", role: "search", "aria-label": "Find a patient" }, field("Search", search), field("Payer", payer)),
    count,
    list,
  );
  return { element, choose };
}

function entry(patient, onChoose) {
  const element = button("", () => onChoose(patient.id), { class: "patient", "data-patient": patient.id });
  element.append(
    h(
      "span",
      { class: "patient-lines" },
      h("span", { class: "patient-name" }, patient.name.replace(/^Test, /, "")),
      h(
        "span",
        { class: "patient-facts" },
        h("span", {}, patient.payer),
        h("span", { class: `badge kind-${patient.kind}` }, patient.kind.replaceAll("-", " ")),
      ),
      h("span", { class: "patient-story" }, patient.story),
    ),
  );
  return element;
}
