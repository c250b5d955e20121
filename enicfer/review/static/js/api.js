// Everything that is asked of the server.

import { COMMAND, SERVER, connection } from "./connection.js";

class ServerError extends Error {
  constructor(sentence, kind, status) {
    super(sentence);
    this.kind = kind;
    this.status = status;
  }
}

export async function answer(address, options = {}) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    connection.note(0);
    throw new ServerError(`The ${SERVER} does not answer. Start \`enicfer ${COMMAND}\` again.`, "gone", 0);
  }
  connection.note(response.status);
  if (response.ok) return response;
  let said = {};
  try {
    said = await response.json();
  } catch {
    // The sentence below stands in for an answer that is no JSON.
  }
  const sentence = said.error ?? `The server answered ${response.status} without a sentence.`;
  throw new ServerError(sentence, said.kind ?? "unknown", response.status);
}

export async function getJson(address, options = {}) {
  return (await answer(address, options)).json();
}

export async function postJson(address, body, more = {}) {
  const headers = { "Content-Type": "application/json", ...more };
  return (await answer(address, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** The header by which a server that was started for another coder knows that a page is not its own. */
export function ofCoder(coder) {
  return { "X-Coder": encodeURIComponent(coder) };
}

export function getStudy() {
  return getJson("/api/study");
}

/** The id in the address of a run's page. */
export function runIdOfPage() {
  return decodeURIComponent(location.pathname.split("/")[2] ?? "");
}

/** What the server knows of one run. */
export class RunSource {
  constructor(id) {
    this.base = `/api/runs/${encodeURIComponent(id)}`;
  }

  info() {
    return getJson(this.base);
  }

  /** One of "segments", "trials", "pulses", "queue", "people", "review". */
  get(part) {
    return getJson(`${this.base}/${part}`);
  }

  async clock() {
    const response = await answer(`${this.base}/clock`);
    return { n: Number(response.headers.get("X-Frames")), bytes: await response.arrayBuffer() };
  }

  /** The faces of everybody but the participant. */
  async others() {
    const response = await answer(`${this.base}/others`);
    return { known: response.headers.get("X-Known") === "True", bytes: await response.arrayBuffer() };
  }

  curves({ start, stop, points, series = "raw", signal }) {
    const query = new URLSearchParams({ start, stop, points: Math.round(points), series });
    return getJson(`${this.base}/curves?${query}`, { signal });
  }

  /** Store an entry of the coder whose review the page shows. */
  post(entry, coder) {
    return postJson(`${this.base}/review`, entry, ofCoder(coder));
  }

  makeProxy() {
    return postJson(`${this.base}/proxy`, {});
  }

  proxy() {
    return this.get("proxy");
  }

  proxyAddress(version) {
    return `${this.base}/proxy.mp4?v=${encodeURIComponent(version)}`;
  }

  /** The preview so far, as a blob: its bytes stay what they are when the server puts the whole in its place. */
  async proxySoFar(version) {
    return (await answer(this.proxyAddress(version))).blob();
  }

  pictureAddress(frame, { width = null, box = null } = {}) {
    const query = new URLSearchParams();
    if (width) query.set("width", Math.round(width));
    if (box) query.set("box", box.map((edge) => edge.toFixed(1)).join(","));
    const tail = query.toString();
    return `${this.base}/frame/${frame}.jpg${tail ? `?${tail}` : ""}`;
  }

  /** The picture of exactly this frame, or the part of it in `box`, as a blob; refused if it is another frame's. */
  async picture(frame, { width = null, box = null } = {}) {
    const response = await answer(this.pictureAddress(frame, { width, box }));
    const sent = response.headers.get("X-Frame");
    if (sent !== String(frame))
      throw new ServerError(`The server sent frame ${sent} instead of ${frame}.`, "frame", 200);
    return response.blob();
  }
}
