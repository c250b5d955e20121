// What asks the reviewer something, and pointing in the picture: while it is open, nothing plays and the keys of the page do nothing.

const OPEN = "dialog[open], [data-form=open], #stage.aiming";

export function formIsOpen() {
  return document.querySelector(OPEN) !== null;
}

/** Stop what plays; the function that comes back lets it go on if it did. */
export function holdPlayer(player) {
  const went = player.playing || player.awaiting;
  player.pause();
  player.setAwaiting(false);
  return () => went && player.play();
}

/** Open a dialog over the page; what played goes on after it. */
export function openDialog(dialog, player = null) {
  if (dialog.open) return;
  const goOn = player ? holdPlayer(player) : () => {};
  dialog.addEventListener("close", goOn, { once: true });
  dialog.showModal();
}

/** Remember what has the focus; the function that comes back returns it, or gives it to `other`. */
export function holdFocus(other) {
  const held = document.activeElement;
  return () => {
    const there = held && held !== document.body && held.isConnected && held.checkVisibility();
    (there ? held : other).focus({ preventScroll: true });
  };
}
