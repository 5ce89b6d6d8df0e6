/* heartbeat.ts - keeps servers that were registered on this page in the list, also when it is loaded
 * again: 90 seconds after its last heartbeat one is gone. */
import { Refusal, ask, part } from "./api";

const EVERY_MS = 30000;
const KEY = "lanrage-servers";

const kept = new Map<string, number>();

function remember(): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...kept.keys()]));
  } catch {
    /* then it lasts until the page is loaded again */
  }
}

async function beat(id: string): Promise<void> {
  try {
    await ask("POST", `servers/${part(id)}/heartbeat`);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 404) return;
    clearInterval(kept.get(id));
    kept.delete(id);
    remember();
  }
}

export function keepAlive(id: string): void {
  clearInterval(kept.get(id));
  kept.set(
    id,
    setInterval(() => void beat(id), EVERY_MS),
  );
  remember();
}

export function startHeartbeats(): void {
  try {
    const ids: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    if (Array.isArray(ids)) ids.filter((id) => typeof id === "string").forEach(keepAlive);
  } catch {
    /* nothing is remembered */
  }
}
