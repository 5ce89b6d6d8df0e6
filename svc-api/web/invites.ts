/* invites.ts - the code that was made last on this page, as long as it is good. The API tells a code
 * once, so what another page or the command made is not known here. */
import { useEffect, useState } from "preact/hooks";
import { onChange } from "./store";
import type { Invite, State } from "./types";

const WAIT_MAX_MS = 2 ** 31 - 1; /* more than that is none, to a browser's timers */

let last: Invite | null = null;
let timer = 0;
let party: string | null = null; /* that one was in when it was last known */
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

/* Whoever leaves a party, by whatever way, has no code of it any more. Where nobody knows of the
 * party at the moment, nobody has left it. */
function forget(_before: State | null, { status }: State): void {
  if (!status?.self.id) return;
  const now = status.party?.id ?? null;
  if (party && now !== party) setInvite(null);
  party = now;
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
