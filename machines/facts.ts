/**
 * Facts of an event as fields of a context. It must never add a field: a context has all of its fields from the start.
 */

/** Sets the fields of the context that the event has under the same names. */
export function takeFacts(context: object, event: object): void {
  const [to, from] = [context as Record<string, unknown>, event as Record<string, unknown>];
  // A copy without some names (`...rest`) is what costs most of folding such an event.
  for (const name in from) if (name in to) to[name] = from[name];
}
