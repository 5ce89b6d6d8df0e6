/* invites.ts - the code that was made last on this page. The API tells a code once, so what another
 * page or the command made is not known here. */
import { useEffect, useState } from "preact/hooks";
import type { Invite } from "./types";

let last: Invite | null = null;
const listeners = new Set<() => void>();

export function setInvite(invite: Invite | null): void {
  last = invite;
  listeners.forEach((listener) => listener());
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
