// The exact pictures of frames: one request at a time, the latest wish first, some kept.

const KEPT = 80;

export class ExactPictures {
  constructor(source, width) {
    this.source = source;
    this.width = width; // a function: px to ask for
    this.kept = new Map();
    this.wanted = null;
    this.busy = false;
  }

  /** Ask for a frame. `onReady(frame, address)` or `onFailed(frame, error)` follows, unless another is asked for first. */
  want(frame, onReady, onFailed) {
    const address = this.kept.get(frame);
    if (address) {
      this.wanted = null;
      onReady(frame, address);
      return;
    }
    this.wanted = { frame, onReady, onFailed };
    if (!this.busy) this.fetchLatest();
  }

  forgetWish() {
    this.wanted = null;
  }

  async fetchLatest() {
    this.busy = true;
    while (this.wanted) {
      const wish = this.wanted;
      try {
        const address = URL.createObjectURL(await this.source.picture(wish.frame, { width: this.width() }));
        this.keep(wish.frame, address);
        if (this.wanted === wish) wish.onReady(wish.frame, address);
      } catch (error) {
        if (this.wanted === wish) wish.onFailed(wish.frame, error);
      }
      if (this.wanted === wish) this.wanted = null;
    }
    this.busy = false;
  }

  keep(frame, address) {
    this.kept.set(frame, address);
    if (this.kept.size <= KEPT) return;
    const [oldest, old] = this.kept.entries().next().value;
    this.kept.delete(oldest);
    URL.revokeObjectURL(old);
  }
}
