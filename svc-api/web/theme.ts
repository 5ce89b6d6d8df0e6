/* theme.ts - dark or light: as the system says, or as the user chose here. */

export type Theme = "dark" | "light";

const KEY = "lanrage-theme";
const preference = matchMedia("(prefers-color-scheme: light)");

function chosen(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null; /* storage may be switched off */
  }
}

export function theme(): Theme {
  return chosen() ?? (preference.matches ? "light" : "dark");
}

function show(): void {
  document.documentElement.dataset["theme"] = theme();
}

export function followTheme(): void {
  show();
  preference.addEventListener("change", show);
}

export function switchTheme(): Theme {
  const next: Theme = theme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    /* then it lasts as long as the page */
  }
  document.documentElement.dataset["theme"] = next;
  return next;
}
