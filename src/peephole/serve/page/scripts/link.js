// The state of the page as a link. It stands after the #, which a browser does not send to any server.

const MOST_HELD = 64;
const SHARE = /^(0|1|0?\.\d+|[01]\.\d*)$/; // what Number takes beside, such as nothing and 0x1, is no share
const SCOPE = /^(all|layer\d{1,3}\.(forward|reverse)(\/\d{1,6})?)$/;

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
    const value = SHARE.test(one.slice(place + 1)) ? Number(one.slice(place + 1)) : NaN;
    if (place > 0 && value >= 0 && value <= 1) held[one.slice(0, place)] = value;
  }
  const scope = parts.get("where") || "all";
  return {
    text: (parts.get("text") || "").replace(/\r\n?/g, "\n"), // as a field of a page has it
    model: parts.get("model"),
    other: parts.get("with") || "",
    scope: SCOPE.test(scope) ? scope : "all",
    held,
    given: parts.has("text"),
  };
}
