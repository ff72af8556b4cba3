/**
 * One of several instances on a log in Kafka: it hears of the others, leads its even share of the shards, and gives
 * them up when it ends.
 */
import type { Logger } from "pino";
import type { KafkaPresence } from "../log/kafka/presence.ts";
import type { Engine } from "../windrow.ts";
import { Ownership } from "./ownership.ts";
import { EvenPlacement } from "./placement.ts";

export interface Sharing {
  readonly engine: Engine;
  readonly shards: number;
  readonly presence: KafkaPresence;
  /** Instance name and boot number. */
  readonly owner: string;
  readonly logger: Logger;
}

/** Leads shards until `ended`, and takes no more of them from `stop` on. */
export async function shareShards(sharing: Sharing, stop: AbortSignal, ended: AbortSignal): Promise<void> {
  const { engine, shards, presence, owner, logger } = sharing;
  const placement = new EvenPlacement({
    presence,
    name: owner,
    shards,
    monotonic: () => performance.now(),
    notice: (text) => logger.warn(text),
  });
  const placing = placement.keep();
  await new Ownership({ engine, shards, placement, logger }).keep(stop, ended);
  await placing;
}
