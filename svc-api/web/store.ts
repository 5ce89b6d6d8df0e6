/* store.ts - the one picture of the suite, fed by live events: a snapshot, then patches. Views read
 * it by useStore(). Where the events stop it says so, and comes back by itself. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Refusal, ask, whenGone } from "./api";
import { applyPatch } from "./patch";
import type { Json, Operation } from "./patch";
import type { State, Status } from "./types";

/* gone: the session is over, and only `lanrage ui` helps. */
export type Link = "connecting" | "live" | "starting" | "away" | "gone";

export interface Toast {
  id: number;
  kind: "good" | "news" | "bad";
  about: string | null; /* a name, which is cut where it is long; the text is not */
  text: string;
}

export interface Store {
  link: Link;
  state: State | null; /* as last told, even while not live */
  toasts: Toast[];
}

const BACK_OFF_MS = [250, 500, 1000, 2000, 4000, 8000];
const TOAST_MS = 6000;
const TOASTS_MAX = 4;

let store: Store = { link: "connecting", state: null, toasts: [] };
const listeners = new Set<() => void>();
const watchers = new Set<(before: State | null, now: State) => void>();
let attempts = 0;
let sequence = 0;
let timer = 0;
let current: WebSocket | null = null;
let nextToast = 1;

function set(change: Partial<Store>): void {
  store = { ...store, ...change };
  listeners.forEach((listener) => listener());
}

export function getStore(): Store {
  return store;
}

/* What the view wants of the store; it is drawn again when that is another value. */
export function useStore<T>(select: (store: Store) => T): T {
  const latest = useRef(select);
  latest.current = select;
  const value = select(store);
  const shown = useRef(value);
  shown.current = value;
  const [, draw] = useState(0);
  useEffect(() => {
    const look = (): void => {
      if (!Object.is(latest.current(store), shown.current)) draw((n) => n + 1);
    };
    listeners.add(look);
    look();
    return () => {
      listeners.delete(look);
    };
  }, []);
  return value;
}

export function onChange(watcher: (before: State | null, now: State) => void): void {
  watchers.add(watcher);
}

export function toast(kind: Toast["kind"], text: string, about: string | null = null): void {
  const one: Toast = { id: nextToast++, kind, about, text };
  set({ toasts: [...store.toasts, one].slice(-TOASTS_MAX) });
  setTimeout(() => dismiss(one.id), TOAST_MS);
}

export function dismiss(id: number): void {
  if (store.toasts.some((one) => one.id === id))
    set({ toasts: store.toasts.filter((one) => one.id !== id) });
}

function take(state: State): void {
  const before = store.state;
  set({ state, link: "live" });
  attempts = 0;
  watchers.forEach((watcher) => watcher(before, state));
}

interface Message {
  type: string;
  sequence: number;
  state?: State;
  patch?: Operation[];
}

/* False: something is missing, and only a new snapshot helps. */
function receive(message: Message): boolean {
  if (message.type === "snapshot" && message.state) {
    sequence = message.sequence;
    take(message.state);
    return true;
  }
  if (
    message.type !== "delta" ||
    !message.patch ||
    !store.state ||
    message.sequence !== sequence + 1
  )
    return false;
  sequence = message.sequence;
  take(applyPatch(store.state as unknown as Json, message.patch) as unknown as State);
  return true;
}

/* A WebSocket does not say why it was refused; a request does, and where the session is over leave()
 * is called by it. */
async function findOut(): Promise<Link> {
  try {
    await ask<Status>("GET", "status");
    return "connecting";
  } catch (error) {
    return (error as Refusal).status === 503 ? "starting" : "away";
  }
}

/* Unless meanwhile the session is over, or the user did not want to wait and there is another one. */
async function comeBack(after: WebSocket): Promise<void> {
  const link = await findOut();
  if (after !== current) return;
  set({ link });
  const wait = BACK_OFF_MS[Math.min(attempts++, BACK_OFF_MS.length - 1)] ?? 8000;
  clearTimeout(timer);
  timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
}

/* One connection at a time: what an older one still says is not heard. */
function connect(): void {
  const socket = new WebSocket(`ws://${location.host}/api/v1/events`);
  const before = current;
  current = socket;
  before?.close();
  socket.onmessage = (event: MessageEvent<string>) => {
    if (socket !== current) return;
    try {
      if (!receive(JSON.parse(event.data) as Message)) socket.close();
    } catch {
      socket.close();
    }
  };
  socket.onclose = () => {
    if (socket !== current) return;
    if (store.link === "live") set({ link: "connecting" });
    void comeBack(socket);
  };
}

/* The session is over, and so is what is still open; nothing but a new link changes that. */
function leave(): void {
  clearTimeout(timer);
  current?.close();
  current = null;
  set({ link: "gone" });
}

/* At once, where the user does not want to wait. */
export function connectNow(): void {
  if (store.link === "live") return;
  attempts = 0;
  clearTimeout(timer);
  connect();
}

/* A user who comes back to the page may have opened a new link meanwhile. */
export function startStore(): void {
  whenGone(leave);
  addEventListener("focus", connectNow);
  connect();
}
