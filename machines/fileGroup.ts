/**
 * The life of files that are moved together (lifecycle 2). The status of each file is a row of the context, because a
 * plug-in may finish them one by one; the state says what the group as a whole waits for.
 */
import { assign, setup } from "xstate";
import type { EventOf } from "../events/events.ts";
import type { FilePatch, FileRowEvent } from "../events/fields.ts";
import type { Step } from "./step.ts";

/** One file (specs.md 4). */
export interface FileRow extends FileRowEvent {
  /** Where another job's copy is, of a file that became ready by sharing (2.3); its own path, where set, goes first. */
  copyPath?: string;
  groupID?: string;
  groupStatus?: string;
  groupUpdateAt?: number;
  /** Where a stager stored it, for the WMS (4.2). */
  objstoreID?: number;
  pathConvention?: number;
  fileAttributes?: Record<string, unknown>;
  attemptNr: number;
  todelete: boolean;
}

/** Everything known of a group. Plain JSON. */
export interface FileGroupContext {
  group: string;
  /** null for a group that a plug-in named: it may hold files of many jobs. */
  PandaID: number | null;
  direction: "in" | "aux" | "out" | "named";
  endpoint: string | null;
  files: Record<string, FileRow>;
  /** How many files have each status, so that nobody has to scan. */
  counts: Record<string, number>;
  /** Status of a named group, as the plug-in set it. */
  status: string | null;
}

/** A group before its first event. */
export const blankFileGroup = (group: string): FileGroupContext => ({
  group,
  PandaID: null,
  direction: "named",
  endpoint: null,
  files: {},
  counts: {},
  status: null,
});

/** What is open in an output group, in the original's order of priority (1.8, hasOutFile). */
export function openWork(counts: Readonly<Record<string, number>>): "zip" | "postZip" | "trigger" | "check" | null {
  if (counts["zipping"]) return "zip";
  if (counts["post_zipping"]) return "postZip";
  if (counts["defined"]) return "trigger";
  if (counts["transferring"]) return "check";
  return null;
}

function count(group: FileGroupContext, status: string, by: 1 | -1): void {
  group.counts[status] = (group.counts[status] ?? 0) + by;
}

/**
 * Key of a new row: its lfn, or lfn#n where rows of that name are there already. Whoever names a row follows it. Rows
 * never leave a group, so taken numbers have no gap, and a zip file with thousands of event ranges needs few questions.
 */
export function keyOfNew(lfn: string, taken: (key: string) => boolean): string {
  // No object can hold a row of that name: it would become the prototype of all rows.
  if (lfn !== "__proto__" && !taken(lfn)) return lfn;
  const key = (n: number): string => `${lfn}#${n}`;
  let last = 1;
  let free = 2;
  while (taken(key(free))) {
    last = free;
    free *= 2;
  }
  while (free - last > 1) {
    const middle = Math.floor((last + free) / 2);
    if (taken(key(middle))) last = middle;
    else free = middle;
  }
  return key(free);
}

function add(group: FileGroupContext, rows: readonly FileRowEvent[]): void {
  for (const row of rows) {
    const key = keyOfNew(row.lfn, (name) => Object.hasOwn(group.files, name));
    group.files[key] = { ...row, attemptNr: 0, todelete: false };
    count(group, row.status, 1);
  }
}

function patch(group: FileGroupContext, patches: readonly FilePatch[]): void {
  for (const { key, set } of patches) {
    const file = Object.hasOwn(group.files, key) ? group.files[key] : undefined;
    if (!file) continue;
    const before = file.status;
    const next: Record<string, unknown> = { ...file };
    for (const field in set) {
      const value = set[field];
      if (value === null) delete next[field];
      else next[field] = value;
    }
    group.files[key] = next as unknown as FileRow;
    const after = group.files[key].status;
    if (after === before) continue;
    count(group, before, -1);
    count(group, after, 1);
  }
}

const done = { status: "done" };

/** Changes the context by one step, in place: the projection owns it. */
export function evolveFileGroup(group: FileGroupContext, { type, event }: Step): void {
  switch (type) {
    case "fileGroup.opened": {
      const { PandaID, direction, endpoint, files } = event as EventOf<"fileGroup.opened">;
      Object.assign(group, { PandaID, direction, endpoint });
      return add(group, files);
    }
    case "fileGroup.extended": {
      const { files, patches } = event as EventOf<"fileGroup.extended">;
      if (patches) patch(group, patches);
      return add(group, files);
    }
    case "fileGroup.reassigned":
    case "fileGroup.triggered":
    case "fileGroup.advanced":
    case "fileGroup.zipped":
    case "fileGroup.regrouped":
      return patch(group, (event as EventOf<"fileGroup.advanced">).patches);
    case "fileGroup.attempted":
      for (const key of (event as EventOf<"fileGroup.attempted">).keys) {
        const file = Object.hasOwn(group.files, key) ? group.files[key] : undefined;
        if (file) file.attemptNr += 1;
      }
      return;
    case "fileGroup.named":
      group.status = (event as EventOf<"fileGroup.named">).status;
      return;
    case "fileGroup.released":
      return patch(
        group,
        Object.keys(group.files).map((key) => ({ key, set: done })),
      );
    case "fileGroup.deletable":
      for (const file of Object.values(group.files)) file.todelete = true;
  }
}

const stay = { actions: "evolve" } as const;
const to = (target: string) => ({ target, actions: "evolve" }) as const;
const open = {
  "fileGroup.extended": to("open"),
  "fileGroup.reassigned": stay,
  "fileGroup.triggered": to("moving"),
  "fileGroup.advanced": stay,
  "fileGroup.zipped": to("open"),
  "fileGroup.regrouped": stay,
  "fileGroup.attempted": stay,
  "fileGroup.settled": to("settled"),
  "fileGroup.released": to("released"),
  "fileGroup.deletable": stay,
  "fileGroup.forgotten": to("forgotten"),
};

export const fileGroupMachine = setup({
  types: { context: {} as FileGroupContext, events: {} as Step },
  actions: {
    evolve: assign(({ context, event }) => {
      const next = structuredClone(context);
      evolveFileGroup(next, event);
      return next;
    }),
  },
}).createMachine({
  id: "fileGroup",
  context: blankFileGroup(""),
  initial: "unknown",
  states: {
    unknown: {
      description: "No file of it is known.",
      on: { "fileGroup.opened": to("open"), "fileGroup.named": to("named") },
    },
    open: {
      description: "Files wait to be prepared, zipped or sent; left by a trigger or when nothing is left.",
      on: open,
    },
    moving: { description: "Files are in flight; left when nothing is left.", on: open },
    settled: {
      description: "Every file is ready, finished or failed; left when further files come or the job has ended.",
      on: open,
    },
    released: {
      description: "The job has ended, its inputs are not needed any more.",
      // A job that has ended may still be killed: its inputs are released twice.
      on: {
        "fileGroup.released": stay,
        "fileGroup.deletable": stay,
        "fileGroup.attempted": stay,
        "fileGroup.regrouped": stay,
        "fileGroup.forgotten": to("forgotten"),
      },
    },
    named: {
      description: "A transfer group of a plug-in, across jobs.",
      on: { "fileGroup.named": stay, "fileGroup.forgotten": to("forgotten") },
    },
    forgotten: { description: "Out of the World with its job.", type: "final" },
  },
});
