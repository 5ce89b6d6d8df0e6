/* patch.ts - RFC 6902 patches of a JSON value, as live events bring them: add, remove, replace.
 * What a patch does not touch stays the same object, so that a view that shows it need not look. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Operation {
  op: string;
  path: string;
  value?: Json;
}

/* RFC 6901: `/a~1b/0` names "a/b", then "0". */
function parse(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~"));
}

function copyList(list: Json[], op: string, token: string, value: Json): Json[] {
  const index = token === "-" ? list.length : Number(token);
  if (!Number.isInteger(index) || index < 0 || index > list.length)
    throw new Error(`no ${token} in a list`);
  const copy = list.slice();
  if (op === "add") copy.splice(index, 0, value);
  else if (op === "remove") copy.splice(index, 1);
  else copy[index] = value;
  return copy;
}

function change(target: Json, path: string[], operation: Operation): Json {
  const [token, ...rest] = path;
  const value = operation.value ?? null;
  if (token === undefined) return value;
  if (Array.isArray(target)) {
    if (rest.length === 0) return copyList(target, operation.op, token, value);
    return copyList(
      target,
      "replace",
      token,
      change(target[Number(token)] ?? null, rest, operation),
    );
  }
  if (target === null || typeof target !== "object")
    throw new Error(`nothing at ${operation.path}`);
  const copy = { ...target };
  if (rest.length > 0) copy[token] = change(copy[token] ?? null, rest, operation);
  else if (operation.op === "remove") delete copy[token];
  else copy[token] = value;
  return copy;
}

export function applyPatch(state: Json, patch: Operation[]): Json {
  return patch.reduce((now, operation) => {
    if (!["add", "remove", "replace"].includes(operation.op)) throw new Error(`no ${operation.op}`);
    return change(now, parse(operation.path), operation);
  }, state);
}
