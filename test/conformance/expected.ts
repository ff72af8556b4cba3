/**
 * The state that the original was seen in at the end of each round, put together from the corpus' changes and cut to
 * what is observable (its introduction): how the original remembers things is nobody's business.
 */
import { type ExpectedRound, type Scenario, siteOf } from "./scenario.ts";

export type Row = Readonly<Record<string, unknown>>;
/** Parts of the state that are compared. */
export const parts = ["jobs", "files", "workers", "events", "commands"] as const;
export type Part = (typeof parts)[number];
export type State = Readonly<Record<Part, Readonly<Record<string, Row>>>>;

const words = (text: string): ReadonlySet<string> => new Set(text.split(" "));
/** Columns that an operator or the WMS can see. */
const observable: Readonly<Record<Part, ReadonlySet<string>>> = {
  jobs: words(
    "status subStatus pilotErrorCode pilotErrorDiag exeErrorCode jobStatusAttr submissionAttempts nWorkers " +
      "nWorkersInTotal nCore nRemainingEvents metaData outputFilesToReport",
  ),
  files: words("status groupID groupStatus isZip zip path fsize worker eventRangeID todelete"),
  workers: words(
    "status mapType nJobs jobs pilotErrorCode pilotErrorDiag errorCode errorDiag diag kill nJobsToReFill nCore " +
      "pilotType jobType resourceType nativeStatus",
  ),
  events: words("eventStatus subStatus file"),
  commands: words("command receiver processed"),
};
/** Columns where 0 is the same as nothing. */
const zeroIsNothing = words("nWorkers nWorkersInTotal submissionAttempts todelete nJobs nJobsToReFill");
/** Kept by the original for jobs with many workers alone. */
const onlyOneToMany = words("nWorkers nWorkersInTotal");

/** The columns of a row that count, without those that say nothing. */
export function observed(part: Part, row: Row, oneToMany = false): Row {
  const kept: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (!observable[part].has(name) || value === null || value === undefined || value === false) continue;
    if (value === 0 && zeroIsNothing.has(name)) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    if (part === "jobs" && onlyOneToMany.has(name) && !oneToMany) continue;
    kept[name] = value;
  }
  return kept;
}

/** PandaIDs whose queue maps one job to many workers. */
export function manyWorkerJobs(scenario: Scenario): ReadonlySet<string> {
  const many = scenario.jobs.filter(
    (job) => scenario.config.queues[siteOf(scenario, job)]?.["mapType"] === "OneToMany",
  );
  return new Set(many.map((job) => String(job.id)));
}

export interface ExpectedAt {
  readonly record: ExpectedRound | undefined;
  readonly state: State;
}

/** What is expected of rounds 1, 2, 3 ...; rounds in which nothing happened have no record. */
export function expectedRounds(scenario: Scenario): readonly ExpectedAt[] {
  const records = new Map(scenario.expected.map((record) => [record.r, record]));
  const many = manyWorkerJobs(scenario);
  let state: Record<Part, Record<string, Row>> = { jobs: {}, files: {}, workers: {}, events: {}, commands: {} };
  return Array.from({ length: scenario.steps.rounds }, (_, i) => {
    const record = records.get(i + 1);
    if (record) {
      state = { ...state };
      for (const part of parts) state[part] = changed(state[part], record[part], part, many);
    }
    return { record, state };
  });
}

function changed(
  before: Readonly<Record<string, Row>>,
  changes: Readonly<Record<string, Row | null>>,
  part: Part,
  many: ReadonlySet<string>,
): Record<string, Row> {
  const after: Record<string, Row> = { ...before };
  for (const [key, change] of Object.entries(changes)) {
    if (change === null) delete after[key];
    else after[key] = observed(part, { ...after[key], ...change }, many.has(key));
  }
  return after;
}
