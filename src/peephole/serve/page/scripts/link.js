// The state of the page as a link. It stands after the #, which a browser does not send to any server.

const MOST_HELD = 64;

function linkOf({ text, model, other, scope, held }) {
  const parts = new URLSearchParams();
  parts.set("text", text);
  if (model) parts.set("model", model);
  if (other) parts.set("with", other);
  if (scope !== "all") parts.set("where", scope);
  for (const [role, value] of Object.entries(held)) parts.append("hold", `${role}:${value}`);
  return `${location.origin}${location.pathname}#${parts}`;
}

// What a link says; anything in it may have been written by anybody, and is checked where it is used.
function stateOfLink(fragment) {
  const parts = new URLSearchParams(fragment.replace(/^#/, ""));
  const held = {};
  for (const one of parts.getAll("hold").slice(0, MOST_HELD)) {
    const place = one.lastIndexOf(":");
    const value = Number(one.slice(place + 1));
    if (place > 0 && value >= 0 && value <= 1) held[one.slice(0, place)] = value;
  }
  return {
    text: parts.get("text") || "",
    model: parts.get("model"),
    other: parts.get("with") || "",
    scope: parts.get("where") || "all",
    held,
    given: parts.has("text"),
  };
}
