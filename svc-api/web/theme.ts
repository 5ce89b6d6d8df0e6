/* theme.ts - dark or light: as the system says, which style.css sees by itself, or as the user chose
 * here, which is written on the document. */
import { useEffect, useState } from "preact/hooks";

export type Theme = "dark" | "light";

const KEY = "lanrage-theme";
const preference = matchMedia("(prefers-color-scheme: light)");
const listeners = new Set<() => void>();

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null; /* storage may be switched off */
  }
}

let chosen = stored();

function theme(): Theme {
  return chosen ?? (preference.matches ? "light" : "dark");
}

function show(): void {
  if (chosen) document.documentElement.dataset["theme"] = chosen;
  listeners.forEach((listener) => listener());
}

export function followTheme(): void {
  show();
  preference.addEventListener("change", show);
}

export function switchTheme(): void {
  chosen = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    /* then it lasts as long as the page */
  }
  show();
}

export function useTheme(): Theme {
  const [now, set] = useState(theme);
  useEffect(() => {
    const look = (): void => set(theme());
    listeners.add(look);
    look();
    return () => {
      listeners.delete(look);
    };
  }, []);
  return now;
}
