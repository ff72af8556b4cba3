/** Every cell of the recorded matrix "stored state x reported state", through HTTP, with the Adder not running. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PandaServer, startPandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { post } from "./client.ts";
import { transitions } from "./pairs.ts";

const dir = mkdtempSync(join(tmpdir(), "stand-in-"));
let server: PandaServer;

beforeAll(async () => {
  // The clock stands still, so neither the Adder nor a time-out interferes.
  server = await startPandaServer({ dir, sentTimeoutMs: 1e9, adderDelayMs: 1e9, now: () => 1.8e12 });
});
afterAll(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

type Cell = (typeof transitions.matrix)[number];

async function expectCell({ given, ...cell }: Cell): Promise<void> {
  const columns = { jobDispatcherErrorDiag: given.jobDispatcherErrorDiag, batchID: given.storedBatchID };
  const { commandToPilot, specialHandling } = given;
  const stored = { jobStatus: cell.stored, commandToPilot, specialHandling, columns };
  const [PandaID = 0] = server.addJobs([{ computingSite: "Q", attemptNr: 1, ...stored }]);
  const report = {
    job_id: PandaID,
    job_status: cell.reported,
    attempt_nr: given.reportedAttempt,
    batch_id: given.reportedFields.batchID ?? null,
    job_output_report: "{}",
  };
  const answer = await post(server.url, "pilot/update_jobs_bulk", { job_list: [report] });
  const conflict = cell.StatusCode === 30;
  const data = conflict ? { StatusCode: 30 } : expect.objectContaining({ StatusCode: 0, command: cell.command });
  const message = conflict ? "Database error" : "";
  expect(answer).toEqual({ success: true, message: "", data: [{ success: true, message, data }] });
  const job = server.view().jobs.find((one) => one.PandaID === PandaID);
  expect(job).toMatchObject({ jobStatus: cell.storedAfter, archived: false });
  expect(job?.startTime !== null).toBe(cell.startTimeSet);
  expect(job?.endTime !== null).toBe(cell.endTimeSet);
  expect(job?.outputReport !== null).toBe(cell.outputReportStored);
}

describe("job transitions", () => {
  it.each(transitions.matrix.map((cell) => [cell.stored, cell.reported, cell] as const))(
    "%s, reported %s",
    (_s, _r, cell) => expectCell(cell),
  );
  it.each(transitions.special.map((cell) => [cell.note, cell] as const))("%s", (_note, cell) => expectCell(cell));
  it("knows no more than was recorded", () => {
    expect(transitions.matrix.length).toBe(48);
    expect(transitions.special.length).toBe(13);
  });
});
