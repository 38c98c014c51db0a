// The developer pane: each exchange with the service, word for word.

import { announce, button, h } from "./dom.js";
import { clock } from "./format.js";

/** Returns the pane's content for a list of exchange records, the newest first. */
export function developerView(records, { services, isChosen, onToggleService, onClear }) {
  return h(
    "div",
    { class: "developer" },
    h("h2", {}, "Developer"),
    h("p", { class: "hint" }, "Every exchange with the service, as it went over the wire."),
    services.length > 1 &&
      h(
        "fieldset",
        {},
        h("legend", {}, "Services called when orders are signed"),
        services.map((service) =>
          h(
            "label",
            { class: "inline" },
            h("input", { type: "checkbox", checked: isChosen(service), onchange: () => onToggleService(service) }),
            ` ${service.title ?? service.id} (${service.id})`,
          ),
        ),
      ),
    records.length ? button("Clear", onClear, { class: "quiet" }) : h("p", { class: "empty" }, "Nothing yet."),
    [...records].reverse().map((record, index) => exchangeView(record, index === 0)),
  );
}

/** Returns a record as a curl command. */
export function asCurl({ method, url, headers, requestText }) {
  const parts = [`curl -sS -X ${method} ${quoted(url)}`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (requestText !== null) parts.push(`--data-binary ${quoted(requestText)}`);
  return parts.join(" \\\n  ");
}

function exchangeView(record, isOpen) {
  const outcome = record.failure ? record.failure : record.status;
  return h(
    "details",
    { class: "exchange", open: isOpen },
    h(
      "summary",
      {},
      h("span", { class: `badge ${record.ok ? "badge-ok" : "badge-failed"}` }, String(outcome)),
      ` ${record.title}: ${record.method} `,
      h("span", { class: "code" }, record.url),
      ` ${record.milliseconds} ms, at ${clock(record.at.getTime())} UTC`,
    ),
    h(
      "div",
      { class: "exchange-tools" },
      button("Copy as curl", () => copy(asCurl(record), "curl command")),
      record.requestText !== null && button("Copy request", () => copy(record.requestText, "request")),
      record.responseText && button("Copy response", () => copy(record.responseText, "response")),
    ),
    record.queries?.length > 0 && queriesView(record.queries),
    h(
      "div",
      { class: "exchange-bodies" },
      jsonView("Request", record.requestText),
      jsonView("Response", record.responseText),
    ),
  );
}

function queriesView(queries) {
  return h(
    "table",
    {},
    h("caption", {}, "Prefetch"),
    h("thead", {}, h("tr", {}, ["Key", "Query", "Result"].map((text) => h("th", { scope: "col" }, text)))),
    h(
      "tbody",
      {},
      queries.map(({ key, query, result, milliseconds }) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, key),
          h("td", { "data-heading": "Query", class: "code" }, query),
          h("td", { "data-heading": "Result" }, milliseconds === undefined ? result : `${result}, ${milliseconds} ms`),
        ),
      ),
    ),
  );
}

function jsonView(title, text) {
  return h(
    "section",
    { "aria-label": title },
    h("h3", {}, title),
    h("pre", { tabindex: "0" }, text ? pretty(text) : "none"),
  );
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    announce(`The ${what} is on the clipboard.`);
  } catch {
    announce(`The browser does not let this page write to the clipboard.`);
  }
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
