/**
 * The directory of a worker, made of the messenger's template (lifecycle 3.3). Pure: nothing is created here.
 */

/** What the template may name. */
export interface AccessPointFacts {
  readonly workerID: number;
  readonly harvesterID: string;
  readonly [attribute: string]: unknown;
}

/**
 * Fills in `${attribute}`, `${harvesterID}` and `${_workerID_<d>.<d>...}`: digits of the id counted from the right, `0`
 * where there is none, so that directories can be spread. An attribute that the worker lacks becomes empty.
 */
export function resolveAccessPoint(template: string, facts: AccessPointFacts): string {
  return template.replace(/\$\{([^}]+)\}/g, (_whole, name: string) => {
    const digits = /^_workerID_((?:\d+\.)*\d+)$/.exec(name)?.[1];
    if (digits === undefined) return String(facts[name] ?? "");
    const id = String(facts.workerID);
    return digits
      .split(".")
      .map((place) => id[id.length - 1 - Number(place)] ?? "0")
      .join("");
  });
}
