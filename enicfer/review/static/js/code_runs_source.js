// What the page of continuous coding asks of one run: as RunSource, but of an item that does not say which run it is.

import { RunSource, getJson, ofCoder, postJson } from "./api.js";

export class ItemSource extends RunSource {
  constructor(id, coder) {
    super(id);
    this.coder = coder;
    this.base = `/api/items/${encodeURIComponent(id)}`;
  }

  info() {
    return this.get("video");
  }

  /** Find the run again on a server that was started anew, by its place and its frames' times; false if it is gone. */
  async follow(place, { bytes }) {
    const id = (await getJson("/api/coding")).items[place]?.id;
    if (id === undefined) return false;
    const other = new ItemSource(id, this.coder);
    const found = new Uint8Array((await other.clock()).bytes);
    const known = new Uint8Array(bytes);
    if (found.length !== known.length || found.some((value, i) => value !== known[i])) return false;
    this.base = other.base;
    return true;
  }

  async codes() {
    return (await getJson(`${this.base}/codes`)).codes;
  }

  async post(content) {
    return (await postJson(`${this.base}/codes`, content, ofCoder(this.coder))).codes;
  }
}
