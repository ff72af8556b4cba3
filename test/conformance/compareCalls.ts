/**
 * Compares the plug-in calls of a round: per agent the same ones, and for each job and each worker in the same order
 * (section 8). Order between entities is free.
 */
import { canonical, type Difference, missingFrom } from "./difference.ts";
import type { CallRecord } from "./scenario.ts";

/** The call as a text, without what may differ; the agent is no part of it. */
export function callText({ a: _agent, m, files, ...facts }: CallRecord): string {
  const sortedFiles = Array.isArray(files) ? { files: files.map(String).sort() } : {};
  // Order inside a call is given for what is fed and submitted alone.
  const { jobs } = facts;
  const sortedJobs = m === "messenger.post_processing" && Array.isArray(jobs) ? { jobs: jobs.map(Number).sort() } : {};
  return `${m} ${canonical({ ...facts, ...sortedFiles, ...sortedJobs })}`;
}

/** Jobs and workers that a call is about. */
export function entitiesOf({ id, ids }: CallRecord): string[] {
  if (Array.isArray(ids)) return ids.map(String);
  return id === undefined ? [] : [String(id)];
}

export function compareCalls(
  r: number,
  expected: readonly CallRecord[],
  observed: readonly CallRecord[],
): Difference[] {
  const agents = new Set([...expected, ...observed].map(({ a }) => a));
  const wrong = [...agents].flatMap((agent) => {
    const of = (calls: readonly CallRecord[]): CallRecord[] => calls.filter(({ a }) => a === agent);
    return compareAgent(r, agent, of(expected), of(observed));
  });
  return wrong;
}

function compareAgent(
  r: number,
  agent: string,
  expected: readonly CallRecord[],
  observed: readonly CallRecord[],
): Difference[] {
  const wanted = expected.map(callText);
  const got = observed.map(callText);
  const missing = missingFrom(wanted, got);
  const surplus = missingFrom(got, wanted);
  if (missing.length + surplus.length > 0) return pairUp(r, agent, missing, surplus);
  const entities = new Set(expected.flatMap(entitiesOf));
  return [...entities].flatMap((entity) => {
    const [before, after] = [expected, observed].map((calls) =>
      calls.filter((call) => entitiesOf(call).includes(entity)).map(callText),
    );
    if (canonical(before) === canonical(after)) return [];
    const names = (texts: readonly string[] = []): string => texts.map((text) => text.split(" ", 1)[0]).join(", ");
    return [
      { r, what: `order of calls`, where: `${agent} ${entity}`, expected: names(before), observed: names(after) },
    ];
  });
}

/** A missing and a surplus call of the same method stand side by side. */
function pairUp(r: number, agent: string, missing: readonly string[], surplus: readonly string[]): Difference[] {
  const left = [...surplus];
  const methodOf = (text: string): string => text.split(" ", 1)[0] ?? "";
  const factsOf = (text: string): string => text.slice(methodOf(text).length + 1);
  const pairs = missing.map((text) => {
    const at = left.findIndex((other) => methodOf(other) === methodOf(text));
    const [other] = at < 0 ? [] : left.splice(at, 1);
    return { r, what: methodOf(text), where: agent, expected: factsOf(text), observed: other ? factsOf(other) : "" };
  });
  return [
    ...pairs,
    ...left.map((text) => ({ r, what: methodOf(text), where: agent, expected: "", observed: factsOf(text) })),
  ];
}
