// CDS Hooks cards, drawn with the meaning that the specification gives to their members.

import { button, field, h, select } from "./dom.js";
import { rendered } from "./markdown.js";

const INDICATORS = { info: "For information", warning: "Warning", critical: "Critical" };
const RANK = { critical: 0, warning: 1, info: 2 };
const BEHAVIORS = { "at-most-one": "Choose at most one:", any: "Choose any of these:" };

/** Returns a card's rank, the most urgent first. */
export function rank(card) {
  return RANK[card.indicator] ?? RANK.info;
}

/**
 * Returns one card as an element.
 *
 * @param onAccept called with a suggestion; resolves when its actions were carried out
 * @param onDismiss called with the override reason ({reason, userComment}, both optional)
 */
export function cardView(card, { onAccept, onDismiss }) {
  const indicator = card.indicator in INDICATORS ? card.indicator : "info";
  const element = h(
    "article",
    { class: `card card-${indicator}`, "data-indicator": card.indicator },
    h("p", { class: "card-indicator" }, h("span", { class: "card-icon", "aria-hidden": "true" }), INDICATORS[indicator]),
    h("h3", {}, card.summary),
    card.detail && h("div", { class: "card-detail" }, rendered(card.detail)),
    suggestionsView(card, onAccept),
    linksView(card.links),
    sourceView(card.source),
    dismissView(card, (override) => {
      element.remove();
      onDismiss(override);
    }),
  );
  return element;
}

/** Returns top-level system actions with a button that carries them out. */
export function systemActionsView(actions, onApply) {
  const apply = button("Apply to the drafts", async () => {
    apply.disabled = true;
    await onApply(actions);
    apply.textContent = "Applied";
  });
  return h(
    "article",
    { class: "card card-system" },
    h("h3", {}, "The service also annotates the orders"),
    h("ul", {}, actions.map((action) => h("li", {}, action.description ?? `${action.type} ${action.resource?.resourceType ?? action.resourceId}`))),
    apply,
  );
}

function suggestionsView(card, onAccept) {
  const suggestions = card.suggestions ?? [];
  if (!suggestions.length) return null;
  if (!(card.selectionBehavior in BEHAVIORS)) {
    const got = card.selectionBehavior ? `selectionBehavior "${card.selectionBehavior}"` : "no selectionBehavior";
    return h("p", { class: "card-error" }, `This card's suggestions cannot be offered: it has ${got}.`);
  }
  const buttons = [];
  const items = suggestions.map((suggestion) => {
    const apply = button(suggestion.label, async () => {
      const applicable = card.selectionBehavior === "at-most-one" ? buttons : [apply];
      for (const each of applicable) each.disabled = true;
      const applied = await onAccept(suggestion);
      if (applied) apply.textContent = `Applied: ${suggestion.label}`;
      else for (const each of applicable) each.disabled = false;
    }, { class: suggestion.isRecommended ? "primary" : "" });
    buttons.push(apply);
    return h(
      "li",
      {},
      apply,
      suggestion.isRecommended && h("span", { class: "badge badge-recommended" }, "recommended"),
      (suggestion.actions ?? []).map((action) => h("small", {}, action.description)),
    );
  });
  return h(
    "div",
    { class: "card-suggestions" },
    suggestions.length > 1 && h("p", {}, BEHAVIORS[card.selectionBehavior]),
    h("ul", {}, items),
  );
}

function linksView(links = []) {
  if (!links.length) return null;
  return h("ul", { class: "card-links" }, links.map((link) => h("li", {}, linkView(link))));
}

function linkView(link) {
  if (link.type === "smart") {
    return [
      h("span", {}, link.label),
      " ",
      h("span", { class: "badge" }, "SMART app"),
      h("small", {}, `${link.url} (this sandbox has no SMART launch)`),
    ];
  }
  if (!isWebAddress(link.url)) return h("span", {}, link.label);
  return h("a", { href: link.url, target: "_blank", rel: "noopener noreferrer" }, link.label, h("span", { class: "visually-hidden" }, " (opens in a new tab)"));
}

function sourceView(source = {}) {
  const { label = "not named", url, icon, topic } = source;
  return h(
    "p",
    { class: "card-source" },
    icon && isWebAddress(icon) && h("img", { src: icon, alt: "", width: 20, height: 20 }),
    "Source: ",
    isWebAddress(url) ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, label) : label,
    topic?.display && h("span", { class: "badge" }, topic.display),
  );
}

function dismissView(card, dismiss) {
  const reasons = card.overrideReasons ?? [];
  if (!reasons.length) return h("div", { class: "card-dismiss" }, button("Dismiss", () => dismiss({}), { class: "quiet" }));
  const reason = select([["", "No reason given"], ...reasons.map(({ display, code }, index) => [String(index), display ?? code])]);
  const comment = h("input", { type: "text", autocomplete: "off" });
  return h(
    "details",
    { class: "card-dismiss" },
    h("summary", {}, "Dismiss"),
    field("Reason", reason),
    field("Comment", comment),
    button("Dismiss this card", () => {
      const { code, system } = reasons[Number(reason.value)] ?? {};
      dismiss({
        ...(reason.value ? { reason: { code, system } } : {}),
        ...(comment.value ? { userComment: comment.value } : {}),
      });
    }),
  );
}

function isWebAddress(text) {
  return /^https?:\/\//.test(text ?? "");
}
