// A list of listeners.

export class Signal {
  constructor() {
    this.listeners = [];
  }

  listen(act) {
    this.listeners.push(act);
  }

  send(...values) {
    for (const act of this.listeners) act(...values);
  }
}
