/* icons.tsx - one small picture per view, drawn in 24 by 24. */
import type { Route } from "./route";

const paths: Record<Route, string> = {
  party:
    "M12 12 5 6m7 6 7-6m-7 6v8M12 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM5 7.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zm14 0a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zm-7 14a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z",
  servers: "M4 5h16v6H4zm0 8h16v6H4zm4-5h.01M8 16h.01M12 8h4m-4 8h4",
  metrics: "M3 19h18M4 15l4-5 4 3 4-7 4 4",
  network: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
  discord: "M5 5h14v11H9l-4 4zM9 10h.01M12 10h.01M15 10h.01",
  settings:
    "M4 7h9m5 0h2M4 17h2m5 0h9M15.5 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4zm-7 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  log: "M4 6h16M4 10h11M4 14h16M4 18h8",
};

export function Icon({ of }: { of: Route }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={paths[of]} />
    </svg>
  );
}
