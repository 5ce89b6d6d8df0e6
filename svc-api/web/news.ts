/* news.ts - tells what happened in the party: who came, who went, whose path is another now. */
import { nameOf, pathWords } from "./format";
import { onChange, toast } from "./store";
import type { Peer, State } from "./types";

const AT_ONCE_MAX = 3; /* more news than that in one message is told as a number */

function newsOfPeer(before: Peer | undefined, now: Peer | undefined): string | null {
  if (!before) return "joined the party";
  if (!now) return "left the party";
  if (before.online !== now.online) return now.online ? "is back" : "is offline";
  const was = pathWords(before);
  const is = pathWords(now);
  if (was === is || now.path === null || before.path === null) return null;
  if (now.path === "none") return "is not reached any more";
  return now.path === "direct" ? "is reached directly now" : `is reached by ${is} now`;
}

interface News {
  name: string;
  text: string;
}

function newsOf(before: State, now: State): News[] {
  const then = before.peers ?? {};
  const here = now.peers ?? {};
  return Object.entries({ ...then, ...here }).flatMap(([id, peer]) => {
    const text = newsOfPeer(then[id], here[id]);
    return text === null ? [] : [{ name: nameOf(peer), text }];
  });
}

function tell(before: State | null, now: State): void {
  if (!before || before.peers === now.peers || !before.peers || !now.peers) return;
  if (before.status?.party?.id !== now.status?.party?.id)
    return; /* another party: all of it is new */
  const news = newsOf(before, now);
  if (news.length > AT_ONCE_MAX) toast("news", `${news.length} members changed`);
  else news.forEach(({ name, text }) => toast("news", text, name));
}

export function startNews(): void {
  onChange(tell);
}
