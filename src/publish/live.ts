/**
 * The events of a log that an engine is writing: its feed, the log for those who come from further back, and the
 * snapshots beside it.
 */
import type { PlacedLog } from "../log/open.ts";
import { findSnapshot } from "../log/snapshot.ts";
import { Feed, type Followed } from "./feed.ts";
import type { Source } from "./stream.ts";
import { Turns } from "./turns.ts";

/** Subscribers that may read the log at the same time: each has a World of its own. */
const readersAtOnce = 2;

/** The snapshots beside a log, as streams look for them. `version`: of the code that folds. */
export const snapshotsOf =
  (log: PlacedLog, version: string): NonNullable<Source["snapshot"]> =>
  async (against) =>
    (await findSnapshot(log.dir, log, version, against)).snapshot;

/** What subscribers of a running engine read. Its feed must be given every transition. */
export function liveSource(log: PlacedLog, version: string, followed: Followed): Source & { readonly feed: Feed } {
  return { log, snapshot: snapshotsOf(log, version), feed: new Feed(followed), turns: new Turns(readersAtOnce) };
}
