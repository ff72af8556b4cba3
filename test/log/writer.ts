/**
 * A process that decides without end and prints the number of each decision that was acknowledged. Tests kill it. It
 * counts on from what the log holds. Arguments: directory of the log, distance of anchors in ms.
 */
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { journalOn, noted, numbers } from "./fixtures.ts";

const [dir = "", anchorEveryMs = "1000"] = process.argv.slice(2);
const log = await openSqliteLog(dir, { shards: 4, anchorEveryMs: Number(anchorEveryMs) });
const { journal, folded } = await journalOn(log, { owner: `writer:${process.pid}`, now: Date.now });

let next = numbers(folded).length;
async function decideOn(): Promise<never> {
  for (;;) {
    const n = next;
    next += 1;
    await journal.decide({ shard: 0, cause: `call ${n}`, events: [noted(n)] });
    process.stdout.write(`${n}\n`);
  }
}
await Promise.all(Array.from({ length: 8 }, decideOn));
