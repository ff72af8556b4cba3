/**
 * Log upload: what the local log files of a worker have grown by is sent to the WMS after each update of the worker
 * that the WMS took, for the last time after the final one (lifecycle 3.10). What was sent is in the log after each
 * piece, so a crash repeats one piece at most. It must never see the bytes: the call names the file.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { Worker, World } from "../world.ts";
import { type Answered, call, type Duty, type Part, type Run, record } from "./agent.ts";
import { wmsAnswer } from "./asking.ts";

/** Of a log file in one call. The server takes 100 MiB. */
const pieceBytes = 4 * 1024 * 1024;
/** Pieces of one file in one run: a file that grows faster than it is sent does not hold the run. */
const maxPieces = 25;

/** Name of a log file at the server (specs 3, set_log_file). */
export const remoteName = (harvesterID: string, path: string): string =>
  `${harvesterID}__${path.slice(path.lastIndexOf("/") + 1)}`;

export const uploadLogs: Duty = {
  name: "uploadLogs",
  // Fewer calls than the communicator may make at once: reports are not to wait for logs.
  limit: () => 4,
  run: function* upload(world, { ids, now }): Run {
    const worker = world.workers.get(Number(ids[0]));
    const of = worker?.ctx.logs?.at ?? null;
    if (!worker || of === null) return;
    const shard = world.shardOf(worker.ctx.queue);
    const { workerID } = worker.ctx;
    const key = `uploadLogs:${workerID}:${now}`;
    const troubles: string[] = [];
    for (const [kind, path] of Object.entries(worker.ctx.logFiles)) {
      if (path.startsWith("http")) continue;
      const why = yield* uploadOne(world, worker, { kind, path, key, shard });
      if (why !== null) troubles.push(why);
    }
    const event: WindrowEvent =
      troubles.length > 0
        ? { type: "worker.logsUnsent", workerID, why: troubles.join("; ") }
        : { type: "worker.logsSettled", workerID, of };
    yield* record(shard, key, [event]);
  },
};

interface LogFile {
  readonly kind: string;
  readonly path: string;
  readonly key: string;
  readonly shard: number;
}

/** Sends what is new of one file. null: all is sent that was there; else what was wrong. */
function* uploadOne(world: World, { ctx }: Worker, { kind, path, key, shard }: LogFile): Part<string | null> {
  const { harvesterID } = world.instance;
  for (let piece = 0; piece < maxPieces; piece += 1) {
    const sent = ctx.sentLogs[kind];
    const from = sent?.path === path ? sent.bytes : 0;
    const wanted = { path, from, maxBytes: pieceBytes };
    const reply = yield* call({
      method: "uploadFile",
      plugin: "communicator",
      queue: null,
      key: `${key}:${kind}:${from}`,
      args: { name: remoteName(harvesterID, path), file: wanted },
    });
    const said = wmsAnswer<string>(reply);
    if (!said.ok) return `${kind}: ${said.message}`;
    const { piece: read } = reply as Answered;
    // Nothing is there, or nothing new.
    if (!read || read.to === from) return null;
    yield* record(shard, key, [
      { type: "worker.logSent", workerID: ctx.workerID, kind, path, bytes: read.to, url: said.data },
    ]);
    if (read.to >= read.size) return null;
  }
  return `${kind}: it grows faster than it is sent`;
}
