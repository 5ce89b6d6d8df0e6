/* shell.tsx - what is around every view: where one can go, who one is, and whether it is live. */
import { Icon } from "./icons";
import { routes, titles } from "./route";
import type { Route } from "./route";
import { connectNow, useStore } from "./store";
import type { Link } from "./store";
import { switchTheme, useTheme } from "./theme";

const words: Record<Link, string> = {
  connecting: "Connecting…",
  live: "Live",
  starting: "LANrage is starting…",
  away: "Not live: LANrage does not answer",
  gone: "Signed out",
};

export function Navigation({ route }: { route: Route }) {
  return (
    <nav aria-label="Views">
      {routes.map((one) => (
        <a key={one} href={`#/${one}`} aria-current={one === route ? "page" : undefined}>
          <Icon of={one} />
          <span>{titles[one]}</span>
        </a>
      ))}
    </nav>
  );
}

export function Live() {
  const link = useStore((store) => store.link);
  return (
    <p class={`pulse ${link}`} role="status">
      <i aria-hidden="true" />
      {words[link]}
    </p>
  );
}

export function ThemeSwitch() {
  const now = useTheme();
  return (
    <button
      type="button"
      class="theme"
      aria-label={`Switch to the ${now === "dark" ? "light" : "dark"} theme`}
      onClick={switchTheme}
    >
      <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
        <path d="M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z" />
        <path class="half" d="M12 4a8 8 0 0 1 0 16z" />
      </svg>
    </button>
  );
}

/* What is shown below this is what was last heard. */
export function NotLive() {
  const link = useStore((store) => store.link);
  const known = useStore((store) => store.state !== null);
  if (link === "live" || link === "gone" || !known) return null;
  return (
    <div class="notlive" role="alert">
      <span>
        {link === "starting"
          ? words.starting
          : "Not live: what you see was true when LANrage last answered."}{" "}
        It comes back by itself.
      </span>
      <button type="button" class="button quiet" onClick={connectNow}>
        Try now
      </button>
    </div>
  );
}

/* There is nothing to show: no session, or nothing heard yet. */
export function Door({ link }: { link: Link }) {
  if (link === "gone")
    return (
      <section class="door">
        <h1>Come in by a link</h1>
        <p>This browser has no session, or LANrage was started anew since. In a terminal, run</p>
        <p class="command">lanrage ui</p>
        <p>
          and open the link that it prints. It works once, and lets this browser in for 30 days.
        </p>
      </section>
    );
  return (
    <section class="door">
      <h1>
        {link === "away"
          ? "LANrage does not answer"
          : link === "starting"
            ? "LANrage is starting"
            : "One moment"}
      </h1>
      {link === "away" ? <p>Is it running? Start it by</p> : <p>Looking around…</p>}
      {link === "away" && <p class="command">sudo make up</p>}
      {link === "away" && <p>This page comes back by itself as soon as it answers.</p>}
    </section>
  );
}
