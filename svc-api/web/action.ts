/* action.ts - something that the user asked for and that takes a while: busy, then done or refused. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Refusal, ask } from "./api";

export interface Action {
  busy: boolean;
  failure: Refusal | null;
  run: (work: () => Promise<void>) => Promise<void>;
  clear: () => void;
}

function refusalFrom(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(
    0,
    "broken",
    error instanceof Error ? error.message : String(error),
    "reload the page",
  );
}

export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Refusal | null>(null);
  const running = useRef(false);
  const run = async (work: () => Promise<void>): Promise<void> => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setFailure(null);
    try {
      await work();
    } catch (error) {
      setFailure(refusalFrom(error));
    }
    running.current = false;
    setBusy(false);
  };
  return { busy, failure, run, clear: () => setFailure(null) };
}

export interface Fetched<T> {
  data: T | null; /* the last answer of this path, kept while the next is on its way */
  failure: Refusal | null;
  reload: () => void;
}

interface Answer<T> {
  path: string;
  data: T | null;
  failure: Refusal | null;
}

/* Asked for at first, when path or `because` changes, on reload(), and every `everyMs` where given: not
 * before the last question is answered, so that no older answer comes after a newer one. */
export function useFetched<T>(path: string, everyMs = 0, because = ""): Fetched<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ path, data: null, failure: null });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    let asking = false;
    const load = async (): Promise<void> => {
      if (asking) return;
      asking = true;
      try {
        const data = await ask<T>("GET", path);
        if (current) setAnswer({ path, data, failure: null });
      } catch (error) {
        if (current)
          setAnswer((before) => ({
            path,
            data: before.path === path ? before.data : null,
            failure: refusalFrom(error),
          }));
      }
      asking = false;
    };
    void load();
    const timer = everyMs > 0 ? setInterval(() => void load(), everyMs) : 0;
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [path, everyMs, because, round]);
  const { data, failure } = answer.path === path ? answer : { data: null, failure: null };
  return { data, failure, reload: () => setRound((n) => n + 1) };
}
