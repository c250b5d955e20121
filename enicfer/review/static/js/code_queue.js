// What is still to be coded, in order; and what comes next, loaded before it is asked for.

export class CodingQueue {
  constructor(items) {
    this.items = new Map(items.map((item) => [item.id, item]));
    this.open = items.filter(({ done }) => !done).map(({ id }) => id);
    this.skipped = new Set();
  }

  get current() {
    return this.items.get(this.open[0]);
  }

  get total() {
    return this.items.size;
  }

  get done() {
    return this.total - this.open.length;
  }

  /** The item is coded. */
  take(id) {
    this.open = this.open.filter((one) => one !== id);
    this.skipped.delete(id);
  }

  /** It is to be coded again, at once. */
  putBack(id) {
    this.open = [id, ...this.open.filter((one) => one !== id)];
  }

  /** Put the item at the end. */
  skip() {
    const [first, ...others] = this.open;
    this.open = [...others, first];
    this.skipped.add(first);
  }

  ahead(count) {
    return this.open.slice(0, count).map((id) => this.items.get(id));
  }
}

export class Ahead {
  /** `load(item)` gives a promise; `forget(loaded)` is called with what is not needed any more. */
  constructor(load, forget = () => {}) {
    Object.assign(this, { load, forget });
    this.loading = new Map();
  }

  /** Load these and no others, the first one first. */
  want(items) {
    const wanted = new Set(items.map(({ id }) => id));
    for (const [id, promise] of this.loading) {
      if (wanted.has(id)) continue;
      this.loading.delete(id);
      promise.then(this.forget, () => {});
    }
    for (const item of items) this.get(item);
  }

  get(item) {
    if (!this.loading.has(item.id)) {
      const promise = this.load(item);
      // What could not be loaded is asked for again when it is needed.
      promise.catch(() => this.loading.get(item.id) === promise && this.loading.delete(item.id));
      this.loading.set(item.id, promise);
    }
    return this.loading.get(item.id);
  }
}
