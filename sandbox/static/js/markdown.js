// A card's detail: GitHub-flavored Markdown, with everything active taken out.

import { Marked } from "../vendor/marked.esm.js";
import DOMPurify from "../vendor/purify.es.mjs";

const marked = new Marked({ gfm: true });
const purifier = DOMPurify(window);

purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer");
  }
  if (node.tagName === "TABLE") node.setAttribute("tabindex", "0");
});

/** Returns Markdown as a document fragment that holds no script, style, form or picture. */
export function rendered(markdown) {
  return purifier.sanitize(marked.parse(markdown), {
    RETURN_DOM_FRAGMENT: true,
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["style", "form", "button", "textarea", "select", "img", "picture", "video", "audio", "iframe"],
    FORBID_ATTR: ["style", "id", "class"],
  });
}
