/** Progress of a long reading, in place on a terminal and nothing elsewhere. */
import { stderr } from "node:process";
import type { Log } from "../log/log.ts";

/** Shows how many records are done, ten times a second at most. */
export function progressLine(): (records: number, of: number) => void {
  if (!stderr.isTTY) return () => undefined;
  let shown = 0;
  return (records, of) => {
    const now = performance.now();
    if (records < of && now - shown < 100) return;
    shown = now;
    stderr.write(records < of ? `\r${records} of ${of} records` : "\r\u001b[K");
  };
}

/** The log, and with it a line that shows how much of it was read, until `over` is called. */
export async function readingShown(log: Log): Promise<{ readonly log: Log; readonly over: () => void }> {
  if (!stderr.isTTY) return { log, over: () => undefined };
  const show = progressLine();
  const tips = await Promise.all(Array.from({ length: log.shards }, (_, shard) => log.tip(shard)));
  const total = tips.reduce((sum, tip) => sum + tip, 0);
  let [count, isOver] = [0, false];
  const over = (): void => {
    if (!isOver && count > 0) show(total, total);
    isOver = true;
  };
  const counted: Log = {
    shards: log.shards,
    tip: (shard) => log.tip(shard),
    async *read(shard, from) {
      for await (const batch of log.read(shard, from)) {
        count += batch.length;
        if (!isOver) show(count, total);
        yield batch;
      }
    },
    append: (shard, record) => log.append(shard, record),
    follow: (deliver) => log.follow(deliver),
    close: () => log.close(),
  };
  return { log: counted, over };
}
