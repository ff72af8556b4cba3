/**
 * Events of event service jobs (lifecycle 4.2): what a worker's report means for them, how they follow their output
 * files, and how the WMS is told. Pure but for the telling. An event counts as finished for the WMS only when its
 * output is safe.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { FileGroupContext, FileRow } from "../../machines/fileGroup.ts";
import { isOwed, type RangeRow, rangeOf } from "../../machines/jobEvents.ts";
import type { ReportedEvent, Verdict, WmsAnswer } from "../plugins/contract.ts";
import type { Job, World } from "../world.ts";
import { type Call, callAll, type FileArgument, type Part, type Reply } from "./agent.ts";
import { asking } from "./asking.ts";

type Row = Pick<FileRow, "lfn" | "status" | "eventRangeID">;

/**
 * Events that are new, or were running so far. `outputs` are the events of the same look that change the job's files.
 * An event without output is safe at once, one whose output failed has failed.
 */
export function reportedEvents(
  world: World,
  job: Job,
  reports: readonly (readonly ReportedEvent[])[],
  outputs: readonly WindrowEvent[],
): WindrowEvent[] {
  const all = reports.flat();
  if (all.length === 0) return [];
  const files = outputsByRange(world, job, outputs);
  const ranges = new Map<string, { eventRangeID: string } & RangeRow>();
  for (const { eventRangeID, eventStatus, coreCount, cpuConsumptionTime, loss } of all) {
    const known = ranges.get(eventRangeID) ?? rangeOf(job.ctx, eventRangeID);
    // No object can hold a row of the second name: it would become the prototype of all rows. The WMS names none so.
    if ((known && known.eventStatus !== "running") || eventRangeID === "__proto__") continue;
    const file = files.get(eventRangeID);
    const status = eventStatus === "finished" && file?.status === "failed" ? "failed" : eventStatus;
    const isMoving = status === "finished" && file !== undefined && file.status !== "finished";
    ranges.set(eventRangeID, {
      eventRangeID,
      eventStatus: status,
      subStatus: isMoving ? "transferring" : status,
      ...(file === undefined ? {} : { file: file.lfn }),
      ...(coreCount === undefined ? {} : { coreCount }),
      ...(cpuConsumptionTime === undefined ? {} : { cpuConsumptionTime }),
      ...(loss === undefined ? {} : { loss }),
    });
  }
  if (ranges.size === 0) return [];
  return [{ type: "job.eventsReported", PandaID: job.ctx.PandaID, ranges: [...ranges.values()] }];
}

/** First output file of each event range, those of this look included. */
function outputsByRange(world: World, job: Job, outputs: readonly WindrowEvent[]): ReadonlyMap<string, Row> {
  const known: readonly Row[] = Object.values(world.filesOf(job.ctx.PandaID, "out")?.ctx.files ?? {});
  const fresh = outputs.flatMap((event): readonly Row[] =>
    event.type === "fileGroup.opened" || event.type === "fileGroup.extended" ? event.files : [],
  );
  const files = new Map<string, Row>();
  for (const row of [...known, ...fresh]) {
    if (row.eventRangeID !== undefined && !files.has(row.eventRangeID)) files.set(row.eventRangeID, row);
  }
  return files;
}

/** Events go where their output goes: that of the file itself, and for a zip file those of its members (1.8 step 2). */
export function movedEvents(
  job: Job,
  group: FileGroupContext | undefined,
  files: readonly FileArgument[],
): WindrowEvent[] {
  const { PandaID, ranges } = job.ctx;
  if (!group || files.length === 0 || isEmpty(ranges)) return [];
  // Most transfers are of plain files; only a zip file is worth a walk through all files of the job.
  const inside = files.some(({ isZip }) => isZip === 1) ? rangesByZip(group) : none;
  const byStatus = new Map<string, string[]>();
  for (const { key, eventRangeID, status } of files) {
    for (const id of new Set([...(eventRangeID === undefined ? [] : [eventRangeID]), ...(inside.get(key) ?? [])])) {
      const row = rangeOf(job.ctx, id);
      if (!row || row.eventStatus === "failed" || row.subStatus === "done") continue;
      if (row.eventStatus === status && row.subStatus === status) continue;
      const moved = byStatus.get(status);
      if (moved) moved.push(id);
      else byStatus.set(status, [id]);
    }
  }
  return [...byStatus].map(([status, eventRangeIDs]) => ({ type: "job.eventsMoved", PandaID, eventRangeIDs, status }));
}

const none: ReadonlyMap<string, readonly string[]> = new Map();

function isEmpty(of: object): boolean {
  for (const _ in of) return false;
  return true;
}

/** Key of a zip file -> event ranges of what it holds. */
function rangesByZip(group: FileGroupContext): ReadonlyMap<string, readonly string[]> {
  const inside = new Map<string, string[]>();
  for (const { eventRangeID, zip } of Object.values(group.files)) {
    if (eventRangeID === undefined || zip === undefined) continue;
    const known = inside.get(zip);
    if (known) known.push(eventRangeID);
    else inside.set(zip, [eventRangeID]);
  }
  return inside;
}

/** Events told in one call; the original stops growing a call here (4.2). */
const eventsAtOnce = 10_000;

/**
 * Tells the WMS of events of these jobs that it does not know. Gives those that it took, by PandaID; they count as told
 * when the update of their job is taken too, as in the original, and telling them twice is harmless.
 */
export function* tellEvents(
  world: World,
  jobs: readonly Job[],
  now: number,
): Part<ReadonlyMap<number, readonly string[]>> {
  const owing = jobs.filter(({ ctx }) => ctx.rangesOwed > 0).map((job) => ({ job, items: itemsOf(world, job) }));
  const replies = yield* callAll(
    owing.map(({ job, items }): Call => {
      const told = items.map(({ zipFile, rows }) => ({
        eventRanges: rows.map(asSent),
        ...(zipFile ? { zipFile } : {}),
      }));
      return asking("updateEventRanges", job.ctx.PandaID, now, [told]);
    }),
  );
  return new Map(owing.map(({ job, items }, i) => [job.ctx.PandaID, taken(items, replies[i])]));
}

/** Those with a verdict, whichever it is; null is asked again. */
function taken(items: readonly Item[], reply: Reply | undefined): readonly string[] {
  const said = reply?.ok ? (reply.value as WmsAnswer<readonly Verdict[]>) : undefined;
  if (!said?.ok) return [];
  const sent = items.flatMap(({ rows }) => rows);
  return sent.flatMap(([id], n) => (typeof said.data[n] === "boolean" ? [id] : []));
}

interface Item {
  readonly rows: (readonly [string, RangeRow])[];
  readonly zipFile: Readonly<Record<string, unknown>> | undefined;
}

/** What is owed, by the zip file that holds the output; a zip file is named only when it is safe. */
function itemsOf(world: World, job: Job): readonly Item[] {
  const group = world.filesOf(job.ctx.PandaID, "out")?.ctx;
  const zips = zipsByRange(group);
  const items = new Map<string | undefined, Item>();
  let n = 0;
  for (const [id, row] of Object.entries(job.ctx.ranges)) {
    if (!isOwed(row)) continue;
    if (++n > eventsAtOnce) break;
    const key = zips.get(id);
    const item = items.get(key) ?? { rows: [], zipFile: key === undefined ? undefined : zipOf(group?.files[key]) };
    item.rows.push([id, row]);
    items.set(key, item);
  }
  return [...items.values()];
}

/** Event range -> key of the zip file that holds its output. */
function zipsByRange(group: FileGroupContext | undefined): ReadonlyMap<string, string> {
  const zips = new Map<string, string>();
  for (const { eventRangeID, zip } of Object.values(group?.files ?? {})) {
    if (eventRangeID !== undefined && zip !== undefined && !zips.has(eventRangeID)) zips.set(eventRangeID, zip);
  }
  return zips;
}

function zipOf(zip: FileRow | undefined): Item["zipFile"] {
  if (zip?.status !== "finished") return undefined;
  const [kind, sum = kind] = zip.chksum?.split(":") ?? [];
  const checksum = sum ? { [kind === "md" || kind === "md5" ? "md5" : "adler32"]: sum } : {};
  const { objstoreID, pathConvention } = zip;
  const store = pathConvention === undefined ? `${objstoreID}` : `${objstoreID}/${pathConvention}`;
  return {
    lfn: zip.lfn,
    ...(objstoreID === undefined ? {} : { objstoreID: store }),
    ...(zip.fsize ? { fsize: zip.fsize } : {}),
    ...checksum,
  };
}

const asSent = ([eventRangeID, { eventStatus, coreCount, cpuConsumptionTime, loss }]: readonly [string, RangeRow]) => ({
  eventRangeID,
  eventStatus,
  ...(coreCount === undefined ? {} : { coreCount }),
  ...(cpuConsumptionTime === undefined ? {} : { cpuConsumptionTime }),
  ...(loss === undefined ? {} : { loss }),
});
