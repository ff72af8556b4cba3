/**
 * Log upload: local log files of a worker are sent to the WMS after each update of the worker that it took, for the
 * last time after the final one (lifecycle 3.10). The server keeps what was last sent under a name (panda-api 8), so a
 * file that grew is sent as a whole, or its end where it is long; the pieces of the original would leave but the last
 * of them there. It must never see the bytes: the call names the file.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { Worker, World } from "../world.ts";
import { type Answered, call, type Duty, type Part, type Run, record } from "./agent.ts";
import { wmsAnswer } from "./asking.ts";

/** Of the end of a file while the worker is alive: enough to see what it does. */
const aliveBytes = 1024 * 1024;
/** When it has ended. The server takes 100 MiB. */
const finalBytes = 32 * 1024 * 1024;

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

/** Sends one file if it has anything new. null: the WMS has what there is; else what was wrong. */
function* uploadOne(world: World, { ctx, state }: Worker, { kind, path, key, shard }: LogFile): Part<string | null> {
  const isLast = state.regions["report"] === "closed";
  const sent = ctx.sentLogs[kind];
  // The last time more of a long file is sent than before.
  const stands = sent?.path === path && (sent.from === 0 || !isLast);
  const reply = yield* call({
    method: "uploadFile",
    plugin: "communicator",
    queue: null,
    key: `${key}:${kind}`,
    args: {
      name: remoteName(world.instance.harvesterID, path),
      file: { path, known: stands ? sent.size : null, maxBytes: isLast ? finalBytes : aliveBytes },
    },
  });
  const said = wmsAnswer<string>(reply);
  if (!said.ok) return `${kind}: ${said.message}`;
  const { piece } = reply as Answered;
  // Nothing is there, or nothing new.
  if (!piece) return null;
  const { workerID } = ctx;
  yield* record(shard, key, [{ type: "worker.logSent", workerID, kind, path, ...piece, url: said.data }]);
  return null;
}
