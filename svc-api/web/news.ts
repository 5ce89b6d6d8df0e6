/* news.ts - tells what happened in the party: who came, who went, whose path is another now. */
import { nameOf, pathWords } from "./format";
import { onChange, toast } from "./store";
import type { Peer, State } from "./types";

const AT_ONCE_MAX = 3; /* more news than that in one message is told as a number */

function newsOfPeer(before: Peer | undefined, now: Peer | undefined): string | null {
  if (!before && now) return `${nameOf(now)} joined the party`;
  if (before && !now) return `${nameOf(before)} left the party`;
  if (!before || !now) return null;
  if (before.online !== now.online) return `${nameOf(now)} is ${now.online ? "back" : "offline"}`;
  const was = pathWords(before);
  const is = pathWords(now);
  if (was === is || now.path === null || before.path === null) return null;
  return now.path === "none"
    ? `${nameOf(now)} is not reached any more`
    : `${nameOf(now)}: now ${is}`;
}

function newsOf(before: State, now: State): string[] {
  const then = before.peers ?? {};
  const here = now.peers ?? {};
  return [...new Set([...Object.keys(then), ...Object.keys(here)])]
    .map((id) => newsOfPeer(then[id], here[id]))
    .filter((text) => text !== null);
}

function tell(before: State | null, now: State): void {
  if (!before || before.peers === now.peers || !before.peers || !now.peers) return;
  if (before.status?.party?.id !== now.status?.party?.id)
    return; /* another party: all of it is new */
  const news = newsOf(before, now);
  if (news.length > AT_ONCE_MAX) toast("news", `${news.length} members changed`);
  else news.forEach((text) => toast("news", text));
}

export function startNews(): void {
  onChange(tell);
}
