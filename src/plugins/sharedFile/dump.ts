/**
 * Makes sense of `event_status.dump.json` and `worker_updateevents.json` (messenger.md 4.2, 4.3), entry by entry: one
 * that cannot be used gets a complaint with its place, the others are delivered. A file is only taken from where a
 * worker's outputs may lie.
 */
import { createHash } from "node:crypto";
import { realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { z } from "zod";
import type { Complaint, ReportedEvent, ReportedFile } from "../contract.ts";
import { followed, isBelowReal, isMissing, messageOf, nameTrouble } from "../file/disk.ts";
import { outputSize, outputSums } from "./payloadFile.ts";

/** Collects what was found in all files of one worker. */
export class Findings {
  readonly files: Record<string, ReportedFile[]> = {};
  readonly events: Record<string, ReportedEvent[]> = {};
  readonly complaints: Complaint[] = [];
  #left = 0;

  /** Beyond the limit complaints are counted, so that a payload cannot flood the log. */
  complain(where: string, why: string): undefined {
    if (this.complaints.length < complaintLimit) this.complaints.push({ where, why });
    else this.#left += 1;
    return undefined;
  }

  /** All complaints, with a count of those left off. */
  told(): readonly Complaint[] {
    if (this.#left === 0) return this.complaints;
    return [...this.complaints, { where: "this look", why: `${this.#left} further complaints are left off` }];
  }
}

const complaintLimit = 200;

/** Where entries come from and what they may name. */
export interface Origin {
  /** Name of the file for complaints. */
  readonly file: string;
  /** Relative paths begin here. */
  readonly directory: string;
  /** Directories in which outputs may lie. */
  readonly roots: readonly string[];
  /** PandaIDs of the worker. */
  readonly known: ReadonlySet<string>;
}

/** Size and checksum of a file; what the first entry about it says counts for the others. */
interface Measured {
  readonly fsize: number;
  readonly chksum: string;
}

interface Place extends Origin {
  readonly realRoots: readonly string[];
  readonly measured: Map<string, Measured>;
}

/** An entry as far as its fields have the right types; `wrong` names the others. */
interface Entry {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly where: string;
}

const text = z.string().min(1);
const size = z.number().nonnegative();
const flag = z.literal([0, 1]);
const withEvent = new Set(["es_output", "zip_output"]);
const neverZip = new Set(["log", "output", "checkpoint"]);

/** Reads a dump: files and events. Answers whether anything of it is reported. */
export async function readDump(value: unknown, origin: Origin, wantEvents: boolean, found: Findings): Promise<boolean> {
  const place: Place = { ...origin, realRoots: await Promise.all(origin.roots.map(followed)), measured: new Map() };
  let used = false;
  for (const { PandaID, entry } of entriesOf(value, origin, found)) {
    const { fields, where } = entry;
    const hasPath = fields["path"] !== undefined && fields["path"] !== null;
    if (hasPath) {
      const file = await fileOf(PandaID, entry, place, found);
      if (!file) continue;
      add(found.files, PandaID, file);
      used = true;
      if (!withEvent.has(file.type)) continue;
    }
    const event = eventOf(entry, found);
    if (!event) continue;
    if (wantEvents) {
      add(found.events, PandaID, event);
      used = true;
    } else if (!hasPath) found.complain(where, "the worker runs no events; the entry is left out");
  }
  return used;
}

/** Reads event updates. Answers whether anything of them is reported. */
export function readUpdates(value: unknown, origin: Origin, found: Findings): boolean {
  let used = false;
  for (const { PandaID, entry } of entriesOf(value, origin, found)) {
    const event = eventOf(entry, found);
    if (!event) continue;
    add(found.events, PandaID, event);
    used = true;
  }
  return used;
}

function add<T>(lists: Record<string, T[]>, PandaID: string, item: T): void {
  const list = lists[PandaID];
  if (list) list.push(item);
  else lists[PandaID] = [item];
}

function* entriesOf(
  value: unknown,
  origin: Origin,
  found: Findings,
): Generator<{ readonly PandaID: string; readonly entry: Entry }> {
  const { file, known } = origin;
  const byJob = z.record(z.string(), z.unknown()).safeParse(value);
  if (!byJob.success) return found.complain(file, "it is no object of lists by PandaID");
  for (const [PandaID, list] of Object.entries(byJob.data)) {
    const key = `${file}[${JSON.stringify(PandaID)}]`;
    if (!/^\d+$/.test(PandaID)) found.complain(key, "the key is no PandaID");
    else if (!known.has(PandaID)) found.complain(key, "the worker has no such job");
    else if (!Array.isArray(list)) found.complain(key, "it is no list");
    else {
      for (const [index, item] of list.entries()) {
        const where = `${key}[${index}]`;
        const fields = z.record(z.string(), z.unknown()).safeParse(item);
        if (fields.success) yield { PandaID, entry: { fields: fields.data, where } };
        else found.complain(where, "it is no object");
      }
    }
  }
}

/** A field of the wanted type; a wrong one gets a complaint and counts as not given. */
function field<T>({ fields, where }: Entry, name: string, schema: z.ZodType<T>, found: Findings): T | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  found.complain(where, `${name} is ${shown(value)}, which it cannot be; it counts as not given`);
  return undefined;
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 80) ?? "nothing";
}

function eventOf(entry: Entry, found: Findings): ReportedEvent | undefined {
  const { fields, where } = entry;
  for (const name of ["eventRangeID", "eventStatus"] as const) {
    if (text.safeParse(fields[name]).success) continue;
    found.complain(where, `it reports no event, since ${name} is ${shown(fields[name])}`);
    return undefined;
  }
  const coreCount = field(entry, "coreCount", z.number(), found);
  const cpuConsumptionTime = field(entry, "cpuConsumptionTime", z.number(), found);
  const loss = field(entry, "loss", z.string(), found);
  return {
    eventRangeID: text.parse(fields["eventRangeID"]),
    eventStatus: text.parse(fields["eventStatus"]),
    ...(coreCount === undefined ? {} : { coreCount }),
    ...(cpuConsumptionTime === undefined ? {} : { cpuConsumptionTime }),
    ...(loss === undefined ? {} : { loss }),
  };
}

async function fileOf(
  PandaID: string,
  entry: Entry,
  origin: Place,
  found: Findings,
): Promise<ReportedFile | undefined> {
  const { fields, where } = entry;
  const refuse = (why: string): undefined => found.complain(where, why);
  const said = text.safeParse(fields["path"]);
  if (!said.success) return refuse(`path is ${shown(fields["path"])}`);
  const type = text.safeParse(fields["type"]);
  if (!type.success) return refuse(`type is ${shown(fields["type"])}, which an entry with a path must name`);
  if (said.data.includes("\0")) return refuse("path holds a zero byte");
  const path = resolve(origin.directory, said.data);
  const lfn = basename(path);
  const trouble = nameTrouble(lfn);
  if (trouble !== undefined) return refuse(`LFN ${shown(lfn)}: ${trouble}`);
  if (fields["lfn"] !== undefined && fields["lfn"] !== lfn) {
    return refuse(`lfn is ${shown(fields["lfn"])}, but the LFN is the base name of the path, ${lfn}`);
  }
  try {
    const before = origin.measured.get(path);
    if (!before && !(await isBelowReal(origin.realRoots, path))) {
      return refuse(`${said.data} lies outside ${origin.roots.join(", ")}; name its directory in outputDirs if it may`);
    }
    const measured = before ?? (await measure(entry, path, found));
    if (typeof measured === "string") return refuse(measured);
    origin.measured.set(path, measured);
    const guid = field(entry, "guid", text, found) ?? guidOf(PandaID, path);
    const eventRangeID = field(entry, "eventRangeID", text, found);
    const isZip = neverZip.has(type.data) ? 0 : type.data === "zip_output" ? 1 : field(entry, "isZip", flag, found);
    return {
      lfn,
      path,
      ...measured,
      type: type.data,
      guid,
      ...(isZip === undefined ? {} : { isZip }),
      ...(eventRangeID === undefined ? {} : { eventRangeID }),
    };
  } catch (error) {
    return refuse(`${said.data}: ${messageOf(error)}`);
  }
}

/**
 * Size and checksum as reported, else from the file, following links that were found to stay inside; or what is wrong.
 */
async function measure(entry: Entry, path: string, found: Findings): Promise<Measured | string> {
  const fsize = field(entry, "fsize", size, found);
  const chksum = field(entry, "chksum", text, found);
  const real = await realpath(path).catch((error: unknown) => {
    if (isMissing(error)) return path;
    throw error;
  });
  const onDisk = fsize ?? (await outputSize(real));
  if (onDisk === undefined) return `${path} does not exist, and its size is not given`;
  if (chksum !== undefined) return { fsize: onDisk, chksum };
  const computed = await outputSums(real);
  if (!computed) return `${path} does not exist, and its checksum is not given`;
  return { fsize: onDisk, chksum: computed.adler32 };
}

/** A GUID for a file whose payload gave none: the same in every look, so that a repeated look reports the same. */
export function guidOf(PandaID: string, path: string): string {
  const hex = createHash("sha256").update(`${PandaID}\n${path}`).digest("hex");
  const variant = (Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80;
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant.toString(16)}${hex.slice(18, 20)}`,
    hex.slice(20, 32),
  ].join("-");
}
