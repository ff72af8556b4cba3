/**
 * Positions in the scripts of a scenario: which element the next call of a method for an entity takes (sections 5 to 7
 * of the corpus). It must never know what an element means; `outcomeOf` gives its common form.
 */
import { z } from "zod";

type Scripts = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const asList = (script: unknown): readonly unknown[] => (Array.isArray(script) ? script : [script]);

export class Positions {
  readonly #scripts: Scripts;
  /** `method entity` -> elements taken so far. */
  readonly #taken = new Map<string, number>();

  constructor(scripts: Scripts) {
    this.#scripts = scripts;
  }

  has(method: string, entity?: string): boolean {
    const scripts = this.#scripts[method];
    return scripts !== undefined && (entity === undefined || entity in scripts);
  }

  /**
   * Next element of the entity's own script, else of that for every other entity; undefined: not scripted. The last
   * element repeats, or, with `once`, the script is over after it.
   */
  next(method: string, entity: string, once = false): unknown {
    const scripts = this.#scripts[method] ?? {};
    const whose = entity in scripts ? entity : "*";
    return whose in scripts ? this.#take(`${method} ${entity}`, asList(scripts[whose]), once) : undefined;
  }

  /** Next element of the script that counts calls of the method, whatever the entity. */
  nextCall(method: string): unknown {
    const scripts = this.#scripts[method];
    if (scripts === undefined || !("@call" in scripts)) return undefined;
    return this.#take(`${method} @call`, asList(scripts["@call"]), false);
  }

  /** Next element of the calls' script where there is one, else of the entity's. */
  pick(method: string, entity: string): unknown {
    const call = this.nextCall(method);
    return call === undefined ? this.next(method, entity) : call;
  }

  #take(key: string, script: readonly unknown[], once: boolean): unknown {
    const n = this.#taken.get(key) ?? 0;
    this.#taken.set(key, n + 1);
    if (n < script.length) return script[n];
    return once ? undefined : script.at(-1);
  }
}

const effects = z.strictObject({
  ret: z.unknown(),
  msg: z.string().optional(),
  files: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  set: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  db: z.array(z.array(z.unknown())).default([]),
});

/** One scripted outcome with everything it does. */
export interface Outcome {
  /** true, false, null or another text; "raise": the call throws. */
  readonly ret: unknown;
  readonly msg: string;
  /** False: the plain value, without any effect of its own. */
  readonly isObject: boolean;
  readonly files: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly set: Readonly<Record<string, string | number>> | undefined;
  readonly db: readonly (readonly unknown[])[];
}

/** The common form of an element; `undefined` (not scripted) is plain true. */
export function outcomeOf(element: unknown): Outcome {
  const isObject = typeof element === "object" && element !== null && !Array.isArray(element);
  const given = effects.parse(isObject ? { ret: true, ...element } : { ret: element === undefined ? true : element });
  return {
    ret: given.ret,
    msg: given.msg ?? messageOf(given.ret),
    isObject,
    files: given.files,
    set: given.set,
    db: given.db,
  };
}

function messageOf(ret: unknown): string {
  if (ret === true) return "ok";
  if (ret === false) return "fatal";
  return ret === null ? "later" : "other";
}
