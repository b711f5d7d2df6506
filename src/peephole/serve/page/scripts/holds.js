// Sliders that hold gates: one for each gate, everywhere or in a part of the network.

const REST = "1 − "; // how a gate is named that is what another leaves, as a GRU's write is

// Gates of a document that can be held, by name: role, meaning, what is held for it, and their means. The write gate of a GRU is
// what its keep gate leaves: to hold the one is to hold the other.
function gatesOf(data, values) {
  const found = new Map();
  for (const track of data.tracks) {
    for (const gate of track.gates) {
      const isRest = gate.name.startsWith(REST);
      const value = isRest ? gate.name.slice(REST.length) : gate.name;
      if (!values.includes(`${track.name}.${value}`)) continue;
      if (!found.has(gate.name)) found.set(gate.name, { ...gate, value, isRest, means: [] });
      found.get(gate.name).means.push(...gate.mean);
    }
  }
  return found;
}

const hundredths = (number) => Math.round(number * 100) / 100;
const turned = ({ isRest }, share) => (isRest ? hundredths(1 - share) : share);
const average = (numbers) => numbers.reduce((sum, number) => sum + (number || 0), 0) / numbers.length;

// What of the network a scope means: "all", a track's name, or a unit's as "layer0.forward/17".
function inScope(scope, track, layers) {
  const [name, unit] = scope.split("/");
  if (scope !== "all" && name !== track) return null;
  if (unit === undefined) return {};
  return layers.every(({ units }) => Number(unit) < units) ? { units: [Number(unit)] } : null;
}

const wide = matchMedia("(min-width: 64rem)");

// The `clamp` of a request: gate → value, where the scope says, of what the model has.
function clampOf(held, scope, { values, layers }) {
  const found = {};
  for (const full of values) {
    const place = full.lastIndexOf(".");
    const [track, gate] = [full.slice(0, place), full.slice(place + 1)];
    const part = inScope(scope, track, layers);
    if (part !== null && Object.hasOwn(held, gate)) found[full] = { value: held[gate], ...part };
  }
  return found;
}

function drawHolds(page) {
  const rows = el("div", { class: "rows" });
  const where = el("select", { "aria-label": "Where gates are held", onchange: () => page.change({ scope: where.value }, `held ${where.selectedOptions[0].textContent}`, "scope") });
  const box = el(
    "details",
    { class: "holds", hidden: true, open: wide.matches },
    el("summary", {}, el("h2", {}, "Hold a gate")),
    el("p", { class: "note" }, "Slide one: the model reads the text again with that gate held ", where, "."),
    rows,
  );
  let made = "";

  const row = ([name, gate], place) => {
    const hold = () => {
      const share = Number(slider.value);
      page.change({ held: { ...page.choice.held, [gate.value]: turned(gate, share) } }, `${gate.role} held at ${share.toFixed(2)}`, `hold ${name}`);
    };
    const slider = el("input", {
      type: "range", min: "0", max: "1", step: "0.01", id: `hold-${place}`, "aria-label": `${gate.role}, ${name}: ${gate.meaning}`, oninput: hold,
    });
    const free = () => {
      const { [gate.value]: gone, ...held } = page.choice.held;
      slider.focus({ preventScroll: true }); // the button goes
      page.change({ held }, `${gate.role} let go`, "");
    };
    const button = el("button", { type: "button", class: "free", onclick: free, "aria-label": `Let ${gate.role} go` }, "let go");
    const node = el("div", { class: "gate", "data-gate": name, title: gate.meaning }, el("label", { for: `hold-${place}` }, gate.role), slider, el("span", { class: "state" }), button);
    node.tell = (gate, held) => {
      const isHeld = Object.hasOwn(held, gate.value);
      const mean = gate.means.length ? average(gate.means) : null; // of no text there is none
      const share = isHeld ? turned(gate, held[gate.value]) : mean;
      if (Number(slider.value) !== hundredths(share ?? 0.5)) slider.value = String(share ?? 0.5);
      node.classList.toggle("held", isHeld);
      slider.setAttribute("aria-valuetext", isHeld ? `held at ${share.toFixed(2)}` : mean === null ? "free" : `free, ${mean.toFixed(2)} on average`);
      node.querySelector(".state").textContent = isHeld ? share.toFixed(2) : mean === null ? "free" : `${mean.toFixed(2)} free`;
    };
    return node;
  };

  // What the sliders show: `values` are those of the model that can be held.
  function tell(data, units, values) {
    const gates = gatesOf(data, values);
    box.hidden = gates.size === 0;
    const shape = JSON.stringify(Array.from(gates, ([name, gate]) => [name, gate.role]));
    if (shape !== made) rows.replaceChildren(...Array.from(gates, row)), (made = shape);
    for (const node of rows.children) node.tell(gates.get(node.dataset.gate), page.choice.held);
    tellScopes(where, data, units, page.choice.scope);
  }
  return { box, tell };
}

function tellScopes(where, data, units, scope) {
  const name = (track) => `${data.tracks.length > 2 ? `layer ${Number(/\d+/.exec(track.name)[0]) + 1} ` : ""}${track.reverse ? "← reading back" : "→ reading on"}`;
  const options = [["all", "in every unit"]];
  if (data.tracks.length > 1) options.push(...data.tracks.map((track) => [track.name, `in ${name(track)}`]));
  data.tracks.forEach((track, place) => {
    const unit = track.drawn[units[place]];
    if (unit !== undefined) options.push([`${track.name}/${unit}`, `in unit ${unit} ${track.reverse ? "←" : "→"} alone`]);
  });
  if (!options.some(([value]) => value === scope)) options.push([scope, `in ${scope.replace("/", ", unit ")}`]);
  const made = JSON.stringify(options);
  if (where.made !== made) where.replaceChildren(...options.map(([value, words]) => el("option", { value }, words))); // not while it is open
  where.made = made;
  where.value = scope;
}
