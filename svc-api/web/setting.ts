/* setting.ts - what may be a setting's value, as its description says. The API has the last word; this
 * only spares a question whose answer is plain. */
import type { Setting } from "./types";

const FACTORS: Record<string, number> = { "": 1, s: 1, m: 60, h: 3600, d: 86400 };

/* `1h30m` in seconds, as common/duration.c reads it; null where it is none. */
export function parseDuration(text: string): number | null {
  if (!/^(\d+[smhd])*\d+[smhd]?$/.test(text)) return null;
  return [...text.matchAll(/(\d+)([smhd]?)/g)].reduce(
    (sum, [, digits, unit]) => sum + Number(digits) * (FACTORS[unit ?? ""] ?? 1),
    0,
  );
}

function durationWords(seconds: number): string {
  for (const [unit, factor] of [
    ["d", 86400],
    ["h", 3600],
    ["m", 60],
  ] as const)
    if (seconds % factor === 0 && seconds > 0) return `${seconds / factor}${unit}`;
  return `${seconds}s`;
}

function outside(value: number, setting: Setting, words: (value: number) => string): string | null {
  if (setting.min !== null && value < setting.min) return `at least ${words(setting.min)}`;
  return setting.max !== null && value > setting.max ? `at most ${words(setting.max)}` : null;
}

/* Null: nothing is wrong with it. "" is always right: the default. */
export function complaintOf(setting: Setting, value: string): string | null {
  if (value === "") return null;
  const bytes = new TextEncoder().encode(value).length;
  if (setting.type === "integer")
    return /^-?\d+$/.test(value) ? outside(Number(value), setting, String) : "a whole number";
  if (setting.type === "duration") {
    const seconds = parseDuration(value);
    return seconds === null
      ? "a time such as 90s, 30m, 2h or 1d"
      : outside(seconds, setting, durationWords);
  }
  if (setting.type === "network")
    return /^\d+(\.\d+){3}\/\d+$/.test(value) ? null : "a network such as 10.66.0.0/16";
  if (setting.type === "url")
    return /^[a-z]+:\/\/[^\s]+$/.test(value)
      ? null
      : "an address with its scheme, such as ws://HOST:PORT";
  return setting.type === "name" && setting.max !== null && bytes > setting.max
    ? `at most ${setting.max} bytes`
    : null;
}

/* The default, in words. */
export function shown(setting: Setting): string {
  return setting.default === "" ? "none" : setting.default;
}
