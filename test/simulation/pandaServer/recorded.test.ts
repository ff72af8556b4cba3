/**
 * The stand-in against the real server: every recorded pair of these groups is sent again and must get the recorded
 * answer, and the state behind it must be the recorded one. Replaced on both sides are only times, file numbers in
 * event range ids, nSent, the cache folder and the server's own address; PandaIDs are those of the recording.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PandaServer, startPandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { asked } from "./aftermath.ts";
import { send } from "./client.ts";
import { type Pair, pairsOf } from "./pairs.ts";
import { basics, before, groups } from "./scenes.ts";

const GROUPS = [
  ...["transport", "refusals", "token", "heartbeat", "workers", "worker-statistics", "dialogs-metrics", "commands"],
  ...["acquire", "lifecycle", "ends", "kill", "commands-to-the-pilot", "update-inputs", "job-status", "events"],
  ...["credentials", "configuration", "configuration-empty", "files", "harvester-traffic"],
];

/**
 * The groups database-down and not-provoked are left out: the stand-in cannot lose its database, and nobody saw the
 * latter.
 */
const LEFT_OUT = ["database-down", "not-provoked"];

/** Pairs whose text is the wording of an incidental Python exception: the status and this beginning must agree. */
const EXCEPTIONS: Readonly<Record<string, { readonly beginning: string; readonly reason: string }>> = {
  "token-no-origin": {
    beginning:
      "ERROR : Token authentication failed. Token decode failure. 'NoneType' object has no attribute 'replace' ",
    reason: "a Python traceback follows",
  },
  ...Object.fromEntries(
    ["v0", "default-version", "unknown"].map((name) => [
      `events-update-${name}`,
      {
        beginning: "Type not serializable for {",
        reason: "the returns are [true, false] for one range, because its database layer failed after the first",
      },
    ]),
  ),
};

/** A Python set has no order. */
const sorted = (text: string): string =>
  text.replace(/\{('.*')\}/, (_, inside: string) => `{${inside.split(", ").sort().join(", ")}}`);

const TIME = /\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?/g;

/** Times, file numbers of event ranges, folder and address become names. */
function neutral(text: string, dir: string, url: string): string {
  return (
    text
      .replaceAll(TIME, "<time>")
      .replaceAll(/"(\d+-\d+)-\d+-(\d+-\d+)"/g, '"$1-<file>-$2"')
      // How many jobs of the queue are sent: on the real server those of earlier groups were.
      .replaceAll(/"nSent":\d+/g, '"nSent":0')
      .replaceAll(join(dir, "cache"), "/CACHE_DIR")
      .replaceAll(url, "http://127.0.0.1:25080")
  );
}

/** Both sides of a comparison, as JSON values. Undefined and 5.0 cannot occur in what is compared. */
const neutralValue = (value: unknown, dir: string, url: string): unknown =>
  JSON.parse(neutral(JSON.stringify(value), dir, url));

describe.each(GROUPS)("recorded pairs: %s", (group) => {
  const dir = mkdtempSync(join(tmpdir(), "stand-in-"));
  let now = Date.parse("2026-11-24T12:57:14.101Z");
  let server: PandaServer;

  beforeAll(async () => {
    server = await startPandaServer({ dir, sentTimeoutMs: 1800_000, adderDelayMs: 1000, now: () => now });
    await basics({ server, dir });
    await groups[group]?.({ server, dir });
  });
  afterAll(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });

  function expectState(pair: Pair, expected: Pair["after"]): void {
    if (expected === undefined) return;
    const seen = asked({ view: server.view(), pair, expected, dir });
    expect(neutralValue(seen, dir, server.url)).toEqual(neutralValue(expected, dir, server.url));
  }

  it.each(pairsOf(group).map((pair) => [pair.name, pair] as const))("%s", async (name, pair) => {
    await before[name]?.({ server, dir });
    const answer = await send(server.url, pair.request);
    expect(answer.status).toBe(pair.response.status);
    expect(answer.headers["content-type"]).toBe("text/plain");
    expect(answer.headers["x-windrow-stand-in"]).toBe("panda-server");
    const exception = EXCEPTIONS[name];
    const { body, text } = pair.response;
    if (exception !== undefined) {
      expect(text?.startsWith(exception.beginning), exception.reason).toBe(true);
      expect(answer.text.startsWith(exception.beginning), exception.reason).toBe(true);
    } else if (body === undefined) {
      expect(sorted(neutral(answer.text, dir, server.url))).toBe(sorted(text ?? ""));
    } else {
      expect(neutralValue(JSON.parse(answer.text), dir, server.url)).toEqual(neutralValue(body, dir, server.url));
    }
    expectState(pair, pair.after);
    if (pair.later !== undefined) {
      now += 4000;
      expectState(pair, pair.later);
    }
  });
});

describe("the recording", () => {
  it("has no group that is neither replayed nor left out", () => {
    const known = [...GROUPS, ...LEFT_OUT];
    expect(known.flatMap((group) => pairsOf(group)).length).toBe(407);
  });
});
