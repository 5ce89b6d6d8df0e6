/* api.ts - asking the API. The browser's session is a cookie, so no token is here; a refusal is
 * thrown with what happened and what to do. */

export class Refusal extends Error {
  constructor(
    readonly status: number /* 0: no answer */,
    readonly code: string,
    message: string,
    readonly hint: string | null,
  ) {
    super(message);
  }
}

const TIMEOUT_MS = 30000;

let onGone: () => void = () => {};

/* Called when the API says that this browser has no session any more. */
export function whenGone(call: () => void): void {
  onGone = call;
}

interface ErrorBody {
  error?: { code?: string; message?: string; hint?: string | null };
}

function refusalOf(status: number, body: ErrorBody | null): Refusal {
  const error = body?.error ?? {};
  if (status === 401) onGone();
  return new Refusal(
    status,
    error.code ?? "unknown",
    error.message ?? `the answer was ${status}`,
    error.hint ?? null,
  );
}

async function fetchIt(method: string, path: string, body: unknown): Promise<Response> {
  const init: RequestInit = { method, signal: AbortSignal.timeout(TIMEOUT_MS) };
  if (body !== undefined) {
    init.headers = { "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  try {
    return await fetch(`/api/v1/${path}`, init);
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw late
      ? new Refusal(
          0,
          "late",
          "LANrage has not answered for 30 seconds",
          "try again; `lanrage status` tells more",
        )
      : new Refusal(
          0,
          "away",
          "LANrage does not answer",
          "try again when the page is live again; if it stays so: sudo make up",
        );
  }
}

/* The answer is what openapi.json promises for the path, which is what T has to be. */
export async function ask<T>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetchIt(method, path, body);
  let json: unknown = null;
  try {
    json = await response.json();
  } catch {
    throw new Refusal(
      response.status,
      "garbled",
      "the answer could not be read",
      "reload the page",
    );
  }
  if (!response.ok) throw refusalOf(response.status, json as ErrorBody);
  return json as T;
}

export function part(text: string): string {
  return encodeURIComponent(text);
}
