// What the page of a coder asks the server: the items by their ids, which tell nothing.

import { answer, getJson, ofCoder, postJson } from "./api.js";
import { unpackClip } from "./code_clip.js";

const place = (id) => `/api/items/${encodeURIComponent(id)}`;

export function getCoding() {
  return getJson("/api/coding");
}

/** A face, decoded, so that it appears in the moment in which it is put into the page. */
export async function getFace(id) {
  const address = URL.createObjectURL(await (await answer(`${place(id)}/face.jpg`)).blob());
  const face = new Image();
  face.src = address;
  face.alt = "The face to be coded";
  try {
    await face.decode();
  } finally {
    URL.revokeObjectURL(address);
  }
  return face;
}

export async function getClip(id) {
  return unpackClip(await (await answer(`${place(id)}/clip`)).arrayBuffer());
}

export function postCode(id, said, coder) {
  return postJson(`${place(id)}/code`, said, ofCoder(coder));
}

/** It comes later. */
export function postSkip(id, coder) {
  return postJson(`${place(id)}/skip`, {}, ofCoder(coder));
}

export function postUndo(coder) {
  return postJson("/api/undo", {}, ofCoder(coder));
}

export function exampleAddress(category, number) {
  return `/api/examples/${category}/${number}`;
}
