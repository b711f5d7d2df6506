// The faithfulness strip: words are deleted, those with the highest scores first, and the model is asked again.

const ORDERS = { scores: "in the order of the scores", random: "at random", greedy: "in the best order found" };

const halfOf = (room) => (room > 820 ? Math.min(560, (room - 30) / 2) : room);

// From chance to the best order found, and where the scores are between them.
function drawStrip(trust, room) {
  const known = [["random", trust.random], ["greedy", trust.greedy], ["scores", trust.area]].filter(([, value]) => value !== null);
  const [least, most] = [Math.min(0, ...known.map(([, value]) => value)), Math.max(0.01, ...known.map(([, value]) => value))];
  const width = halfOf(room);
  const x = (value) => 12 + ((value - least) / (most - least)) * (width - 24);
  const drawing = svg("svg", { width, height: 78, "aria-hidden": "true" });
  drawing.append(svg("line", { class: "zero", x1: 12, x2: width - 12, y1: 40, y2: 40 }));
  if (trust.greedy !== null) drawing.append(svg("line", { class: "span", x1: x(trust.random), x2: x(trust.greedy), y1: 40, y2: 40 }));
  for (const [kind, value] of known) {
    const anchor = x(value) < width * 0.25 ? "start" : x(value) > width * 0.75 ? "end" : "middle";
    const above = kind === "scores";
    drawing.append(svg("circle", { class: `mark ${kind}`, cx: x(value), cy: 40, r: above ? 7 : 5 }));
    const name = { scores: "these scores", random: "chance", greedy: "best found" }[kind];
    drawing.append(svg("text", { class: above ? "strong" : "", x: x(value), y: above ? 24 : kind === "greedy" ? 62 : 62, "text-anchor": anchor }, `${name} ${(100 * value).toFixed(0)}`));
  }
  return el("div", { class: "plot", style: { width: px(width), height: px(70) } }, drawing);
}

function drawCurves(trust, target, room) {
  const width = halfOf(room);
  const [left, top, tall] = [GUTTER, 8, 180];
  const drawing = svg("svg", { width, height: top + tall + 40, "aria-hidden": "true" });
  const x = (share) => left + share * (width - left - 12);
  const y = (share) => top + (1 - share) * tall;
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    drawing.append(svg("line", { class: "tick", x1: left, x2: width - 12, y1: y(share), y2: y(share) }));
    if (share !== 0.25 && share !== 0.75) drawing.append(svg("text", { class: "tiny", x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share} %`));
    drawing.append(svg("text", { class: "tiny", x: x(share), y: top + tall + 16, "text-anchor": share === 1 ? "end" : "middle" }, `${100 * share} %`));
  }
  drawing.append(svg("text", { class: "tiny", x: x(0.5), y: top + tall + 33, "text-anchor": "middle" }, "of the words are deleted"));
  const style = { scores: "line", random: "line faint", greedy: "line gates" };
  for (const { name, values } of [...trust.curves].reverse()) {
    drawing.append(svg("path", { class: style[name], d: linePath(values.map((value, place) => [x(trust.deleted[place]), y(value)])) }));
  }
  return el("div", { class: "plot", role: "img", "aria-label": `Probability of ${target} as words are deleted`, style: { width: px(width), height: px(top + tall + 40) } }, drawing);
}

function drawTrust(state, room) {
  const { trust, push, captions } = state.data;
  if (!trust || !push) return null;
  const kinds = { scores: "", random: "faint", greedy: "gates" };
  const legend = trust.curves.map(({ name }) =>
    el("span", { class: "entry" }, svg("svg", { viewBox: "0 0 30 12" }, svg("line", { class: `line ${kinds[name]}`, x1: 1, x2: 29, y1: 6, y2: 6 })), ORDERS[name]),
  );
  return section(
    state,
    "trust",
    "Can these scores be trusted?",
    "A score is a claim: without this word the verdict would be weaker. So the words are deleted, those with the highest scores first, and the model reads again. " +
      "Texts with holes are unlike any that it was trained on: take this as a hint, not as proof.",
    says(state, captions.trust),
    el("div", { class: "panels" },
      el("div", { class: "panel" }, el("h3", {}, "By how many points the probability falls, on average"), drawStrip(trust, room)),
      el("div", { class: "panel" }, el("h3", {}, "Probability of ", el("bdi", {}, push.target), " as words are deleted"), drawCurves(trust, push.target, room), el("div", { class: "legend" }, legend)),
    ),
    el("p", { class: "lead method" }, `Scores: ${push.method}: ${push.meaning}.`, push.note ? ` ${push.note[0].toUpperCase()}${push.note.slice(1)}.` : ""),
  );
}
