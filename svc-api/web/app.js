// The status page: asks the API every two seconds and shows what it says. Names come from other
// people, so everything is written by textContent.
"use strict";

const POLL_MS = 2000;
const ACTION_TIMEOUT_MS = 20000;
const POLL_TIMEOUT_MS = 5000;
const UNKNOWN = "–";

const by = (id) => document.getElementById(id);
let timer = null;
let round = 0; // only the latest refresh goes on polling
let shownParty = null;

class Refusal extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function said(error) {
  return [error.message, error.hint].filter(Boolean).join("; ");
}

async function ask(method, path, body, timeout = POLL_TIMEOUT_MS) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(`/api/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(timeout),
    });
  } catch {
    throw new Refusal(0, "away", "LANrage does not answer: is it running? (sudo make up)");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    const error = (answer && answer.error) || {};
    throw new Refusal(response.status, error.code, said(error) || `status ${response.status}`);
  }
  return answer;
}

// ---- showing

function text(id, value) {
  by(id).textContent = value === null || value === undefined || value === "" ? UNKNOWN : value;
}

function show(id, visible) {
  by(id).hidden = !visible;
}

function notice(message) {
  text("notice", message || "");
  show("notice", Boolean(message));
}

function element(tag, className, content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (content !== undefined) made.textContent = content;
  return made;
}

function number(value, unit, digits = 1) {
  return typeof value === "number" ? `${value.toFixed(digits)} ${unit}` : UNKNOWN;
}

function pathWords(peer) {
  if (peer.path === "direct") return ["direct", "good"];
  if (peer.path === "relay") return [peer.relay ? `relay ${peer.relay}` : "relay", "middling"];
  if (!peer.online) return ["offline", "quiet"];
  if (peer.state === "connecting") return ["connecting", "middling"];
  return peer.state === "failed" ? ["not reached", "bad"] : [UNKNOWN, "quiet"];
}

function peerItem(peer) {
  const item = element("li");
  const line = element("div", "line");
  const [words, className] = pathWords(peer);
  line.append(element("span", "name", (peer.name || UNKNOWN) + (peer.host ? " (host)" : "")),
    element("span", className, words),
    element("span", "quiet", peer.virtual_ip || UNKNOWN));
  item.append(line, element("div", "quiet",
    `ping ${number(peer.rtt_ms, "ms")} · jitter ${number(peer.jitter_ms, "ms")} · ` +
    `loss ${number(peer.loss_pct, "%")}`));
  if (peer.reason) item.append(element("div", "quiet", peer.reason));
  return item;
}

function serviceItem(name, service) {
  const item = element("li", "line");
  const restarts = service.restarts ? `${service.restarts} restarts` : "";
  item.append(element("span", "name", name),
    element("span", service.state === "running" ? "good" : "bad", service.state || UNKNOWN),
    element("span", "quiet", restarts));
  return item;
}

function showParty(status, settings) {
  const party = status.party;
  const known = status.self.id !== null;
  show("party", party !== null);
  show("members", party !== null);
  show("no-party", party === null && known);
  if (!party) {
    show("invite", false);
    shownParty = null;
    return;
  }
  if (shownParty !== party.id) show("invite", false);
  shownParty = party.id;
  show("invite-form", party.host !== null && party.host === status.self.name); // only the host can
  text("party-name", party.name);
  text("party-host", party.host);
  text("party-members", String(party.members));
  text("self-name", status.self.name);
  text("self-ip", status.self.virtual_ip);
  by("toggle").textContent = settings && settings.up === "off" ? "Connect" : "Disconnect";
}

function showSystem(status, network) {
  const { server, relay, nat } = status;
  const reason = network && network.server.reason ? `: ${network.server.reason}` : "";
  show("system", true);
  const serverState = server.state === "none" ? "not in use now" : server.state || UNKNOWN;
  text("server", server.url ? `${server.url}, ${serverState}${reason}` : server.state && "none set");
  text("relay", relay && `${relay.name || relay.endpoint || UNKNOWN}, ${number(relay.rtt_ms, "ms")}`);
  text("nat", [nat.mapping, nat.filtering && `filtering ${nat.filtering}`].filter(Boolean).join(", "));
  text("public", nat.public && nat.public.join(", "));
  text("interface", status.self.interface);
  by("services").replaceChildren(
    ...Object.entries(status.services).map(([name, service]) => serviceItem(name, service)));
}

function showPeers(peers) {
  show("nobody", peers.length === 0);
  by("peers").replaceChildren(...peers.map(peerItem));
}

function summary(status) {
  if (status.self.id === null) return "the control service does not answer";
  if (!status.party) return "in no party";
  return `${status.party.name || "a party"}, ${status.party.members} members`;
}

// ---- asking

const orNull = (promise) => promise.catch(() => null);

async function refresh() {
  const mine = ++round;
  try {
    const [status, peers, settings] = await Promise.all(
      [ask("GET", "status"), orNull(ask("GET", "peers")), orNull(ask("GET", "settings"))]);
    const away = status.server.state === "away" || status.server.state === "connecting";
    const network = away ? await orNull(ask("GET", "network")) : null;
    if (mine !== round) return;
    text("summary", summary(status));
    showParty(status, settings);
    showSystem(status, network);
    if (peers) showPeers(peers);
    show("no-session", false);
    if (by("notice").dataset.from === "poll") notice("");
  } catch (refusal) {
    if (mine !== round) return;
    if (refusal.status === 401) {
      askToLogIn();
      return;
    }
    text("summary", UNKNOWN);
    notice(refusal.message);
    by("notice").dataset.from = "poll";
  }
  timer = setTimeout(refresh, POLL_MS);
}

function start() {
  clearTimeout(timer);
  refresh();
}

/** The browser has no session here, or its time is over. */
function askToLogIn() {
  clearTimeout(timer);
  round++;
  for (const id of ["party", "members", "no-party", "system"]) show(id, false);
  text("summary", "");
  show("no-session", true);
}

/** Runs one action with its button off, and says what was refused. */
async function act(button, method, path, body) {
  button.disabled = true;
  notice("");
  try {
    return await ask(method, path, body, ACTION_TIMEOUT_MS);
  } catch (refusal) {
    notice(refusal.message);
    by("notice").dataset.from = "action";
    return null;
  } finally {
    button.disabled = false;
    start();
  }
}

function showInvite(invite) {
  if (!invite) return;
  text("invite-code", invite.code);
  text("invite-link", invite.link);
  text("invite-expires", new Date(invite.expires_at).toLocaleString());
  show("invite", true);
}

/** The fields of a form that are filled in. */
function filled(form) {
  return Object.fromEntries([...new FormData(form)].filter(([, value]) => value !== ""));
}

function onSubmit(id, handler) {
  by(id).addEventListener("submit", (event) => {
    event.preventDefault();
    handler(event.target, event.target.querySelector("button"));
  });
}

onSubmit("create-form", async (form, button) => {
  const invite = await act(button, "POST", "party", filled(form));
  if (!invite) return;
  form.reset();
  const status = await orNull(ask("GET", "status"));
  shownParty = status && status.party && status.party.id;
  showInvite(invite);
});

onSubmit("join-form", async (form, button) => {
  if (await act(button, "POST", "party/join", filled(form))) form.reset();
});

onSubmit("invite-form", async (form, button) => {
  showInvite(await act(button, "POST", "party/invite", { once: form.elements.once.checked }));
});

by("leave").addEventListener("click", (event) => {
  if (confirm("Leave the party? To come back you need a new code.")) {
    act(event.target, "POST", "party/leave");
  }
});

by("toggle").addEventListener("click", (event) => {
  act(event.target, "POST", event.target.textContent === "Connect" ? "up" : "down");
});

for (const [button, source] of [["copy-code", "invite-code"], ["copy-link", "invite-link"]]) {
  by(button).addEventListener("click", () => navigator.clipboard.writeText(by(source).textContent));
}

start();
