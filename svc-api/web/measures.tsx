/* measures.tsx - what the way to a member is like, as a list of names and numbers; what a view has
 * besides comes after them. */
import type { ComponentChildren } from "preact";
import { ms, percent } from "./format";
import type { Peer } from "./types";

type Way = Pick<Peer, "rtt_ms" | "jitter_ms" | "loss_pct">;

export function Measure({ of, name, value }: { of: string; name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd data-measure={of}>{value}</dd>
    </div>
  );
}

export function Measures({ way, children }: { way: Way; children?: ComponentChildren }) {
  return (
    <dl class="measures">
      <Measure of="rtt" name="ping" value={ms(way.rtt_ms)} />
      <Measure of="jitter" name="jitter" value={ms(way.jitter_ms)} />
      <Measure of="loss" name="loss" value={percent(way.loss_pct)} />
      {children}
    </dl>
  );
}
