/**
 * SimpleThrottler: holds a queue back where too many of its latest submissions failed (lifecycle 6.4, Throttlers). It
 * looks at its rules and at the counts that it is given; it must never keep anything between two calls.
 */
import { z } from "zod";
import type { MissedWorkers, ThrottleCounts, Throttler } from "../upkeep.ts";

const number = z.number({ error: "must be a number" }).nonnegative({ error: "must be at least 0" });
const missedRule = z.looseObject({
  /** `site`: all queues of the siteName; `pq`: the queue; `ce`: each computing element of the queue's submitter. */
  level: z.enum(["site", "pq", "ce"], { error: "must be site, pq or ce" }),
  /** Minutes. */
  timeWindow: number,
  maxMissed: number,
});

export const simpleSchema = z.looseObject({
  logicType: z.enum(["OR", "AND"], { error: "must be OR or AND" }).default("OR"),
  rulesForMissed: z.array(missedRule, { error: "is needed: a list of rules with level, timeWindow and maxMissed" }),
});
type Options = z.output<typeof simpleSchema>;

const queueSchema = z.looseObject({
  queueName: z.string(),
  siteName: z.string(),
  plugins: z
    .looseObject({ submitter: z.looseObject({ computingElements: z.array(z.unknown()).optional() }).optional() })
    .optional(),
});

/** A rule and whether it is broken now. */
export interface Judged {
  readonly broken: boolean;
  /** What it says, for the operator. */
  readonly what: string;
}

export class SimpleThrottler implements Throttler {
  readonly #options: Options;

  constructor(options: unknown) {
    this.#options = simpleSchema.parse(options);
  }

  toBeThrottled(queue: Readonly<Record<string, unknown>>, counts: ThrottleCounts): readonly [boolean, string] {
    return decide(this.#options.logicType, judgeMissed(this.#options, queue, counts));
  }
}

/** Each rule about missed workers, for each computing element where it is about those. */
export function judgeMissed(
  { rulesForMissed }: Options,
  queue: Readonly<Record<string, unknown>>,
  { now, missed }: ThrottleCounts,
): readonly Judged[] {
  const { queueName, siteName, plugins } = queueSchema.parse(queue);
  const elements = (plugins?.submitter?.computingElements ?? []).map(String);
  return rulesForMissed.flatMap(({ level, timeWindow, maxMissed }) => {
    const recent = missed.filter(({ submitAt }) => submitAt > now - timeWindow * 60_000);
    const judge = (name: string, concerns: (one: MissedWorkers) => boolean): Judged => {
      const n = recent.filter(concerns).reduce((sum, one) => sum + one.n, 0);
      const what = `${name}: ${n} missed workers in ${timeWindow} min, at most ${maxMissed}`;
      return { broken: n > maxMissed, what };
    };
    if (level === "site") return [judge(`site ${siteName}`, ({ site }) => site === siteName)];
    if (level === "pq") return [judge(`queue ${queueName}`, (one) => one.queue === queueName)];
    return elements.map((ce) => judge(`computing element ${ce}`, ({ computingElement }) => computingElement === ce));
  });
}

/**
 * OR: one broken rule throttles. AND: only all of them together do, and no rule at all counts as all (as in the
 * original).
 */
export function decide(logicType: "OR" | "AND", rules: readonly Judged[]): readonly [boolean, string] {
  const broken = rules.filter((rule) => rule.broken);
  const throttle = logicType === "OR" ? broken.length > 0 : broken.length === rules.length;
  return [throttle, throttle ? broken.map(({ what }) => what).join("; ") || "logicType AND without any rule" : ""];
}
