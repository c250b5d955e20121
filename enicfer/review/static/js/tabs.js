// Tabs as the WAI-ARIA practices describe them.

import { byId } from "./dom.js";

export class Tabs {
  /** `onOpen(name)` is called for the first tab too. */
  constructor(names, onOpen = () => {}) {
    Object.assign(this, { names, onOpen });
    names.forEach((name, i) => {
      const tab = byId(`tab-${name}`);
      tab.addEventListener("click", () => this.open(name));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!by) return;
        this.open(names[(i + by + names.length) % names.length], true);
        event.preventDefault();
        event.stopPropagation();
      });
    });
    this.open(names[0]);
  }

  open(name, focus = false) {
    this.current = name;
    for (const other of this.names) {
      const tab = byId(`tab-${other}`);
      tab.setAttribute("aria-selected", String(other === name));
      tab.tabIndex = other === name ? 0 : -1;
      byId(`panel-${other}`).hidden = other !== name;
    }
    this.onOpen(name);
    if (focus) byId(`tab-${name}`).focus();
  }
}
