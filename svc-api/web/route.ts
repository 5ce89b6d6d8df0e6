/* route.ts - which view is shown: the word behind the address's `#/`. */
import { useEffect, useState } from "preact/hooks";

export const routes = [
  "party",
  "servers",
  "metrics",
  "network",
  "discord",
  "settings",
  "log",
] as const;
export type Route = (typeof routes)[number];

export const titles: Record<Route, string> = {
  party: "Party",
  servers: "Servers",
  metrics: "Metrics",
  network: "Network",
  discord: "Discord",
  settings: "Settings",
  log: "Log",
};

function current(): Route {
  const word = location.hash.replace(/^#\/?/, "").split("/")[0];
  return routes.find((route) => route === word) ?? "party";
}

export function useRoute(): Route {
  const [route, set] = useState(current);
  useEffect(() => {
    const change = (): void => set(current());
    addEventListener("hashchange", change);
    change(); /* it may have changed since it was drawn */
    return () => removeEventListener("hashchange", change);
  }, []);
  return route;
}
