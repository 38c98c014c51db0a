// Order entry: what is ticked and filled in, and the drafts that came of it.

import { button, field, h, select, uniqueId } from "./dom.js";
import { orderConcept, reasons } from "./chart.js";
import { codes, words } from "./format.js";

const GROUPS = [
  ["Trial", ["trial-injection", "trial-catheter"]],
  ["Pump", ["pump", "catheter", "pump-item", "replacement-pump-item", "pump-removal"]],
  ["Other", ["epidural-steroid", "oral-gabapentin", "oral-baclofen", "oral-morphine"]],
];

/**
 * Returns the order form.
 * `element` is to be shown, `values()` reads it, `fill(suggestion)` sets it, `onChange` hears of every edit.
 */
export function orderForm({ config, chart, suggestions, onChange, onSign }) {
  const boxes = new Map(config.orders.map((order) => [order.id, h("input", { type: "checkbox", value: order.id, id: uniqueId("order") })]));
  const purpose = select([["", "Not stated"], ...config.purposes.map(({ id, label }) => [id, label])]);
  const drug = select([["", "None"], ...config.drugs.map(({ id, label }) => [id, label])]);
  const reason = select([["", "None"], ...reasons(chart)]);
  const on = h("input", { type: "date", required: true });
  const text = h("textarea", { rows: 2 });
  const sign = h("button", { type: "submit", class: "primary", id: "sign" }, "Sign");

  const values = () => ({
    items: [...boxes.values()].filter((box) => box.checked).map((box) => box.value),
    purpose: purpose.value || null,
    drug: drug.value || null,
    reason: reason.value || null,
    on: on.value || null,
    text: text.value,
  });
  const refresh = () => {
    const { length } = values().items;
    sign.disabled = length === 0;
    sign.textContent = length > 1 ? `Sign ${length} orders` : length ? "Sign order" : "Choose an order to sign";
  };
  const fill = (suggestion) => {
    for (const [id, box] of boxes) box.checked = suggestion.items.includes(id);
    purpose.value = suggestion.purpose ?? "";
    drug.value = suggestion.drug ?? "";
    reason.value = suggestion.reason ?? "";
    on.value = suggestion.on ?? config.today;
    text.value = "";
    refresh();
  };
  const changed = () => {
    refresh();
    onChange();
  };
  for (const [id, box] of boxes) box.addEventListener("change", () => propose(config.orders.find((order) => order.id === id), box));
  function propose(order, box) {
    if (box.checked && order.drug && !drug.value) drug.value = order.drug;
    if (box.checked && order.purpose && !purpose.value) purpose.value = order.purpose;
  }
  const element = h(
    "form",
    {
      class: "order-form",
      oninput: changed,
      onsubmit: (event) => {
        event.preventDefault();
        onSign();
      },
    },
    h(
      "div",
      { class: "suggestions", role: "group", "aria-label": "Suggested orders" },
      h("p", { class: "hint" }, "Suggested for this patient"),
      suggestions.map((suggestion) =>
        button(suggestion.title, () => {
          fill(suggestion);
          onChange();
        }, { class: "quiet" }),
      ),
    ),
    GROUPS.map(([title, ids]) =>
      h(
        "fieldset",
        { class: "order-choices" },
        h("legend", {}, title),
        ids.map((id) => choice(config.orders.find((order) => order.id === id), boxes.get(id))),
      ),
    ),
    field("Reason", reason),
    field("Purpose", purpose),
    h("div", { class: "pair" }, field("Drug", drug), field("Day of the procedure", on)),
    field("Note on the order", text),
    h("div", { class: "sign-bar" }, sign),
  );
  fill(suggestions[0]);
  return { element, values, fill };
}

/** Returns the drafts as a list. */
export function draftList(drafts) {
  return h(
    "ul",
    { class: "drafts" },
    drafts.map((draft) =>
      h(
        "li",
        {},
        h("span", {}, words(orderConcept(draft))),
        h("span", { class: "code" }, codes(orderConcept(draft))),
        h("span", { class: `badge badge-${draft.status}` }, draft.status),
      ),
    ),
  );
}

function choice(order, box) {
  return h(
    "div",
    { class: "order-choice" },
    box,
    h("label", { for: box.id }, h("span", {}, order.label), " ", h("span", { class: "code" }, order.code)),
  );
}
