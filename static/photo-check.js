// Tells what is wrong with a chosen photo before it is sent.
"use strict";

/** How many bytes of a file are examined. The server examines as many. */
const HEAD = 4096;

/**
 * What is wrong with this file, as the server would say it; null if nothing is, or if it cannot be examined here. `field`
 * is the field it was chosen in, which has the server's limits and messages.
 */
async function photoProblem(file, field) {
  if (file.size === 0) return field.dataset.empty;
  if (file.size > Number(field.dataset.maxBytes)) return field.dataset.tooBig;
  try {
    const [formats, head] = await Promise.all([
      fetch(field.dataset.formats).then((response) => response.json()),
      file.slice(0, HEAD).arrayBuffer(),
    ]);
    return formats.find((format) => isOfFormat(new Uint8Array(head), format)).message ?? null;
  } catch {
    return null; // The server will tell.
  }
}

/** Whether a file that starts with these bytes is of this format: the rules are in crates/photo-processing/src/format.rs. */
function isOfFormat(head, { starts = [], brands = [], markup = [], text = false }) {
  return (
    starts.some((pattern) => startsWith(head, pattern)) ||
    brandsOf(head).some((brand) => brands.includes(brand)) ||
    markup.some((tag) => startsWithTag(head, tag)) ||
    (text && isText(head))
  );
}

function startsWith(head, pattern) {
  return pattern.length <= head.length && [...pattern].every((expected, index) => expected === "?" || expected.charCodeAt() === head[index]);
}

/** Each byte as the character of the same number. */
function characters(bytes) {
  return String.fromCharCode(...bytes);
}

function brandsOf(head) {
  if (!startsWith(head, "????ftyp")) return [];
  const size = new DataView(head.buffer).getUint32(0);
  return characters(head.slice(8, size)).match(/[^]{4}/g) ?? [];
}

function startsWithTag(head, tag) {
  const start = characters(head).replace(/^(\xef\xbb\xbf)?([ \t\n\f\r]|<\?[^]*?\?>|<!--[^]*?-->)*/, "");
  return start.slice(0, tag.length).toLowerCase() === tag;
}

function isText(head) {
  try {
    // The head may end within a character.
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: head.length === HEAD });
  } catch {
    return false;
  }
  return !/[\x00-\x08\x0b\x0e-\x1f]/.test(characters(head));
}
