/**
 * Keeps the vault as long as its jobs are in the World. What a daemon knows of the jobs it reads from the log; it must
 * never take a file away that another instance needs, so of a log that is shared it removes only what it leads.
 */
import type { Logger } from "pino";
import type { Transition } from "./projection.ts";
import { Vault } from "./vault.ts";
import type { Engine } from "./windrow.ts";
import type { Job } from "./world.ts";

export class VaultKeeper {
  readonly vault: Vault;
  readonly #logger: Logger;
  /** Nothing of a shared log is led while it is still being read. */
  #leads: (queue: string) => boolean;

  /** @param isShared other instances have the directory too */
  constructor(dir: string, isShared: boolean, logger: Logger) {
    this.vault = new Vault(dir, isShared);
    this.#logger = logger;
    this.#leads = () => !isShared;
    for (const damaged of this.vault.damaged) logger.error(`secrets of a job cannot be read: ${damaged}`);
  }

  /** Takes note of a step of the World. */
  watch({ kind, id, step, entity }: Transition): void {
    if (kind !== "job") return;
    const PandaID = Number(id);
    if (step.type === "job.fetched" || step.type === "job.refused") this.vault.settle(PandaID);
    if (step.type !== "job.forgotten") return;
    if (!this.#leads((entity as Job).ctx.queue)) return this.vault.forget(PandaID);
    this.vault.remove(PandaID).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.#logger.error(`secrets of a job are left behind: ${why}`);
    });
  }

  /** The World is restored: what is of none of its jobs goes. */
  begin({ journal, world }: Engine): void {
    this.#leads = (queue) => journal.owns(world.placements.get(queue) ?? 0);
    this.vault.keepOnly((PandaID) => world.jobs.has(PandaID));
  }
}
