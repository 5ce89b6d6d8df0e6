/* qr.tsx - a text as a QR code: dark on light in both themes, as cameras expect. */
import { useMemo } from "preact/hooks";
import { encode } from "uqr";

function path(data: boolean[][]): string {
  return data
    .map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")).join(""))
    .join("");
}

export function Qr({ text, label }: { text: string; label: string }) {
  const code = useMemo(() => encode(text, { border: 2, ecc: "M" }), [text]);
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${code.size} ${code.size}`}
      role="img"
      aria-label={label}
      shape-rendering="crispEdges"
    >
      <rect width={code.size} height={code.size} class="paper" />
      <path d={path(code.data)} class="ink" />
    </svg>
  );
}
