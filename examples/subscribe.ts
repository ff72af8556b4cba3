/**
 * Prints every step of workers as it comes: node examples/subscribe.ts http://127.0.0.1:25088
 * Further arguments: types (`worker.*`) and where to begin (`now`). The connection is made again where it breaks, and
 * goes on where it was; what comes twice is dropped.
 */
import { setTimeout as pause } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";

const [base = "http://127.0.0.1:25088", type = "worker.*", from = "now"] = process.argv.slice(2);
const url = `${base}/api/v1/events?${new URLSearchParams({ type, from })}`;
/** Id of the last step by entity. It belongs beside what is done with the events, where that is kept. */
const last = new Map<string, number[]>();

/** Ids are positions, shard/seq/index/step: they are compared number by number. */
function isAbove(id: readonly number[], seen: readonly number[] = []): boolean {
  const i = id.findIndex((number, place) => number !== seen[place]);
  return i !== -1 && (id[i] ?? 0) > (seen[i] ?? -1);
}

for (let position = ""; ; await pause(1000)) {
  try {
    const response = await fetch(url, { headers: position ? { "last-event-id": position } : {} });
    if (!response.ok || !response.body) throw new Error(`refused: ${await response.text()}`);
    const messages = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const message of messages) {
      const event = message.event === undefined ? JSON.parse(message.data) : undefined;
      const id = event?.id.split("/").map(Number);
      if (event && isAbove(id, last.get(event.subject))) {
        last.set(event.subject, id);
        const { before, after } = event.data;
        console.log(event.id, event.subject, event.type, before?.life ?? "nothing", "->", after.life);
      }
      position = message.id ?? position;
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // fetch's word for a broken connection
    console.error("the connection broke; trying again");
  }
}
