/**
 * Every recorded answer of a real panda-server, database down included, is served to the communicator's call of that
 * path. What it must make of it is written down here from panda-api.md, apart from the code.
 */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { methods } from "../../../src/plugins/contract.ts";
import {
  fieldsOf,
  jsonOf,
  makeCall,
  type Pair,
  pairs,
  pathOf,
  rangesOf,
  spoken,
  textOf,
  updatesOf,
} from "./recorded.ts";
import { type Asked, bodyOf, send, serve } from "./server.ts";

const envelopeSchema = z.object({ success: z.boolean(), message: z.string(), data: z.unknown() });
type Envelope = z.output<typeof envelopeSchema>;

/** What a call must come to: an answer, or a failure of the call whose text matches. */
type Outcome = { readonly answer: unknown } | { readonly fails: RegExp };

const refusal = (message: string): Outcome => ({
  answer: { ok: false, message: expect.stringContaining(`${message.replace(/\s+/g, " ").slice(0, 400)}; `) },
});
const good = (data: unknown): Outcome => ({ answer: { ok: true, data } });
const refusedElse = (said: Envelope, data: unknown): Outcome => (said.success ? good(data) : refusal(said.message));
const field = (data: unknown, key: string): unknown => z.record(z.string(), z.unknown()).parse(data)[key];
const noUsable = (message: string) => ({ StatusCode: 999, ErrorDiag: expect.stringContaining(message), command: null });

/** panda-api 4.2: each entry by its success and its StatusCode; a kill may stand in a comma list. */
function updated(pair: Pair, said: Envelope): Outcome {
  const updates = updatesOf(pair);
  const sendable = updates.filter(({ job_id, job_status }) => Number.isInteger(Number(job_id)) && job_status !== "");
  const entry = z.object({
    success: z.boolean(),
    message: z.string(),
    data: z.object({ StatusCode: z.number(), command: z.string().optional() }).nullable(),
  });
  const entries = z.array(entry).parse(said.data ?? []);
  // An element that is malformed on purpose is never sent: the recorded entries are for more jobs than were asked
  // about.
  if (said.success && sendable.length > 0 && entries.length !== sendable.length)
    return { fails: /the data are not what \/api\/v1 says/ };
  return {
    answer: updates.map((update) => {
      const at = sendable.indexOf(update);
      if (at < 0) return { StatusCode: 999, ErrorDiag: expect.stringContaining("not sent") };
      if (!said.success) return noUsable(said.message);
      const { success, message, data } = entries[at] ?? { success: false, message: "", data: null };
      if (data === null) return noUsable(message);
      if (!success || data.StatusCode !== 0) return { ...noUsable(message), StatusCode: data.StatusCode };
      const words = (data.command ?? "NULL").split(",");
      const command = words.includes("tobekilled") ? "tobekilled" : data.command === "NULL" ? null : data.command;
      return { StatusCode: 0, command };
    }),
  };
}

/** panda-api 4.5 and 2.1: a status of null is the database's silence. */
function checked(pair: Pair, said: Envelope): Outcome {
  const asked = new URLSearchParams(pair.request.query).getAll("job_ids");
  if (asked.length === 0) return { answer: [] };
  if (!said.success) {
    const code = said.data === null ? 999 : field(said.data, "code");
    return { answer: asked.map(() => ({ ...noUsable(said.message), StatusCode: code })) };
  }
  const states = z.array(z.object({ command: z.string().nullable(), status: z.string().nullable() })).parse(said.data);
  return {
    answer: states.map(({ command, status }) => (status === null ? noUsable("no state") : { StatusCode: 0, command })),
  };
}

/**
 * What the communicator must make of an envelope of this path; paths that it does not speak are read as mere
 * envelopes.
 */
const byPath: Readonly<Record<string, (said: Envelope, pair: Pair) => Outcome>> = {
  "pilot/acquire_jobs": (said) => {
    if (said.message === "No jobs in PanDA") return good([]);
    return refusedElse(said, said.success && field(said.data, "jobs"));
  },
  "pilot/update_jobs_bulk": (said, pair) => updated(pair, said),
  "job/get_status": (said, pair) => checked(pair, said),
  "event/acquire_event_ranges": (said, pair) => refusedElse(said, { [String(fieldsOf(pair)["job_id"])]: said.data }),
  "event/get_available_event_range_count": (said) => refusedElse(said, said.data),
  "event/update_event_ranges": (said) => refusal(said.message),
  "harvester/acquire_commands": (said) => {
    if (!said.success) return refusal(said.message);
    return good(
      z
        .array(z.unknown())
        .parse(said.data)
        .map((command) => expect.objectContaining(commandOf(command))),
    );
  },
  "harvester/update_workers": (said) => refusedElse(said, said.data),
  "harvester/get_worker_statistics": (said) => refusedElse(said, said.data),
  "harvester/get_current_worker_id": (said) => refusedElse(said, said.data),
  "metaconfig/get_resource_types": (said) => refusedElse(said, said.data),
  "statistics/active_job_stats_by_site": (said) => refusedElse(said, said.data),
  "statistics/active_job_detailed_stats_by_site": (said) => refusedElse(said, said.data),
  "creds/get_proxy": (said) => refusedElse(said, said.success && field(said.data, "user_proxy")),
  "creds/get_token_key": (said) => refusedElse(said, said.success && field(said.data, "tokenKey")),
  "creds/get_key_pair": (said) =>
    refusedElse(
      said,
      said.success && { publicKey: field(said.data, "public_key"), privateKey: field(said.data, "private_key") },
    ),
  "file_server/upload_jedi_log": (said) => refusedElse(said, said.data),
};

const commandOf = (command: unknown) =>
  z.object({ command_id: z.number(), command: z.string(), params: z.unknown() }).parse(command);

function expected(pair: Pair): Outcome {
  const path = pathOf(pair);
  const { status } = pair.response;
  if (path === "event/update_event_ranges" && status === 500) return good(eventsIn(pair).map(() => true));
  if (status !== 200) return { fails: new RegExp(`HTTP ${status}: `) };
  const said = envelopeSchema.safeParse(pair.response.body);
  if (!said.success) return { fails: /the answer is not JSON/ };
  return byPath[path]?.(said.data, pair) ?? refusedElse(said.data, null);
}

/** One a range, those inside zip files too. */
const eventsIn = (pair: Pair): unknown[] =>
  rangesOf(pair).flatMap((range) => (Array.isArray(range["eventRanges"]) ? range["eventRanges"] : [range]));

/** The recorded answer to every request; a probe of the database beside it finds it silent. */
async function replay(pair: Pair) {
  const server = await serve((response, { path }) => {
    const probe = path === "job/get_status" && pathOf(pair) !== path;
    if (probe) send(response, '{"success": true, "message": "", "data": [{"command": null, "status": null}]}');
    else send(response, textOf(pair), pair.response.status);
  });
  const communicator = server.communicator();
  return { server, outcome: makeCall(communicator, pair) };
}

const methodOf: Readonly<Record<string, keyof typeof methods>> = {
  "pilot/acquire_jobs": "getJobs",
  "pilot/update_jobs_bulk": "updateJobs",
  "job/get_status": "checkJobs",
  "event/acquire_event_ranges": "getEventRanges",
  "event/update_event_ranges": "updateEventRanges",
  "event/get_available_event_range_count": "checkEventAvailability",
  "harvester/acquire_commands": "getCommands",
  "harvester/update_workers": "updateWorkers",
  "harvester/get_current_worker_id": "getMaxWorkerId",
  "creds/get_key_pair": "getKeyPair",
};

/** What panda-server insists on (panda-api 1). */
function expectWellFormed({ method, headers }: Asked): void {
  expect(headers.accept).toBe("application/json");
  expect(headers["transfer-encoding"]).toBeUndefined();
  expect(headers.connection).toBe("close");
  if (method === "GET") return;
  expect(headers["content-type"]).toMatch(/^(application\/json|multipart\/form-data; boundary=.+)$/);
  expect(Number(headers["content-length"])).toBeGreaterThan(0);
}

const groups = [...new Set(pairs.map(({ group }) => group))];

test("all 407 recorded pairs are here", () => {
  expect(pairs).toHaveLength(407);
  expect(groups).toContain("database-down");
});

describe.each(groups)("recorded answers: %s", (group) => {
  test.each(pairs.filter((pair) => pair.group === group))("$name", async (pair) => {
    const { server, outcome } = await replay(pair);
    const should = expected(pair);
    if ("fails" in should) {
      const error = await outcome.then(
        () => expect.unreachable("the call must fail"),
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ name: "CallFailed", message: expect.stringMatching(should.fails) });
      expect(error).toMatchObject({ message: expect.stringContaining(`${server.url}/`) });
    } else {
      const answer = await outcome;
      expect(answer).toEqual(should.answer);
      const method = methodOf[pathOf(pair)];
      if (method) expect(methods[method].answer.safeParse(answer).error).toBeUndefined();
    }
    server.asked.forEach(expectWellFormed);
  });
});

/**
 * What the communicator never says: empty lists, statistics of another shape, and an empty report of a failed job, of
 * which the server makes a further error.
 */
const unsayable = [
  ...["dialogs-empty", "metrics-empty", "stats-list", "stats-text-number"],
  "end-failed-code-empty-report",
];
const alike = ["harvester-traffic", "lifecycle", "ends", "workers", "dialogs-metrics", "worker-statistics", "acquire"];
const taken = pairs.filter(
  (pair) =>
    pair.request.method === "POST" &&
    spoken.has(pathOf(pair)) &&
    alike.includes(pair.group) &&
    !unsayable.includes(pair.name) &&
    envelopeSchema.safeParse(pair.response.body).data?.success === true,
);

describe("what the real server took from Harvester is sent alike", () => {
  test.each(taken)("$name", async (pair) => {
    const { server, outcome } = await replay(pair);
    await outcome.catch(() => undefined);
    const [first] = server.asked;
    expect(first).toMatchObject({ method: "POST", path: pathOf(pair) });
    const { harvester_id: _, ...sent } = bodyOf(first);
    const { harvester_id: __, ...recorded } = fieldsOf(pair);
    expect(normal(sent)).toEqual(normal(recorded));
  });

  test("and there is something to compare", () => {
    expect(taken.length).toBeGreaterThan(80);
  });
});

/** JSON text as its value, times without their last three digits, nulls gone: the differences that mean nothing. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, each]) => each !== null);
    return Object.fromEntries(entries.map(([key, each]) => [key, normal(each)]));
  }
  if (typeof value !== "string") return value;
  const json = jsonOf(value);
  if (json !== undefined) return json;
  return value.replace(/^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\d{3}$/, "$1");
}
