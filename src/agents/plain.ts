/**
 * What comes from a plug-in as plain JSON data: checked, and copied, so that what is folded now is what the log will
 * read back later. Nothing is coerced: a value that JSON cannot hold is refused with its place.
 */

/** A value that JSON cannot hold, or holds as another one. */
export class NotPlain extends Error {
  override readonly name = "NotPlain";
}

/** Nothing that people write is nested deeper, and readers of the log must not run out of stack. */
const maxDepth = 100;

/**
 * A copy that shares nothing with the value. `place` says where it stands, for the message.
 * @throws NotPlain
 */
export function plain(value: unknown, place: string): unknown {
  return copy(value, place, 0);
}

function copy(value: unknown, place: string, depth: number): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new NotPlain(`${place} is ${value}, which JSON cannot hold`);
    // JSON has one zero.
    return value === 0 ? 0 : value;
  }
  if (typeof value !== "object") throw new NotPlain(`${place} is ${nameOf(value)}, which JSON cannot hold`);
  if (depth >= maxDepth) throw new NotPlain(`${place} is nested deeper than ${maxDepth} levels, or holds itself`);
  if (Array.isArray(value)) {
    // Holes are seen as undefined.
    return Array.from(value, (item: unknown, index) => copy(item, `${place}[${index}]`, depth + 1));
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new NotPlain(`${place} is ${nameOf(value)}, which JSON cannot hold`);
  }
  // Own properties, whatever their names are.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, copy(item, `${place}.${key}`, depth + 1)] as const),
  );
}

function nameOf(value: unknown): string {
  if (typeof value !== "object" || value === null) {
    return value === undefined ? "undefined" : `a ${typeof value}`;
  }
  const { name = "" } = value.constructor ?? {};
  return name === "" ? "an object of a class" : `a ${name}`;
}
