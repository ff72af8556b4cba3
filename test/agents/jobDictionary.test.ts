/**
 * Job dictionaries are read as Harvester's own reader reads them (jobs-expected.json was recorded from it), and each of
 * the malformed ones gets one message that names the place: a refusal, or a remark where one reading is safe.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { z } from "zod";
import { parseEvents } from "../../events/events.ts";
import { type JobFacts, readJob } from "../../src/agents/jobDictionary.ts";

const fixture = <T>(name: string, schema: z.ZodType<T>): T =>
  schema.parse(JSON.parse(readFileSync(new URL(`../data/panda/${name}`, import.meta.url), "utf8")));

const dictionary = z.record(z.string(), z.unknown());
const jobs = fixture("jobs.json", z.array(dictionary));
const attributes = z.record(z.string(), z.record(z.string(), z.unknown()));
const expected = fixture(
  "jobs-expected.json",
  z.array(
    z.object({
      label: z.string(),
      PandaID: z.number(),
      parsed: z.looseObject({ inputFiles: attributes, outputFiles: attributes }),
    }),
  ),
);
const malformed = fixture("jobs-malformed.json", z.array(z.object({ name: z.string(), job: z.unknown() })));

const byName = <F extends { readonly lfn: string }>(files: readonly F[]) =>
  Object.fromEntries(files.map(({ lfn, ...rest }) => [lfn, rest]));

/** The facts in the words of jobs-expected.json. */
const inItsWords = (job: JobFacts) => ({
  PandaID: job.PandaID,
  taskID: job.taskID,
  jobsetID: job.jobsetID,
  attemptNr: job.attemptNr,
  currentPriority: job.priority,
  nCore: job.nCore,
  resourceType: job.resourceType,
  inputFiles: byName(job.inputs.map((input) => ({ ...input, attemptNr: 0 }))),
  outputFiles: byName(job.outputs),
  log: job.log,
});

function read(raw: unknown) {
  const reading = readJob(raw);
  if (!reading.ok) throw new Error(reading.why);
  return reading;
}

test.each(expected)("$label is read as Harvester reads it", ({ PandaID, parsed }) => {
  const raw = jobs.find((each) => each["PandaID"] === PandaID);
  const { job, remarks } = read(raw);
  const { secrets, ...facts } = parsed;
  expect(inItsWords(job)).toEqual(facts);
  // Harvester's reader opens the text of the secrets; here whoever needs them does.
  if (secrets) expect(JSON.parse(z.string().parse(job.params["secrets"]))).toEqual(secrets);
  expect(job.params).toEqual(raw);
  expect(remarks).toEqual([]);
  const fetched = { type: "job.fetched", queue: "Q", schedulerID: "harvester-h", ...job };
  expect(parseEvents([fetched])).toEqual([fetched]);
});

test("the jobs that a real server handed out are read without a remark", () => {
  const observed = fixture("jobs-observed.json", z.array(z.object({ job: dictionary })));
  expect(observed).toHaveLength(5);
  for (const { job } of observed) {
    const reading = read(job);
    expect(reading.remarks).toEqual([]);
    expect(reading.job.outputs.map(({ lfn }) => lfn)).toContain(reading.job.log?.lfn);
  }
});

const refusals: Readonly<Record<string, string>> = {
  "scopeout-short":
    "job 9100000004: scopeOut has 2 items for 4 outFiles without the log: nobody knows which file lacks one",
  "realdatasets-lost-leading-item":
    "job 9100000005: realDatasets has 1 items for 2 outFiles: nobody knows which file lacks one",
  "missing-PandaID": "job without PandaID: missing: PandaID",
  "missing-inFiles": "job 9100000008: missing: inFiles",
  "missing-log-keys": "job 9100000009: missing: logFile, logGUID, scopeLog",
  "missing-jobsetID-attemptNr": "job 9100000010: missing: attemptNr, jobsetID",
  "logfile-not-in-outfiles": 'job 9100000012: logFile "log.other.tgz" is not among outFiles',
  "infiles-null": "job 9100000013: inFiles is null instead of text",
  "job-not-an-object": "the job is null instead of a dictionary",
};

const remarked: Readonly<Record<string, string>> = {
  "guid-list-short": "GUID has 2 items for 3 inFiles: unknown for all",
  "endpoint-list-long": "ddmEndPointIn has 4 items for 3 inFiles: surplus ignored",
  "fsize-list-empty": "fsize has 0 items for 3 inFiles: unknown for all",
  "token-list-inner-comma": "dispatchDBlockTokenForOut has 4 items for 3 outFiles: not used",
  "missing-optional-accounting": "missing: coreCount, resource_type; unknown",
  "pandaid-text": "PandaID is text: read as a number; attemptNr is text: read as a number",
  "corecount-NULL": 'coreCount is "NULL": read as 1',
  "duplicate-inputs": 'inFiles repeats "user.tuser02.flat._000001.root": the last one counts',
  "blank-inside-list": "inFiles has a blank at item 2: skipped",
  "fsize-not-a-number": 'fsize has "12x4": size unknown',
  "secrets-not-json": "secrets is no JSON text: handed on as it is",
};

test.each(malformed)("malformed: $name gets one message that names the place", ({ name, job }) => {
  const reading = readJob(job);
  const said = reading.ok ? reading.remarks.join("; ") : reading.why;
  expect(said).toBe((reading.ok ? remarked : refusals)[name]);
});

test("every malformed job is either refused or remarked on", () => {
  expect(malformed.map(({ name }) => name).toSorted()).toEqual(
    [...Object.keys(refusals), ...Object.keys(remarked)].toSorted(),
  );
});

const oddly = (name: string) => read(malformed.find((each) => each.name === name)?.job).job;

test("an input is never dropped or given another file's values", () => {
  const short = oddly("guid-list-short").inputs;
  expect(short.map(({ guid, checksum }) => [guid, checksum])).toEqual([
    ["", "ad:1eed6863"],
    ["", "ad:8afc903c"],
    ["", "ad:985d1583"],
  ]);
  expect(oddly("fsize-list-empty").inputs.map(({ fsize }) => fsize)).toEqual([null, null, null]);
  expect(oddly("fsize-not-a-number").inputs.map(({ fsize }) => fsize)).toEqual([null, null, 99]);
  expect(oddly("blank-inside-list").inputs.map(({ lfn, checksum }) => [lfn, checksum])).toEqual([
    ["user.tuser02.flat._000001.root", "ad:1eed6863"],
    ["user.tuser02.flat._000003.root", "ad:985d1583"],
  ]);
  expect(oddly("endpoint-list-long").inputs.map(({ endpoint }) => endpoint)).toEqual(
    Array(3).fill("DEMO-ALPHA_DATADISK"),
  );
  expect(oddly("duplicate-inputs").inputs.map(({ lfn, fsize }) => [lfn, fsize])).toEqual([
    ["user.tuser02.flat._000001.root", 851857521],
    ["user.tuser02.flat._000003.root", 840649082],
  ]);
});

test("identifiers in text become numbers, for the server refuses text in later updates", () => {
  expect(oddly("pandaid-text")).toMatchObject({ PandaID: 9100000014, attemptNr: 1 });
  expect(oddly("missing-optional-accounting")).toMatchObject({ nCore: null, resourceType: null });
  expect(oddly("corecount-NULL").nCore).toBe(1);
});

test("what is needed to report a refused job survives its refusal", () => {
  const broken = (changes: Record<string, unknown>) => readJob({ ...jobs[1], ...changes });
  expect(broken({ inFiles: null })).toMatchObject({ ok: false, PandaID: 9000000002, attemptNr: 2 });
  expect(broken({ PandaID: "9000000002", inFiles: null })).toMatchObject({ ok: false, PandaID: 9000000002 });
  expect(broken({ PandaID: "abc" })).toMatchObject({ ok: false, PandaID: null, attemptNr: 2 });
  expect(broken({ PandaID: -1 })).toMatchObject({ ok: false, PandaID: null });
});

test.each(["../../etc/passwd", "a/../b", "/etc/passwd", "..", ".", "a\\..\\b", "nul\0l"])(
  "a file name that leads out of its directory refuses the job: %j",
  (lfn) => {
    for (const [key, whole] of [
      ["inFiles", lfn],
      ["outFiles", `${lfn},${String(jobs[0]?.["logFile"])}`],
    ] as const) {
      const reading = readJob({ ...jobs[0], [key]: whole });
      expect(reading).toMatchObject({
        ok: false,
        why: `job 9000000001: ${key} has ${JSON.stringify(lfn)}, a name that leads out of its directory`,
      });
    }
  },
);

test("zipPerMB of the job is taken as a number, and its absence leaves it to the queue", () => {
  const zip = (zipPerMB: unknown) => read({ ...jobs[0], zipPerMB }).job.zipPerMB;
  expect([zip(undefined), zip("NULL"), zip(0), zip("200"), zip("many")]).toEqual([null, null, 0, 200, null]);
});

test("no message repeats the content of a secret", () => {
  for (const { job } of malformed) {
    const reading = readJob(job);
    expect(JSON.stringify(reading.ok ? reading.remarks : reading)).not.toContain("not json");
  }
});

test.each([null, undefined, 7, "text", [], [jobs[0]], true])(
  "an element that is no dictionary is refused: %j",
  (raw) => {
    expect(readJob(raw)).toMatchObject({
      ok: false,
      PandaID: null,
      why: expect.stringContaining("instead of a dictionary"),
    });
  },
);

test("lists that the database left unset name no file, and are no oddity", () => {
  const lists = ["inFiles", "GUID", "fsize", "checksum", "scopeIn", "ddmEndPointIn", "realDatasetsIn"];
  const { job, remarks } = read({ ...jobs[0], ...Object.fromEntries(lists.map((key) => [key, "NULL"])) });
  expect(job.inputs).toEqual([]);
  expect(remarks).toEqual([]);
});
