/**
 * What `windrow history` and `windrow status` show people: nothing is wider than their terminal, nothing of a life is
 * left out, and where there is no terminal every step is one line.
 */
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { type History, HistoryReader } from "../../src/audit/history.ts";
import { statusOf } from "../../src/audit/status.ts";
import { historyText } from "../../src/cli/history.ts";
import { type AnsweredBy, statusText } from "../../src/cli/status.ts";
import { configured, fetched, start, worldOf } from "../agents/drive.ts";
import { chapters, story } from "../projection/story.ts";

/** The whole life of job 1, with a call whose key is long. */
function life(): History {
  const reader = new HistoryReader({ kind: "job", id: 1 });
  const long: WindrowEvent = {
    type: "call.intended",
    key: `triggerStageOut:1:${start}:a.file.with.a.long.name.${"x".repeat(120)}`,
    method: "triggerStageOut",
    plugin: "stager",
    queue: "Q",
    notAfterAt: start,
    PandaID: 1,
  };
  const records: (readonly WindrowEvent[])[] = [configured(), ...chapters.map((chapter) => story[chapter]), [long]];
  for (const [i, events] of records.entries()) reader.fold({ shard: 1, seq: i + 1, at: start + 1000 * i, events });
  expect(reader.world.anomalies).toEqual([]);
  return reader.history();
}

const linesOf = (text: string): string[] => stripVTControlCharacters(text).split("\n");

describe("a history", () => {
  it.each([60, 80, 119, 120, 160, 240])("keeps to a terminal of %d columns, and has every step", (width) => {
    const history = life();
    const lines = linesOf(historyText(history, width));
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    const types = lines
      .slice(2)
      .flatMap((line) => /\b(?:job|worker|fileGroup|call)\.\w+/.exec(line.slice(0, 56))?.[0] ?? []);
    expect(types).toEqual(history.steps.map(({ type }) => type));
  });

  it("has one line a step where there is no terminal, with the date, and calls by short names", () => {
    const history = life();
    const [title, blank, ...lines] = linesOf(historyText(history, Number.POSITIVE_INFINITY));
    expect([title, blank, lines.length]).toEqual([
      `job 1: ${history.steps.length} steps in 19.0 s from 2026-01-01 00:00:01.000 UTC`,
      "",
      history.steps.length,
    ]);
    expect(lines.every((line) => line.startsWith("2026-01-01 00:00:"))).toBe(true);
    expect(lines.at(-1)).toMatch(/ call\.intended +triggerStageOut #1 +unknown -> open/);
    expect(lines.find((line) => line.includes("fileGroup.opened"))).toMatch(
      / in +unknown -> open .*files: i \(to_prepare\)/,
    );
  });
});

describe("a status", () => {
  const status = statusOf(
    worldOf([
      ...configured({ A_QUEUE_WITH_A_LONG_NAME: {}, Q: {} }),
      ...[1, 2, 3, 4].map((PandaID) => fetched(PandaID)),
      { type: "job.preparationTriggered", PandaID: 2 },
      { type: "job.preparationTriggered", PandaID: 3 },
      { type: "job.stageInConfirmed", PandaID: 3 },
      { type: "job.prepared", PandaID: 3 },
    ]),
    [0, 1, 2, 3, 5, 6].map((shard) => ({
      shard,
      owner: shard === 6 ? null : shard < 5 && shard !== 2 ? "a:1" : "b:1",
      at: start + 1000 * shard,
    })),
  );
  const textOf = (width: number, answeredBy: AnsweredBy = "daemon", later = 10_000) =>
    statusText(status, { answeredBy, now: start + later, width });
  const leadersOf = (...asked: Parameters<typeof textOf>) =>
    textOf(...asked)
      .split("\n\n")[0]
      ?.split("\n")
      .slice(1);

  it("names who leads which shards, and when it wrote last", () => {
    const asked = ["a:1 leads shards 0-1, 3, last record 7 s ago", "b:1 leads shards 2, 5, last record 5 s ago"];
    expect(leadersOf(120)).toEqual([...asked, "nobody leads shard 6, last record 4 s ago"]);
    expect(leadersOf(120, "kafka")?.slice(0, 2)).toEqual(asked);
    expect(leadersOf(30)?.slice(0, 2)).toEqual(["a:1 leads shards 0-1, 3,", "last record 7 s ago"]);
    // Clocks of two machines.
    expect(leadersOf(120, "kafka", -60_000)?.[0]).toBe("a:1 leads shards 0-1, 3, last record 0 s ago");
  });

  it("says what speaks against it that they still live", () => {
    const hours = 7_300_000;
    expect(leadersOf(120, "directory", hours)).toEqual([
      "a:1 led shards 0-1, 3, last record 2 h ago, and has ended without giving them up",
      "b:1 led shards 2, 5, last record 2 h ago, and has ended without giving them up",
      "nobody leads shard 6, last record 2 h ago",
    ]);
    // A daemon writes nothing where nothing happens, unless there are others who have to know.
    expect(leadersOf(120, "daemon", hours)?.[0]).toBe("a:1 leads shards 0-1, 3, last record 2 h ago");
    expect(leadersOf(120, "kafka", 34_000)).toEqual([
      "a:1 leads shards 0-1, 3, last record 31 s ago, though one that lives writes every 10 s",
      "b:1 leads shards 2, 5, last record 29 s ago",
      "nobody leads shard 6, last record 28 s ago",
    ]);
  });

  it.each([
    [119_999, "119 s"],
    [120_000, "2 min"],
    [7_199_999, "119 min"],
    [172_799_999, "47 h"],
    [172_800_000, "2 days"],
  ])("says %i ms as %s", (silence, said) => {
    expect(leadersOf(120, "daemon", 3000 + silence)?.[0]).toBe(`a:1 leads shards 0-1, 3, last record ${said} ago`);
  });

  it("is a table where it fits, and a paragraph a queue where it does not", () => {
    expect(linesOf(textOf(120)).at(-1)).toMatch(/^Q +active +1 +2 fetched, 1 preparing, 1 prepared +none$/);
    expect(linesOf(textOf(40)).slice(-4)).toEqual([
      "Q, active, shard 1",
      "  jobs     2 fetched, 1 preparing,",
      "           1 prepared",
      "  workers  none",
    ]);
  });
});
