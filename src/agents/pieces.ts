/**
 * Cuts an event with a long list into several that mean the same together. A record has an upper size (design 3) and
 * the log never cuts an event, so a payload that reports some thousand events or files at once would stop the engine.
 * Pure. It must never cut what the projection has to see as a whole.
 */
import type { EventOf, WindrowEvent } from "../../events/events.ts";

/** Characters of a list's elements in one event: well below a record, whatever else is in the event. */
const pieceLength = 128 * 1024;
/** Lists up to this length are not measured. */
const shortList = 20;

/** The event, in pieces where it is long. */
export function inPieces(event: WindrowEvent): readonly WindrowEvent[] {
  switch (event.type) {
    case "job.eventsReported":
      return cut(event.ranges).map((ranges) => ({ ...event, ranges }));
    case "job.eventsMoved":
    case "job.eventsTold":
      return cut(event.eventRangeIDs).map((eventRangeIDs) => ({ ...event, eventRangeIDs }));
    case "fileGroup.opened":
      return opened(event);
    case "fileGroup.extended":
      return extended(event);
    case "fileGroup.reassigned":
    case "fileGroup.triggered":
    case "fileGroup.advanced":
    case "fileGroup.zipped":
    case "fileGroup.regrouped":
      return cut(event.patches).map((patches) => ({ ...event, patches }));
    case "fileGroup.attempted":
      return cut(event.keys).map((keys) => ({ ...event, keys }));
    case "worker.looked":
      return looked(event);
    case "worker.eventsReceived":
      return received(event);
    case "instance.listRead":
      return listed(event);
    default:
      return [event];
  }
}

function opened(event: EventOf<"fileGroup.opened">): WindrowEvent[] {
  const { group } = event;
  return cut(event.files).map((files, i) =>
    i === 0 ? { ...event, files } : { type: "fileGroup.extended", group, files },
  );
}

/** New rows first: the patches may put others into zip files among them. */
function extended({ patches, ...event }: EventOf<"fileGroup.extended">): WindrowEvent[] {
  const rows = cut(event.files);
  if (!patches) return rows.map((files) => ({ ...event, files }));
  const sets = cut(patches);
  if (rows.length === 1 && sets.length === 1) return [{ ...event, patches }];
  const added = event.files.length > 0 ? rows.map((files) => ({ ...event, files })) : [];
  return [...added, ...sets.map((some) => ({ ...event, files: [], patches: some }))];
}

/** Those without news last, as in the whole event. */
function looked(event: EventOf<"worker.looked">): WindrowEvent[] {
  const pieces = cut(event.workers);
  return pieces.map((workers, i) => ({
    ...event,
    workers,
    unchanged: i === pieces.length - 1 ? event.unchanged : [],
  }));
}

/** Pieces of one job's ranges, or whole lists of several jobs together; a job without any stays named. */
function received(event: EventOf<"worker.eventsReceived">): WindrowEvent[] {
  const lists = Object.entries(event.ranges).flatMap(([PandaID, list]) =>
    cut(list).map((some) => [PandaID, some] as const),
  );
  return cut(lists, 1).map((some) => {
    const ranges: Record<string, unknown[]> = {};
    for (const [PandaID, list] of some) ranges[PandaID] = [...(ranges[PandaID] ?? []), ...list];
    return { ...event, ranges };
  });
}

/** A list of entries by name, or in a row; anything else is no list and stays whole. */
function listed({ data, queues, ...event }: EventOf<"instance.listRead">): WindrowEvent[] {
  const whole = queues === undefined ? {} : { queues };
  const pieces: unknown[] = Array.isArray(data)
    ? cut(data)
    : typeof data === "object" && data !== null
      ? cut(Object.entries(data), 1).map((entries) => Object.fromEntries(entries))
      : [data];
  return pieces.map((piece, i): WindrowEvent => {
    const goesOn = i < pieces.length - 1 ? { goesOn: true as const } : {};
    if (i === 0) return { ...event, data: piece, ...whole, ...goesOn };
    return { type: "instance.listContinued", list: event.list, data: piece, ...goesOn };
  });
}

/** The list in its order; a single element is never cut. At least one piece. */
function cut<T>(list: readonly T[], short = shortList): T[][] {
  if (list.length <= short) return [[...list]];
  const pieces: T[][] = [];
  let piece: T[] = [];
  let length = 0;
  for (const element of list) {
    const its = JSON.stringify(element).length;
    if (piece.length > 0 && length + its > pieceLength) {
      pieces.push(piece);
      piece = [];
      length = 0;
    }
    piece.push(element);
    length += its;
  }
  pieces.push(piece);
  return pieces;
}
