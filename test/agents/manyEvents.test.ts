/**
 * A payload that reports some thousand events and files at once, through the whole engine on a log with its real bound
 * on records: such a report must not stop the daemon, and each of its events has to reach the WMS.
 */
import { expect, it } from "vitest";
import { drive } from "../conformance/drive.ts";
import { parseScenario } from "../conformance/scenario.ts";

const ids = Array.from({ length: 6000 }, (_, i) => `12345-6789012-3456-${i}-10`);

/** One event service job whose worker reports all its events in its second look. */
function scenario(withFiles: boolean, zipPerMB: number | null) {
  const files = ids.map((eventRangeID, i) => ({ lfn: `e${i}`, type: "es_output", eventRangeID }));
  return parseScenario({
    id: "many/events",
    family: "many",
    description: "thousands of events in one report",
    tags: [],
    config: { queues: { Q1: {} } },
    jobs: [{ id: 1001, params: { eventService: "1", ...(zipPerMB === null ? {} : { zipPerMB }) } }],
    plugins: {
      "monitor.check_workers": { "*": ["running", "running", "finished"] },
      "messenger.events_to_update": {
        w1: [{}, { 1001: ids.map((eventRangeID) => ({ eventRangeID, eventStatus: "finished" })) }],
      },
      ...(withFiles ? { "messenger.get_files_to_stage_out": { w1: [{}, { 1001: files }] } } : {}),
    },
    steps: { rounds: 10 },
    expected: [],
  });
}

it.each([
  ["without files", false, null],
  ["with a file each", true, null],
  ["in a zip file", true, 0],
] as const)(
  "thousands of events reach the WMS: %s",
  async (_name, withFiles, zipPerMB) => {
    const { engine, anomalies, rounds } = await drive(scenario(withFiles, zipPerMB));
    const job = engine.world.jobs.get(1001);
    expect(job?.state.key).toBe("done|closed|unasked");
    expect(Object.values(job?.ctx.ranges ?? {}).filter(({ subStatus }) => subStatus === "done")).toHaveLength(
      ids.length,
    );
    expect(rounds.flatMap(({ wms }) => wms).filter(({ m }) => m === "update_event_ranges")).toHaveLength(1);
    expect(anomalies).toEqual([]);
  },
  30_000,
);
