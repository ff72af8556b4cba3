/**
 * TinyThrottler: the rules of SimpleThrottler, and limits on the workers or cores of all queues of the same siteFamily
 * (lifecycle 6.4, Throttlers), for small sites that many queues share. A limit is broken by more than it names.
 */
import { z } from "zod";
import type { FamilyMember, ThrottleCounts, Throttler } from "../upkeep.ts";
import { decide, type Judged, judgeMissed, simpleSchema } from "./simple.ts";

const number = z.number({ error: "must be a number" }).nonnegative({ error: "must be at least 0" });
const familyRules = z
  .array(
    z.discriminatedUnion(
      "level",
      [
        z.looseObject({ level: z.literal("workers"), maxWorkers: number }),
        z.looseObject({ level: z.literal("cores"), maxCores: number }),
      ],
      { error: "must have level workers with maxWorkers, or level cores with maxCores" },
    ),
  )
  .default([]);

const optionsSchema = simpleSchema.extend({
  rulesForMissed: simpleSchema.shape.rulesForMissed.default([]),
  rulesForSiteFamilySubmitted: familyRules,
  rulesForSiteFamilyRunning: familyRules,
  rulesForSiteFamilySubmittedRunning: familyRules,
});

export class TinyThrottler implements Throttler {
  readonly #options: z.output<typeof optionsSchema>;

  constructor(options: unknown) {
    this.#options = optionsSchema.parse(options);
  }

  toBeThrottled(queue: Readonly<Record<string, unknown>>, counts: ThrottleCounts): readonly [boolean, string] {
    const { logicType, ...rules } = this.#options;
    return decide(logicType, [
      ...judgeMissed(this.#options, queue, counts),
      ...judgeFamily("submitted", rules.rulesForSiteFamilySubmitted, counts, { submitted: true, running: false }),
      ...judgeFamily("running", rules.rulesForSiteFamilyRunning, counts, { submitted: false, running: true }),
      ...judgeFamily("submitted and running", rules.rulesForSiteFamilySubmittedRunning, counts, {
        submitted: true,
        running: true,
      }),
    ]);
  }
}

function judgeFamily(
  name: string,
  rules: z.output<typeof familyRules>,
  { family }: ThrottleCounts,
  of: { readonly submitted: boolean; readonly running: boolean },
): readonly Judged[] {
  const sum = (submitted: keyof FamilyMember, running: keyof FamilyMember): number =>
    family.reduce(
      (total, one) => total + (of.submitted ? Number(one[submitted]) : 0) + (of.running ? Number(one[running]) : 0),
      0,
    );
  return rules.map((rule) => {
    const [n, max] =
      rule.level === "workers"
        ? [sum("submitted", "running"), rule.maxWorkers]
        : [sum("submittedCores", "runningCores"), rule.maxCores];
    return { broken: n > max, what: `site family: ${n} ${rule.level} ${name}, at most ${max}` };
  });
}
