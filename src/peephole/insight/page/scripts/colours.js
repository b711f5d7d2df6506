// Colours: one ramp for gates, fixed from 0 to 1; one for signed values; two for the sides of the verdict, which are in the styles.

const dark = matchMedia("(prefers-color-scheme: dark)");
const printing = matchMedia("print");
const isDark = () => dark.matches && !printing.matches;

const GATE = {
  light: ["#fdfcf7", "#dcebd3", "#9accb6", "#4a9fa8", "#256996", "#1a2d62"],
  dark: ["#17191e", "#1b3450", "#1f6180", "#3a9691", "#8ccc98", "#f2f4c6"],
};
const SIGNED = {
  light: ["#6b2c80", "#a77bb5", "#dcc8e0", "#fdfcf7", "#c2e0c0", "#66ab6e", "#1b6a34"],
  dark: ["#dfa7f2", "#94609f", "#4a3152", "#17191e", "#27492f", "#4c9158", "#a6e8ad"],
};

function rgb(hex) {
  return [1, 3, 5].map((place) => parseInt(hex.slice(place, place + 2), 16));
}

// 256 colours from stops, as bytes red, green, blue.
function ramp(stops) {
  const known = stops.map(rgb);
  const table = new Uint8ClampedArray(256 * 3);
  for (let k = 0; k < 256; k++) {
    const place = (k / 255) * (known.length - 1);
    const low = Math.min(Math.floor(place), known.length - 2);
    for (let part = 0; part < 3; part++) {
      table[3 * k + part] = known[low][part] + (known[low + 1][part] - known[low][part]) * (place - low);
    }
  }
  return table;
}

const rampOf = (kind) => ramp((kind === "unit" ? GATE : SIGNED)[isDark() ? "dark" : "light"]);

// A canvas with a pixel for each number: columns of the text across, units down.
function heatCanvas(values, table) {
  const { rows, columns, bytes } = values;
  const canvas = el("canvas", { width: Math.max(rows, 1), height: Math.max(columns, 1), "aria-hidden": "true" });
  if (!rows || !columns) return canvas;
  const context = canvas.getContext("2d");
  const image = context.createImageData(rows, columns);
  for (let row = 0; row < rows; row++) {
    for (let unit = 0; unit < columns; unit++) {
      const byte = bytes[row * columns + unit];
      const from = 3 * (values.kind === "unit" ? byte : Math.min(255, Math.round((byte * 255) / 254)));
      const to = 4 * (unit * rows + row);
      image.data[to] = table[from];
      image.data[to + 1] = table[from + 1];
      image.data[to + 2] = table[from + 2];
      image.data[to + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function gateColour(share, table) {
  const k = 3 * Math.round(clamp(share, 0, 1) * 255);
  return `rgb(${table[k]} ${table[k + 1]} ${table[k + 2]})`;
}

// The ramp itself, for a legend.
function rampCanvas(kind) {
  const bytes = Uint8Array.from({ length: 256 }, (_, k) => k);
  return heatCanvas({ rows: 256, columns: 1, bytes, kind: "unit" }, rampOf(kind));
}
