// CDS Hooks as a client speaks it: discovery, prefetch, the order-sign call, feedback.
// Every exchange is kept word for word for the developer pane.

import { outcomeText } from "./fhir.js";

export const HOOK = "order-sign";
const TIMEOUT_MS = 15000;

/** Sends one request and returns what happened as an exchange record; never throws. */
export async function exchange(title, method, url, { body = null, headers = {} } = {}) {
  const text = body === null ? null : JSON.stringify(body);
  const allHeaders = { Accept: "application/json", ...headers };
  if (text !== null) allHeaders["Content-Type"] = "application/json";
  const record = { title, method, url, headers: allHeaders, requestText: text, at: new Date() };
  const began = performance.now();
  try {
    const response = await fetch(url, {
      method,
      headers: allHeaders,
      body: text,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    record.status = response.status;
    record.responseText = await response.text();
  } catch (error) {
    record.failure = error.name === "TimeoutError" ? "timeout" : "network";
  }
  record.milliseconds = Math.round(performance.now() - began);
  record.body = parsed(record.responseText);
  record.ok = !record.failure && record.status >= 200 && record.status < 300;
  return record;
}

/** Returns the discovery exchange; `services` of the record are those for the order-sign hook. */
export async function discover(serviceUrl) {
  const record = await exchange("Discovery", "GET", `${serviceUrl}/cds-services`);
  const services = record.ok && Array.isArray(record.body?.services) ? record.body.services : [];
  record.services = services.filter((service) => service.hook === HOOK);
  return record;
}

/** Returns a fresh version 4 UUID, also where the page is not served from a secure context. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/**
 * Returns a prefetch template with its tokens filled in, or null if one of them has no value.
 * Tokens: {{context.X}} of primitive X, and {{userPractitionerId}} and its like.
 */
export function filledTemplate(template, context) {
  const [userType, userId] = (context.userId ?? "").split("/");
  const values = { [`user${userType}Id`]: userId };
  for (const [name, value] of Object.entries(context)) {
    if (typeof value === "string") values[`context.${name}`] = value;
  }
  let complete = true;
  const filled = template.replace(/\{\{\s*([^}]+?)\s*\}\}/g, (_, token) => {
    complete &&= values[token] !== undefined;
    return values[token] ?? "";
  });
  return complete ? filled : null;
}

/**
 * Runs every prefetch template against the EHR's FHIR server.
 * Returns the prefetch object, without the keys that failed, and a line about each query.
 */
export async function prefetched(templates, context, fhir) {
  const prefetch = {};
  const queries = await Promise.all(
    Object.entries(templates ?? {}).map(async ([key, template]) => {
      const query = filledTemplate(template, context);
      if (query === null) return { key, query: template, result: "left out: a token has no value" };
      const began = performance.now();
      try {
        prefetch[key] = await fhir.get(query);
        return { key, query, result: described(prefetch[key]), milliseconds: Math.round(performance.now() - began) };
      } catch (error) {
        return { key, query, result: `left out: ${error.status ?? "no answer"} ${error.message}` };
      }
    }),
  );
  return { prefetch, queries };
}

/** Returns the body of an order-sign request. */
export function orderSignRequest({ context, prefetch, fhirServer, fhirAuthorization }) {
  return {
    hook: HOOK,
    hookInstance: uuid(),
    fhirServer,
    fhirAuthorization,
    context,
    ...(Object.keys(prefetch).length ? { prefetch } : {}),
  };
}

/** Returns drafts as the Bundle of an order-sign context. */
export function draftBundle(drafts, fhirServer) {
  return {
    resourceType: "Bundle",
    type: "collection",
    entry: drafts.map((resource) => ({
      fullUrl: `${fhirServer}/${resource.resourceType}/${resource.id}`,
      resource,
    })),
  };
}

/** Returns the feedback exchange about one card. */
export async function sendFeedback(serviceUrl, serviceId, feedback) {
  const url = `${serviceUrl}/cds-services/${encodeURIComponent(serviceId)}/feedback`;
  const entry = { ...feedback, outcomeTimestamp: new Date().toISOString() };
  return exchange("Feedback", "POST", url, { body: { feedback: [entry] } });
}

/**
 * Returns what went wrong in an exchange, in plain words: title, what happened, what to do.
 * Returns null if the exchange gave what it should.
 */
export function trouble(record, serviceUrl, fhirServer) {
  const said = outcomeText(record.body) || record.body?.message || "";
  if (record.failure === "timeout") {
    return {
      title: "The service took too long",
      what: `${serviceUrl} gave no answer within ${TIMEOUT_MS / 1000} seconds.`,
      todo: "Try again, or sign without advice.",
    };
  }
  if (record.failure) {
    return {
      title: "The service cannot be reached",
      what: `Nothing that this page may read came back from ${serviceUrl}.`,
      todo: `Start the service; if it runs, its cors_origins must list ${location.origin}. The orders can be signed without advice.`,
    };
  }
  if (record.ok) {
    if (record.title === "Discovery" ? Array.isArray(record.body?.services) : Array.isArray(record.body?.cards)) {
      return null;
    }
    return {
      title: "The answer is not CDS Hooks",
      what: `${record.url} answered ${record.status}, but not with the JSON that CDS Hooks asks for.`,
      todo: "Look at the answer in the developer pane.",
    };
  }
  const answers = {
    412: {
      title: "The service could not read what it needs",
      what: said || "Some of the chart was neither sent along nor readable.",
      todo: `Check that the service may read ${fhirServer}, then sign again. The orders can be signed without advice.`,
    },
    401: {
      title: "The service does not accept this EHR",
      what: said || "It asks its callers to prove who they are.",
      todo: 'For this sandbox, run the service with [client_auth] mode = "off".',
    },
    404: {
      title: "The service is not at this address",
      what: said || `${record.url} is not known there.`,
      todo: "Check the service's address, and load the page anew to repeat discovery.",
    },
  };
  if (answers[record.status]) return answers[record.status];
  if (record.status >= 500) {
    return {
      title: "The service failed",
      what: said || `It answered ${record.status}.`,
      todo: "Try again; its own log says more. The orders can be signed without advice.",
    };
  }
  return {
    title: "The service could not use the request",
    what: said || `It answered ${record.status}.`,
    todo: "Look at request and answer in the developer pane. The orders can be signed without advice.",
  };
}

function described(resource) {
  if (resource.resourceType !== "Bundle") return `${resource.resourceType}/${resource.id}`;
  const count = (resource.entry ?? []).length;
  const more = resource.link?.some((link) => link.relation === "next") ? ` of ${resource.total}, more by next link` : "";
  return `${count} ${count === 1 ? "entry" : "entries"}${more}`;
}

function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
