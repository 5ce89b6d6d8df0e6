/* mesh.tsx - the party as a picture: oneself in the middle, the others around, each link drawn by its
 * path. Direct is solid, by a relay is dashed through the relay's mark, what is tried is dotted.
 * Nearer is quicker: rings stand for round trips. The list of members says the same in words. */
import { useEffect, useState } from "preact/hooks";
import { cut, ms, nameOf } from "./format";
import type { Peer } from "./types";

interface Place {
  x: number;
  y: number;
}

interface Canvas {
  width: number;
  height: number;
  name: number; /* letters of a name that there is room for */
  named: number; /* with more members than that, names would lie over each other */
}

const WIDE: Canvas = { width: 1040, height: 500, name: 18, named: 24 };
const NARROW: Canvas = { width: 380, height: 400, name: 12, named: 9 };

function useCanvas(): Canvas {
  const query = "(max-width: 999px)";
  const [narrow, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = (): void => set(list.matches);
    list.addEventListener("change", change);
    change();
    return () => list.removeEventListener("change", change);
  }, []);
  return narrow ? NARROW : WIDE;
}

/* How far out a round trip is drawn, and up to how many ms. In steps, so that nothing trembles. */
const BANDS: readonly (readonly [most: number, reach: number])[] = [
  [10, 0.55],
  [30, 0.7],
  [80, 0.85],
  [Infinity, 1],
];
const RINGED_MAX = 12; /* with more members than that, rings are for room, not for round trips */

/* Where there is little room, the rings are closer to each other. */
function share(canvas: Canvas, band: number): number {
  return canvas === WIDE ? band : (1 + band) / 2;
}

function bandOf(peer: Peer): number {
  const rtt = peer.rtt_ms ?? Infinity;
  return BANDS.find(([most]) => rtt <= most)?.[1] ?? 1;
}

function reachOf(canvas: Canvas, n: number): Place {
  const wide = canvas === WIDE;
  return {
    x: canvas.width / 2 - (n > canvas.named ? 40 : wide ? 165 : 60),
    y: canvas.height / 2 - (wide ? 52 : 64),
  };
}

/* Shares of a crowd's rings; the outer ones are longer. */
function crowd(n: number): number[] {
  if (n <= 36) return [Math.floor(n / 3), n - Math.floor(n / 3)];
  const inner = Math.floor(n / 6);
  const middle = Math.floor(n / 3);
  return [inner, middle, n - inner - middle];
}

function around(canvas: Canvas, reach: Place, angle: number, out: number): Place {
  return {
    x: canvas.width / 2 + Math.cos(angle) * reach.x * out,
    y: canvas.height / 2 + Math.sin(angle) * reach.y * out,
  };
}

function places(peers: Peer[], canvas: Canvas): Place[] {
  const reach = reachOf(canvas, peers.length);
  const n = peers.length;
  /* Never one exactly below: that is where one's own name is. */
  const first = n === 1 ? -0.32 : -Math.PI / 2 + (n % 2 ? 0 : Math.PI / n);
  if (n <= RINGED_MAX)
    return peers.map((peer, i) =>
      around(canvas, reach, first + (2 * Math.PI * i) / n, share(canvas, bandOf(peer))),
    );
  const rings = crowd(n);
  return rings.flatMap((count, ring) =>
    Array.from({ length: count }, (_, i) =>
      around(
        canvas,
        reach,
        first + (2 * Math.PI * (i + ring / 2)) / count,
        (ring + 1.5) / (rings.length + 0.5),
      ),
    ),
  );
}

function kindOf(peer: Peer): "direct" | "relay" | "trying" | "off" {
  if (peer.path === "direct" && peer.state !== "failed") return "direct";
  if (peer.path === "relay" && peer.state !== "failed") return "relay";
  return peer.online && peer.state === "connecting" ? "trying" : "off";
}

/* Between oneself and those it carries, beside the straight line, so that one sees the way around; on
 * the outer side, away from one's own name. */
function relayPlace(carried: Place[], canvas: Canvas): Place {
  const centre = { x: canvas.width / 2, y: canvas.height / 2 };
  const x = carried.reduce((sum, place) => sum + place.x, 0) / carried.length - centre.x;
  const y = carried.reduce((sum, place) => sum + place.y, 0) / carried.length - centre.y;
  const length = Math.hypot(x, y);
  if (length < 60) return { x: centre.x + canvas.width / 9, y: centre.y - canvas.height / 5 };
  const aside = canvas === WIDE ? 52 : 34;
  const sides = [1, -1].map((side) => ({
    x: centre.x + x * 0.55 - (y / length) * aside * side,
    y: centre.y + y * 0.55 + (x / length) * aside * side,
  }));
  const out = (place: Place): number => Math.abs(place.x - centre.x);
  const best = sides.reduce((one, other) => (out(other) > out(one) ? other : one));
  const least = canvas === WIDE ? 110 : 80; /* one's own name is between */
  return out(best) < least ? { x: centre.x + (best.x < centre.x ? -least : least), y: best.y } : best;
}

function measureOf(peer: Peer): string {
  const kind = kindOf(peer);
  if (kind === "trying") return "connecting";
  if (kind !== "off") return ms(peer.rtt_ms);
  return !peer.online ? "offline" : peer.path === null ? "not known" : "not reached";
}

function Label({ peer, place, canvas }: { peer: Peer; place: Place; canvas: Canvas }) {
  const right = place.x - canvas.width / 2;
  const beside = canvas === WIDE && Math.abs(right) > canvas.width * 0.1;
  const anchor = beside ? (right > 0 ? "start" : "end") : "middle";
  const half = canvas === NARROW ? 52 : 0; /* so much room a name takes to each side */
  const x = beside
    ? place.x + (right > 0 ? 20 : -20)
    : Math.min(Math.max(place.x, half), canvas.width - half);
  const y = beside ? place.y - 2 : place.y < canvas.height / 2 ? place.y - 36 : place.y + 30;
  return (
    <text x={x} y={y} text-anchor={anchor}>
      <tspan class="name">{cut(nameOf(peer), canvas.name)}</tspan>
      <tspan class="measure" x={x} dy="18">
        {measureOf(peer)}
      </tspan>
    </text>
  );
}

/* What the distances mean: only where they mean it, and only to the eye. */
function Rings({ canvas, n }: { canvas: Canvas; n: number }) {
  if (n > RINGED_MAX) return null;
  const reach = reachOf(canvas, n);
  return (
    <>
      {BANDS.map(([most, band]) => (
        <g key={most} class="ring">
          <ellipse
            cx={canvas.width / 2}
            cy={canvas.height / 2}
            rx={reach.x * share(canvas, band)}
            ry={reach.y * share(canvas, band)}
          />
          {canvas === WIDE && most < Infinity && (
            <text x={canvas.width / 2 + 6} y={canvas.height / 2 + reach.y * band - 5}>
              {most} ms
            </text>
          )}
        </g>
      ))}
    </>
  );
}

function summary(peers: Peer[]): string {
  const number = (kind: string): number => peers.filter((peer) => kindOf(peer) === kind).length;
  return `The party as a picture: you, and ${peers.length} more; ${number("direct")} direct, ${number("relay")} by a relay, ${number("trying")} connecting, ${number("off")} not reached`;
}

interface MeshProps {
  self: string;
  peers: Peer[];
  onPick?: (id: string) => void;
  small?: boolean;
}

export function Mesh({ self, peers, onPick, small }: MeshProps) {
  const fitting = useCanvas();
  const canvas = small ? NARROW : fitting;
  const at = places(peers, canvas);
  const centre = { x: canvas.width / 2, y: canvas.height / 2 };
  const relays = new Map<string, Place[]>();
  peers.forEach((peer, i) => {
    const place = at[i];
    if (kindOf(peer) === "relay" && place)
      relays.set(peer.relay ?? "", [...(relays.get(peer.relay ?? "") ?? []), place]);
  });
  const marks = new Map([...relays].map(([name, carried]) => [name, relayPlace(carried, canvas)]));
  const named = peers.length <= canvas.named;
  return (
    <svg
      class={named ? "mesh" : "mesh crowd"}
      viewBox={`0 0 ${canvas.width} ${canvas.height}`}
      role="img"
      aria-label={summary(peers)}
    >
      <Rings canvas={canvas} n={peers.length} />
      {peers.map((peer, i) => {
        const place = at[i] ?? centre;
        const mark = kindOf(peer) === "relay" ? marks.get(peer.relay ?? "") : undefined;
        const way = mark
          ? `M${centre.x} ${centre.y}L${mark.x} ${mark.y}L${place.x} ${place.y}`
          : `M${centre.x} ${centre.y}L${place.x} ${place.y}`;
        return <path key={peer.id} class={`link ${kindOf(peer)}`} d={way} />;
      })}
      {[...marks].map(([name, mark]) => (
        <g key={name} class="via" transform={`translate(${mark.x} ${mark.y})`}>
          <rect x="-7" y="-7" width="14" height="14" transform="rotate(45)" />
          <text y={mark.y < centre.y ? -15 : 24} text-anchor="middle">
            {cut(name || "relay", canvas.name)}
          </text>
        </g>
      ))}
      {peers.map((peer, i) => {
        const place = at[i] ?? centre;
        return (
          <g key={peer.id} class={`node ${kindOf(peer)}`} onClick={() => onPick?.(peer.id)}>
            <title>{nameOf(peer)}</title>
            <circle class="reach" cx={place.x} cy={place.y} r={named ? 22 : 10} />
            <circle cx={place.x} cy={place.y} r={named ? 9 : 5} />
            {named && <Label peer={peer} place={place} canvas={canvas} />}
          </g>
        );
      })}
      <g class="node self">
        <circle class="halo" cx={centre.x} cy={centre.y} r="34" />
        <circle cx={centre.x} cy={centre.y} r="15" />
        <text x={centre.x} y={centre.y + 56} text-anchor="middle">
          <tspan class="name">{cut(self, canvas.name)}</tspan>
        </text>
      </g>
    </svg>
  );
}
