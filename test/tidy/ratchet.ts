/**
 * What was larger than the rules allow when the rules came, with its size of today. A number here may only become
 * smaller: tidy fails where a file outgrows it, and where an entry is not needed any more.
 */

/** Lines a file may have (all others: 300). */
export const longFiles: Readonly<Record<string, number>> = {
  "src/plugins/contract.ts": 585,
  "test/plugins/communicatorSuite.ts": 354,
  "test/plugins/sharedFile/read.test.ts": 489,
};

/** `file` -> lines that its longest function may have (all others: 70). */
export const longFunctions: Readonly<Record<string, number>> = {
  "test/log/suite.ts": 82,
  "test/plugins/sharedFile/read.test.ts": 73,
};

/** Lines of a file that may be wider than 120 characters: comments and texts, which the formatter leaves alone. */
export const wideLines: Readonly<Record<string, number>> = {
  "src/cli/run.ts": 1,
  "src/cli/verify.ts": 2,
  "src/configure.ts": 1,
  "src/log/place.ts": 1,
  "src/log/replay.ts": 1,
  "src/simulation/pandaServer/adder.ts": 1,
  "src/simulation/pandaServer/startPage.ts": 1,
  "test/config/instance.test.ts": 2,
  "test/config/queues.test.ts": 1,
  "test/plugins/local/submitter.test.ts": 2,
};

/** Exports that are written and not used yet, by file. An entry goes as soon as somebody uses it. */
export const awaited: Readonly<Record<string, readonly string[]>> = {};

/** `file` -> uses of `any`, each with its reason beside it in the file. */
export const anys: Readonly<Record<string, number>> = { "src/projection.ts": 1 };

/** Files that do not say at their top what they are for. */
export const unopened: readonly string[] = [
  "test/plugins/dummy/communicator.test.ts",
  "test/plugins/sharedFile/fuzz.test.ts",
  "test/plugins/sharedFile/read.test.ts",
];

/** Imports against the picture, by file, each a debt: these agents need values where the design grants types alone. */
export const crossings: Readonly<Record<string, readonly string[]>> = {};
