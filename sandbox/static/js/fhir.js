// The page's own access to its EHR's FHIR server.

export class FhirError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class FhirClient {
  /**
   * @param base address to call, of the page's own origin
   * @param publicBase how the server calls itself, in its links
   * @param token bearer token
   */
  constructor(base, publicBase, token) {
    this.base = base;
    this.publicBase = publicBase;
    this.token = token;
  }

  /** Returns a resource, or the first page of a search, as parsed JSON. */
  async get(url) {
    return this.#send("GET", this.#absolute(url));
  }

  /** Returns every match of a search, page after page. */
  async all(url) {
    const found = [];
    let next = url;
    while (next) {
      const page = await this.get(next);
      found.push(...(page.entry ?? []).map((entry) => entry.resource));
      next = page.link?.find((link) => link.relation === "next")?.url;
    }
    return found;
  }

  /** Carries out a transaction and returns the stored resources in the order of the entries. */
  async transaction(entries) {
    const body = { resourceType: "Bundle", type: "transaction", entry: entries };
    const answer = await this.#send("POST", `${this.base}/`, body);
    return (answer.entry ?? []).map((entry) => entry.resource);
  }

  #absolute(url) {
    return url.startsWith(`${this.publicBase}/`) ? this.base + url.slice(this.publicBase.length) : `${this.base}/${url}`;
  }

  async #send(method, url, body) {
    const headers = { Accept: "application/fhir+json", Authorization: `Bearer ${this.token}` };
    if (body) headers["Content-Type"] = "application/fhir+json";
    const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    const resource = text ? JSON.parse(text) : {};
    if (!response.ok) throw new FhirError(response.status, outcomeText(resource) || response.statusText);
    return resource;
  }
}

/** Returns the entry of a transaction that stores a resource under its own id. */
export function putEntry(resource) {
  return { resource, request: { method: "PUT", url: referenceTo(resource) } };
}

/** Returns the entry of a transaction that creates a resource; others may refer to it by its fullUrl. */
export function postEntry(resource, fullUrl) {
  return { fullUrl, resource, request: { method: "POST", url: resource.resourceType } };
}

/** Returns the entry of a transaction that deletes what a relative reference names. */
export function deleteEntry(reference) {
  return { request: { method: "DELETE", url: reference } };
}

/** Returns a resource's relative reference. */
export function referenceTo(resource) {
  return `${resource.resourceType}/${resource.id}`;
}

/** Returns what an OperationOutcome says, or an empty text. */
export function outcomeText(resource) {
  if (resource?.resourceType !== "OperationOutcome") return "";
  return (resource.issue ?? []).map((issue) => issue.diagnostics ?? issue.details?.text ?? issue.code).join(" ");
}
