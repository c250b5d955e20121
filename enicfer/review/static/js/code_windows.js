// Whether the page of a coder is open in another window of this browser: what is said in one is not seen in the other.

import { announce, byId } from "./dom.js";

const NAME = "enicfer code";

/** Tell the other windows of this page that it is here; a line says so in all of them while there are several. */
export function watchWindows() {
  const channel = new BroadcastChannel(NAME);
  const own = crypto.randomUUID();
  const others = new Set();
  const say = (word) => channel.postMessage({ word, from: own });
  const show = () => (byId("windows").hidden = others.size === 0);
  channel.onmessage = ({ data: { word, from } }) => {
    if (word === "left") others.delete(from);
    else others.add(from);
    if (word === "came") say("here");
    show();
  };
  say("came");
  addEventListener("pagehide", () => say("left"));
  addEventListener("pageshow", ({ persisted }) => persisted && say("came"));
}

/** Say once that somebody else stores as this coder, as the server found. */
export function warnOfOthers({ elsewhere }) {
  if (!elsewhere || warnOfOthers.said) return;
  warnOfOthers.said = true;
  announce("Somebody else codes under this name now, on another server. Stop one of the two, and load the page again.", true);
}
