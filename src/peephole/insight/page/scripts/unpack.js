// Arrays of the document: bytes in base64, and what they stand for.

function bytesOf(packed) {
  const text = atob(packed.data);
  const bytes = new Uint8Array(text.length);
  for (let k = 0; k < bytes.length; k++) bytes[k] = text.charCodeAt(k);
  return bytes;
}

function unpack(packed) {
  const bytes = bytesOf(packed);
  const [rows, columns] = packed.shape;
  const scale = (column) => (Array.isArray(packed.scale) ? packed.scale[column] : packed.scale);
  const at =
    packed.kind === "unit"
      ? (row, column) => bytes[row * columns + column] / 255
      : (row, column) => ((bytes[row * columns + column] - 127) / 127) * scale(column);
  return { rows, columns, bytes, at, kind: packed.kind };
}
