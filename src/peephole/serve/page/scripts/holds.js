// Sliders that hold gates: one for each gate, everywhere or in a part of the network.

// Gates of a document, by name: role, meaning, and the tracks that have it.
function gatesOf(data) {
  const found = new Map();
  for (const track of data.tracks) {
    for (const gate of track.gates) {
      if (!found.has(gate.name)) found.set(gate.name, { ...gate, tracks: [] });
      found.get(gate.name).tracks.push({ name: track.name, mean: gate.mean });
    }
  }
  return found;
}

const average = (numbers) => numbers.reduce((sum, number) => sum + (number || 0), 0) / Math.max(numbers.length, 1);

// What of the network a scope means: "all", a track's name, or a unit's as "layer0.forward/17".
function inScope(scope, track) {
  const [name, unit] = scope.split("/");
  if (scope !== "all" && name !== track) return null;
  return unit === undefined ? {} : { units: [Number(unit)] };
}

const isWide = () => matchMedia("(min-width: 64rem)").matches;

// The `clamp` of a request: gate → value, where the scope says, of what the model has.
function clampOf(held, scope, values) {
  const found = {};
  for (const full of values) {
    const place = full.lastIndexOf(".");
    const [track, gate] = [full.slice(0, place), full.slice(place + 1)];
    const part = inScope(scope, track);
    if (part !== null && Object.hasOwn(held, gate)) found[full] = { value: held[gate], ...part };
  }
  return found;
}

function drawHolds(page) {
  const rows = el("div", { class: "rows" });
  const where = el("select", { "aria-label": "Where gates are held", onchange: () => page.change({ scope: where.value }, "holds elsewhere", "scope") });
  const box = el(
    "details",
    { class: "holds", hidden: true, open: isWide() },
    el("summary", {}, el("h2", {}, "Hold a gate")),
    el("p", { class: "note" }, "Slide one: the model reads the text again with that gate held ", where, "."),
    rows,
  );
  let made = "";

  function make(gates) {
    const row = ([name, gate]) => {
      const slider = el("input", {
        type: "range", min: "0", max: "1", step: "0.01", id: `hold-${name}`, "aria-label": `${gate.role}, ${name}: ${gate.meaning}`,
        oninput: () => page.change({ held: { ...page.choice.held, [name]: Number(slider.value) } }, `${gate.role} held at ${Number(slider.value).toFixed(2)}`, `hold ${name}`),
      });
      const free = () => {
        const { [name]: gone, ...held } = page.choice.held;
        page.change({ held }, `${gate.role} let go`, "");
      };
      const button = el("button", { type: "button", class: "free", onclick: free, "aria-label": `Let ${gate.role} go` }, "let go");
      const state = el("span", { class: "state" });
      return el("div", { class: "gate", "data-gate": name, title: gate.meaning }, el("label", { for: `hold-${name}` }, gate.role), slider, state, button);
    };
    rows.replaceChildren(...Array.from(gates, row));
  }

  function tell(data, units) {
    const gates = gatesOf(data);
    box.hidden = gates.size === 0;
    const shape = JSON.stringify(Array.from(gates, ([name, gate]) => [name, gate.role]));
    if (shape !== made) make(gates), (made = shape);
    const { held, scope } = page.choice;
    for (const node of rows.children) {
      const name = node.dataset.gate;
      const [slider, state] = [node.querySelector("input"), node.querySelector(".state")];
      const isHeld = Object.hasOwn(held, name);
      const mean = average(gates.get(name).tracks.flatMap((track) => track.mean));
      if (document.activeElement !== slider || !isHeld) slider.value = String(isHeld ? held[name] : mean);
      node.classList.toggle("held", isHeld);
      slider.setAttribute("aria-valuetext", isHeld ? `held at ${held[name]}` : `free, ${mean.toFixed(2)} on average`);
      state.textContent = isHeld ? held[name].toFixed(2) : `${mean.toFixed(2)} free`;
      node.querySelector("button").disabled = !isHeld;
    }
    tellScopes(where, data, units, scope);
  }
  return { box, tell };
}

function tellScopes(where, data, units, scope) {
  const name = (track) => `${data.tracks.length > 2 ? `${track.name.split(".")[0].replace("layer", "layer ")} ` : ""}${track.reverse ? "← reading back" : "→ reading on"}`;
  const options = [["all", "in every unit"]];
  if (data.tracks.length > 1) options.push(...data.tracks.map((track) => [track.name, `in ${name(track)}`]));
  data.tracks.forEach((track, place) => {
    const unit = track.drawn[units[place]];
    if (unit !== undefined) options.push([`${track.name}/${unit}`, `in unit ${unit} ${track.reverse ? "←" : "→"} alone`]);
  });
  if (!options.some(([value]) => value === scope)) options.push([scope, scope === "all" ? "in every unit" : `in ${scope}`]);
  where.replaceChildren(...options.map(([value, words]) => el("option", { value, selected: value === scope }, words)));
  where.value = scope;
}
