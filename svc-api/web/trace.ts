/* trace.ts - the last minute of each member's round trips, for sparklines: from the metrics' history
 * once, then a sample a second from the live events. */
import { ask, part } from "./api";
import { getStore, onChange } from "./store";
import type { Bucket } from "./types";

export const TRACE_POINTS = 60;
const HOLE_S = 4; /* so long nothing was heard of members that change every second: a gap */
const ASK_MAX = 24; /* of a larger party the last minute is not asked for */

const traces = new Map<string, (number | null)[]>();
const asked = new Set<string>();
let sampledAt = 0;

function push(id: string, missed: number, value: number | null): void {
  const before = traces.get(id) ?? [];
  const hole = before.length > 0 && missed >= HOLE_S ? Math.min(missed, TRACE_POINTS) : 0;
  traces.set(id, [...before, ...Array<null>(hole).fill(null), value].slice(-TRACE_POINTS));
}

async function fill(id: string): Promise<void> {
  asked.add(id);
  try {
    const seconds = TRACE_POINTS;
    const buckets = await ask<Bucket[]>(
      "GET",
      `metrics/peers/${part(id)}/history?seconds=${seconds}&points=${seconds}`,
    );
    const since = traces.get(id) ?? [];
    traces.set(id, [...buckets.map((bucket) => bucket.rtt_ms), ...since].slice(-TRACE_POINTS));
  } catch {
    /* not measured yet: the line begins now */
  }
}

function sample(): void {
  const peers = getStore().state?.peers ?? {};
  const ids = Object.keys(peers);
  const now = performance.now();
  const missed = Math.round((now - sampledAt) / 1000) - 1;
  if (now - sampledAt < 900) return;
  sampledAt = now;
  for (const id of [...traces.keys()]) if (!peers[id]) traces.delete(id);
  for (const id of ids) {
    if (ids.length <= ASK_MAX && !asked.has(id)) void fill(id);
    push(id, missed, peers[id]?.rtt_ms ?? null);
  }
}

export function traceOf(id: string): readonly (number | null)[] {
  return traces.get(id) ?? [];
}

export function startTraces(): void {
  onChange(sample);
}
