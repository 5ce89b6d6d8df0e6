/* focus.ts - keeps the keyboard's place: where what had the focus is gone, such as the button of a
 * member who was just removed, the view has it, not the beginning of the page. */
let last: Element | null = null;

function look(): void {
  if (!last || last.isConnected || document.activeElement !== document.body) return;
  last = null;
  document.getElementById("main")?.focus({ preventScroll: true });
}

export function startFocus(root: Element): void {
  addEventListener("focusin", (event) => {
    last = event.target instanceof Element ? event.target : null;
  });
  new MutationObserver(look).observe(root, { childList: true, subtree: true });
}
