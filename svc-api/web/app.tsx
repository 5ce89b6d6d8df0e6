/* app.tsx - the page: the shell, and the view that the address names. */
import { render } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Copy } from "./button";
import { startFocus } from "./focus";
import { startHeartbeats } from "./heartbeat";
import { startInvites } from "./invites";
import { startNews } from "./news";
import { titles, useRoute } from "./route";
import type { Route } from "./route";
import { Door, Live, Navigation, NotLive, ThemeSwitch } from "./shell";
import { startStore, useStore } from "./store";
import { followTheme } from "./theme";
import { Toasts } from "./toasts";
import { startTraces } from "./trace";
import { DiscordView } from "./views/discord";
import { LogView } from "./views/log";
import { MetricsView } from "./views/metrics";
import { NetworkView } from "./views/network";
import { PartyView } from "./views/party";
import { ServersView } from "./views/servers";
import { SettingsView } from "./views/settings";

const views: Record<Route, () => preact.JSX.Element> = {
  party: PartyView,
  servers: ServersView,
  metrics: MetricsView,
  network: NetworkView,
  discord: DiscordView,
  settings: SettingsView,
  log: LogView,
};

function Me() {
  const self = useStore((store) => store.state?.status?.self ?? null);
  if (!self) return null;
  return (
    <div class="me">
      <span class="cut" title={self.name ?? ""}>
        {self.name ?? "-"}
      </span>
      {self.virtual_ip && (
        <span class="address">
          {self.virtual_ip} <Copy text={self.virtual_ip} what="your address" />
        </span>
      )}
    </div>
  );
}

function App() {
  const route = useRoute();
  const link = useStore((store) => store.link);
  const known = useStore((store) => store.state !== null);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(route);
  useEffect(() => {
    document.title = `${titles[route]} · LANrage`;
    if (shown.current !== route) main.current?.focus({ preventScroll: true });
    if (shown.current !== route) scrollTo(0, 0);
    shown.current = route;
  }, [route]);
  const View = views[route];
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => (event.preventDefault(), main.current?.focus())}
      >
        Skip to the view
      </a>
      <header>
        <a class="mark" href="#/party" aria-label="LANrage, to the party">
          LAN<b>rage</b>
        </a>
        <Navigation route={route} />
        <div class="foot">
          <Me />
          <div class="state">
            <Live />
            <ThemeSwitch />
          </div>
        </div>
      </header>
      <main ref={main} id="main" tabIndex={-1} class={`view-${route}`}>
        <NotLive />
        {known && link !== "gone" ? <View key={route} /> : <Door link={link} />}
      </main>
      <Toasts />
    </>
  );
}

followTheme();
startNews();
startInvites();
startTraces();
startHeartbeats();
startStore();
const root = document.getElementById("app");
if (root) {
  render(<App />, root);
  startFocus(root);
}
