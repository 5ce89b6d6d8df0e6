/* mesh.tsx - the party as a picture: oneself in the middle, the others around, each link drawn by its
 * path. Direct is solid, by a relay is dashed through the relay's mark, what is tried is dotted.
 * The list of members below it says the same in words. */
import { useEffect, useState } from "preact/hooks";
import { ms, nameOf } from "./format";
import type { Peer } from "./types";

interface Place {
  x: number;
  y: number;
}

interface Canvas {
  width: number;
  height: number;
  name: number; /* characters of a name that there is room for */
}

const WIDE: Canvas = { width: 1040, height: 500, name: 18 };
const NARROW: Canvas = { width: 380, height: 420, name: 12 };
const NAMED_MAX = 24; /* with more members than that, names would lie over each other */

function useCanvas(): Canvas {
  const query = "(max-width: 719px)";
  const [narrow, set] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = (): void => set(list.matches);
    list.addEventListener("change", change);
    return () => list.removeEventListener("change", change);
  }, []);
  return narrow ? NARROW : WIDE;
}

/* One ring for a dozen, more of them beyond, the outer ones longer. */
function ringsOf(n: number): number[] {
  if (n <= 12) return [n];
  if (n <= 36) return [Math.floor(n / 3), n - Math.floor(n / 3)];
  const inner = Math.floor(n / 6);
  const middle = Math.floor(n / 3);
  return [inner, middle, n - inner - middle];
}

function places(n: number, canvas: Canvas): Place[] {
  const rings = ringsOf(n);
  const reachX = canvas.width / 2 - (n > NAMED_MAX ? 40 : canvas.width / 5.2);
  const reachY = canvas.height / 2 - 62;
  return rings.flatMap((count, ring) => {
    const reach = (ring + 1 + (rings.length > 1 ? 0.5 : 0)) / (rings.length + (rings.length > 1 ? 0.5 : 0));
    return Array.from({ length: count }, (_, i) => {
      /* Two are beside each other, three a triangle; never one exactly above: names need room. */
      const turn = count === 1 ? -0.28 : -Math.PI / 2 + Math.PI / count + (ring % 2 ? Math.PI / count : 0);
      const angle = turn + (2 * Math.PI * i) / count;
      return { x: canvas.width / 2 + Math.cos(angle) * reachX * reach, y: canvas.height / 2 + Math.sin(angle) * reachY * reach };
    });
  });
}

function cut(text: string, most: number): string {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}

function kindOf(peer: Peer): "direct" | "relay" | "trying" | "off" {
  if (peer.path === "direct" && peer.state !== "failed") return "direct";
  if (peer.path === "relay" && peer.state !== "failed") return "relay";
  return peer.online && peer.state === "connecting" ? "trying" : "off";
}

/* Between oneself and those it carries, beside the straight line, so that one sees the way around. */
function relayPlace(carried: Place[], canvas: Canvas, index: number): Place {
  const centre = { x: canvas.width / 2, y: canvas.height / 2 };
  const x = carried.reduce((sum, place) => sum + place.x, 0) / carried.length - centre.x;
  const y = carried.reduce((sum, place) => sum + place.y, 0) / carried.length - centre.y;
  const length = Math.hypot(x, y);
  const side = index % 2 ? -1 : 1;
  if (length < 60) return { x: centre.x + side * 90, y: centre.y - 90 };
  const aside = (canvas === WIDE ? 64 : 40) * side;
  return { x: centre.x + x * 0.52 - (y / length) * aside, y: centre.y + y * 0.52 + (x / length) * aside };
}

function Label({ peer, place, canvas }: { peer: Peer; place: Place; canvas: Canvas }) {
  const right = place.x - canvas.width / 2;
  const beside = Math.abs(right) > canvas.width * 0.17;
  const anchor = beside ? (right > 0 ? "start" : "end") : "middle";
  const x = place.x + (beside ? (right > 0 ? 18 : -18) : 0);
  const y = beside ? place.y - 2 : place.y < canvas.height / 2 ? place.y - 38 : place.y + 30;
  return (
    <text x={x} y={y} text-anchor={anchor}>
      <tspan class="name">{cut(nameOf(peer), canvas.name)}</tspan>
      <tspan class="measure" x={x} dy="18">
        {kindOf(peer) === "off" ? (peer.online ? "not reached" : "offline") : kindOf(peer) === "trying" ? "connecting" : ms(peer.rtt_ms)}
      </tspan>
    </text>
  );
}

function summary(peers: Peer[]): string {
  const number = (kind: string): number => peers.filter((peer) => kindOf(peer) === kind).length;
  return `The party as a picture: you, and ${peers.length} more; ${number("direct")} direct, ${number("relay")} by a relay, ${number("trying")} connecting, ${number("off")} not reached`;
}

interface MeshProps {
  self: string;
  peers: Peer[];
  onPick: (id: string) => void;
}

export function Mesh({ self, peers, onPick }: MeshProps) {
  const canvas = useCanvas();
  const at = places(peers.length, canvas);
  const centre = { x: canvas.width / 2, y: canvas.height / 2 };
  const relays = new Map<string, Place[]>();
  peers.forEach((peer, i) => {
    const place = at[i];
    if (kindOf(peer) === "relay" && place) relays.set(peer.relay ?? "", [...(relays.get(peer.relay ?? "") ?? []), place]);
  });
  const marks = new Map([...relays].map(([name, carried], i) => [name, relayPlace(carried, canvas, i)]));
  const named = peers.length <= NAMED_MAX;
  return (
    <svg class="mesh" viewBox={`0 0 ${canvas.width} ${canvas.height}`} role="img" aria-label={summary(peers)}>
      {peers.map((peer, i) => {
        const place = at[i] ?? centre;
        const mark = kindOf(peer) === "relay" ? marks.get(peer.relay ?? "") : undefined;
        const way = mark ? `M${centre.x} ${centre.y}L${mark.x} ${mark.y}L${place.x} ${place.y}` : `M${centre.x} ${centre.y}L${place.x} ${place.y}`;
        return <path key={peer.id} class={`link ${kindOf(peer)}`} d={way} />;
      })}
      {[...marks].map(([name, mark]) => (
        <g key={name} class="relay" transform={`translate(${mark.x} ${mark.y})`}>
          <rect x="-7" y="-7" width="14" height="14" transform="rotate(45)" />
          <text y="-16" text-anchor="middle">
            {cut(name || "relay", canvas.name)}
          </text>
        </g>
      ))}
      {peers.map((peer, i) => {
        const place = at[i] ?? centre;
        return (
          <g key={peer.id} class={`node ${kindOf(peer)}`} onClick={() => onPick(peer.id)}>
            <title>{nameOf(peer)}</title>
            <circle class="reach" cx={place.x} cy={place.y} r={named ? 22 : 10} />
            <circle cx={place.x} cy={place.y} r={named ? 8 : 5} />
            {named && <Label peer={peer} place={place} canvas={canvas} />}
          </g>
        );
      })}
      <g class="node self">
        <circle class="halo" cx={centre.x} cy={centre.y} r="30" />
        <circle cx={centre.x} cy={centre.y} r="13" />
        <text x={centre.x} y={centre.y + 50} text-anchor="middle">
          <tspan class="name">{cut(self, canvas.name)}</tspan>
        </text>
      </g>
    </svg>
  );
}
