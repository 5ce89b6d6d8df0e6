/* invites.ts - the code that was made last on this page, as long as it is good. The API tells a code
 * once, so what another page or the command made is not known here. */
import { useEffect, useState } from "preact/hooks";
import { onChange } from "./store";
import type { Invite, State } from "./types";

const WAIT_MAX_MS = 2 ** 31 - 1; /* more than that is none, to a browser's timers */

let last: Invite | null = null;
let timer = 0;
const listeners = new Set<() => void>();

export function getInvite(): Invite | null {
  return last;
}

export function setInvite(invite: Invite | null): void {
  const left = invite ? Date.parse(invite.expires_at) - Date.now() : 0;
  last = invite;
  clearTimeout(timer);
  if (left > 0 && left <= WAIT_MAX_MS) timer = setTimeout(() => setInvite(null), left);
  listeners.forEach((listener) => listener());
}

/* Whoever leaves a party, by whatever way, has no code of it any more. */
function forget(before: State | null, now: State): void {
  const party = before?.status?.party?.id;
  if (party && now.status?.self.id && now.status.party?.id !== party) setInvite(null);
}

export function startInvites(): void {
  onChange(forget);
}

export function useInvite(): Invite | null {
  const [, draw] = useState(0);
  useEffect(() => {
    const look = (): void => draw((n) => n + 1);
    listeners.add(look);
    look();
    return () => {
      listeners.delete(look);
    };
  }, []);
  return last;
}
