// Keys that are pressed before the page is ready do not count, and the page says so.

import { announce } from "./dom.js";

/** Listen until the page is ready. */
export function dropEarlyKeys() {
  const tell = (event) => {
    if (document.body.dataset.ready) removeEventListener("keydown", tell, true);
    else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey)
      announce("The page is not ready yet: this key did not count.", true);
  };
  addEventListener("keydown", tell, true);
}
