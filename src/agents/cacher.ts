/**
 * Cacher: keeps the lists fresh that planning reads, and learns which worker ids the WMS has seen of this harvester
 * (config 3.17, lifecycle 3.3). Lists are long and mostly the same as before, so the log gets one only when it differs
 * from the one that is known, and only with the entries of this instance's queues. It must never put a key pair into
 * the log: such a list is written to its dump file and nowhere else.
 */
import { z } from "zod";
import type { EventOf, WindrowEvent } from "../../events/events.ts";
import { keptLists, listDueAt, maxWorkerID, type Source, type WantedList, wantedLists } from "../rules/lists.ts";
import type { World } from "../world.ts";
import { type Call, call, callAll, type Duty, type Part, type Run, record } from "./agent.ts";
import { asking, control, wmsAnswer } from "./asking.ts";

/** Whatever else is in the record, an entry of this many characters fits into it. */
const longestEntry = 384 * 1024;
const dictionary = z.record(z.string(), z.unknown());

const readLists: Duty = {
  name: "readLists",
  limit: () => 1,
  run: function* read(world, { now }): Run {
    const due = wantedLists(world).filter(({ name }) => listDueAt(world, name) <= now);
    const calls = due.map((wanted) => ({ wanted, made: reading(wanted, now) }));
    const asked = calls.flatMap(({ made }) => (made ? [made] : []));
    const replies = new Map((yield* callAll(asked)).map((reply, i) => [asked[i], reply]));
    for (const { wanted, made } of calls) {
      const reply = made && replies.get(made);
      const { source } = wanted;
      const refusal = { ok: false as const, message: source.from === "nowhere" ? source.why : "nobody was asked" };
      const said = reply ? wmsAnswer<unknown>(reply) : refusal;
      const events = said.ok ? yield* kept(world, wanted, said.data, now) : [unread(wanted.name, said.message)];
      yield* record(control, made?.key ?? `list:${wanted.name}:${now}`, events);
    }
  },
};

function reading({ name, source }: WantedList, now: number): Call | null {
  const about = { key: `readList:${name}:${now}`, queue: null } as const;
  return callOf(source, name, about);
}

function callOf(source: Source, name: string, about: { readonly key: string; readonly queue: null }): Call | null {
  switch (source.from) {
    case "server":
      return { ...about, method: source.method, plugin: "communicator", args: { plain: [] } };
    case "keyPair":
      return { ...about, method: "getKeyPair", plugin: "communicator", args: { plain: [...source.names] } };
    case "listSource":
      return { ...about, method: "readList", plugin: "listSource", args: { plain: [name] } };
    case "nowhere":
      return null;
  }
}

const unread = (list: string, why: string): WindrowEvent => ({ type: "instance.listUnread", list, why });

/** Writes the dump file, and says what of the list is to be known from now on. */
function* kept(world: World, { name, source, dump }: WantedList, data: unknown, now: number): Part<WindrowEvent[]> {
  const events = keptLists.has(name) && source.from !== "keyPair" ? known(world, name, data) : [checked(name)];
  if (!dump) return events;
  const key = `dumpList:${name}:${now}`;
  const reply = yield* call({
    method: "dumpList",
    plugin: "listSource",
    queue: null,
    key,
    args: { plain: [name, data] },
  });
  const said = wmsAnswer<null>(reply);
  // It is read again soon, and written then.
  return said.ok ? events : [...events, unread(name, said.message)];
}

const checked = (list: string, queues?: number): WindrowEvent => ({
  type: "instance.listChecked",
  list,
  ...(queues === undefined ? {} : { queues }),
});

/** The list as an event, unless it is the one that is known. */
function known(world: World, name: string, raw: unknown): WindrowEvent[] {
  const byQueue = name !== "resource_types.json";
  const data = byQueue ? ofOwnQueues(world, name, raw) : z.array(z.unknown()).safeParse(raw).data;
  if (data === undefined) return [unread(name, "what came has not the form of this list")];
  const long = Object.entries(data).find(([, entry]) => JSON.stringify(entry).length > longestEntry);
  if (long) return [unread(name, `its entry ${long[0]} has more than ${longestEntry} characters`)];
  const queues = byQueue ? world.queues.size : undefined;
  const before = world.instance.lists.get(name);
  if (before && JSON.stringify(before.data) === JSON.stringify(data)) return [checked(name, queues)];
  const event: EventOf<"instance.listRead"> = { type: "instance.listRead", list: name, data };
  return [queues === undefined ? event : { ...event, queues }];
}

/** Entries of this instance's queues; in CRIC's list they may be known by their nickname (6.4). */
function ofOwnQueues(world: World, name: string, raw: unknown): Record<string, unknown> | undefined {
  const all = dictionary.safeParse(raw).data;
  if (!all || name !== "panda_queues.json") return all && picked(all, (key) => world.queues.has(key));
  return picked(all, (key, entry) => {
    const nickname = dictionary.safeParse(entry).data?.["nickname"];
    return world.queues.has(key) || (typeof nickname === "string" && world.queues.has(nickname));
  });
}

const picked = (
  all: Readonly<Record<string, unknown>>,
  wanted: (key: string, entry: unknown) => boolean,
): Record<string, unknown> => Object.fromEntries(Object.entries(all).filter(([key, entry]) => wanted(key, entry)));

/**
 * A communicator that answers and does not know, or cannot be asked at all, holds nothing up: ids then begin as in the
 * original without [db] syncMaxWorkerID. While nobody answers no worker is made, for a number that the WMS knows
 * already would make two workers one.
 */
const seeWorkerIDs: Duty = {
  name: "seeWorkerIDs",
  limit: () => 1,
  run: function* see(_world, { now }): Run {
    const wanted = asking("getMaxWorkerId", "start", now, []);
    const reply = yield* call(wanted);
    const said = wmsAnswer<number>(reply);
    const answered = reply.ok || reply.kind === "missing";
    const event: WindrowEvent = said.ok
      ? { type: "instance.workerIDsSeen", max: said.data }
      : answered
        ? { type: "instance.workerIDsSeen", max: 0, why: said.message }
        : unread(maxWorkerID, said.message);
    yield* record(control, wanted.key, [event]);
  },
};

/** Ids first: they hold up every queue. */
export const cacher: readonly Duty[] = [seeWorkerIDs, readLists];
