/* format.ts - numbers as `lanrage` prints them (svc-api/cli), so that the page and the command never
 * differ. Unknown is "-" there and here. */

export const UNKNOWN = "-";

type Maybe = number | null | undefined;

/* As printf("%.*f"): exact halves go to the even digit, where toFixed() goes up. */
export function fixed(value: number, digits: number): string {
  const twice = value * 2 ** (digits + 1);
  if (!Number.isInteger(twice) || Math.abs(twice % 2) !== 1) return value.toFixed(digits);
  const scale = 10 ** digits;
  const below = Math.floor(value * scale);
  return ((below % 2 === 0 ? below : below + 1) / scale).toFixed(digits);
}

export function measure(value: Maybe, unit: string): string {
  return typeof value === "number" ? `${fixed(value, 1)} ${unit}` : UNKNOWN;
}

export const ms = (value: Maybe): string => measure(value, "ms");
export const percent = (value: Maybe): string => measure(value, "%");

export function rate(value: Maybe): string {
  const units = ["B/s", "kB/s", "MB/s", "GB/s"];
  if (typeof value !== "number") return UNKNOWN;
  let unit = 0;
  let scaled = value;
  for (; scaled >= 999.95 && unit < 3; unit++) scaled /= 1000;
  return `${fixed(scaled, unit ? 1 : 0)} ${units[unit]}`;
}

/* A server's round trip, whole milliseconds. */
export function wholeMs(value: Maybe): string {
  return typeof value === "number" ? fixed(value, 0) : UNKNOWN;
}

export function mib(bytes: Maybe): string {
  return typeof bytes === "number" ? `${fixed(bytes / (1024 * 1024), 0)} MiB` : UNKNOWN;
}

export function count(value: Maybe): string {
  return typeof value === "number" ? String(value) : "?";
}

export function duration(seconds: Maybe): string {
  if (typeof seconds !== "number") return UNKNOWN;
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${whole} s`;
}

export function yesOrNo(value: boolean | null): string {
  return value === null ? "unknown" : value ? "yes" : "no";
}

export function mtu(value: number | null): string {
  return value === null ? "unknown" : value >= 1500 ? `${value} or more` : String(value);
}

/* `89 excellent` */
export function quality(score: number | null, grade: string | null): string {
  return score === null ? UNKNOWN : `${score} ${grade ?? ""}`.trim();
}

/* A time of the API in this browser's manner; the title says it exactly. */
export function moment(iso: string | null): string {
  if (!iso) return UNKNOWN;
  const at = new Date(iso);
  const now = new Date();
  return now.toDateString() === at.toDateString()
    ? at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })
    : at.toLocaleString([], {
        ...(at.getFullYear() !== now.getFullYear() && { year: "numeric" }),
        month: "short",
        day: "numeric",
        hour: "2-digit",
        minute: "2-digit",
        hourCycle: "h23",
      });
}

export function pathWords(peer: {
  path: string | null;
  relay: string | null;
  online: boolean;
}): string {
  if (peer.path === "relay") return `relay ${peer.relay ?? ""}`.trim();
  if (peer.path === "none") return peer.online ? "none" : "offline";
  return peer.path ?? UNKNOWN;
}

export function nameOf(one: { name: string | null; id?: string | null; key?: string }): string {
  return one.name || one.id || one.key || UNKNOWN;
}

/* How many usual letters are as wide as this one; marks that stack up take no room beside them, and
 * half a letter's share, so that there is an end to them. */
function widthOf(letter: string): number {
  if (/[\p{M}\p{Cf}]/u.test(letter)) return 0.5;
  if (/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Hangul}\p{Extended_Pictographic}]/u.test(letter))
    return 2;
  return /[WM@\u{ff00}-\u{ffef}]/u.test(letter) ? 1.8 : 1;
}

/* At most as wide as that many letters. */
export function cut(text: string, most: number): string {
  const letters = [...text];
  const all = letters.reduce((sum, letter) => sum + widthOf(letter), 0);
  let width = 1; /* of the ellipsis */
  let n = 0;
  if (all <= most) return text;
  while (n < letters.length && (width += widthOf(letters[n] ?? "")) <= most) n++;
  return `${letters.slice(0, n).join("")}…`;
}

/* What the API says, as a sentence. A name of a setting or a command stays as it has to be written. */
export function sentence(text: string): string {
  const word = /^[a-z]+(?![\w.:-])/.test(text) && !/^(lanrage|sudo)\b/.test(text);
  const first = word ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
