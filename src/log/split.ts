/**
 * Cuts a decision that is too large for one record into parts at event boundaries (design 3). An event is never cut,
 * since it is what the projection understands as a whole; one that is above the bound alone is refused before anything
 * is written.
 */
import { EventTooLarge } from "./faults.ts";
import { encode, type LogRecord } from "./record.ts";

/** Room for what the envelope of a later part has more of than the first: digits of its seq and instant. */
const slackBytes = 64;

/**
 * Events of the record in groups that fit into `limit` bytes each, envelope included.
 * @throws EventTooLarge naming the first event that fits into no record.
 */
export function splitEvents<E>(record: LogRecord, events: readonly E[], limit: number): readonly (readonly E[])[] {
  const part = { i: events.length, n: events.length };
  const room = limit - encode({ ...record, part, events: [] }).bytes.length - slackBytes;
  const groups: E[][] = [];
  let group: E[] = [];
  let used = 0;
  for (const [index, event] of events.entries()) {
    const bytes = Buffer.byteLength(JSON.stringify(event)) + 1;
    if (bytes > room) throw new EventTooLarge(record.cause, index, nameOf(event), bytes, room);
    if (used + bytes > room) {
      groups.push(group);
      group = [];
      used = 0;
    }
    group.push(event);
    used += bytes;
  }
  groups.push(group);
  return groups;
}

/** What a person would call the event; the log itself knows no kinds. */
function nameOf(event: unknown): string {
  if (typeof event === "object" && event !== null && "type" in event) return String(event.type);
  return JSON.stringify(event).slice(0, 40);
}
