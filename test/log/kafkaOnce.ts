/** A process that writes to the Kafka log of its argument, reads it, closes it, and has nothing left to wait for. */
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { journalOn, noted, readAll } from "./fixtures.ts";

const [address = ""] = process.argv.slice(2);
const log = await openKafkaLog(address, { shards: 2 });
const { journal } = await journalOn(log);
await journal.decide({ shard: 1, cause: "once", events: [noted(1)] });
console.log((await readAll(log, 1)).length);
await journal.resign();
