/**
 * Secrets at the border of the core. Those of a job dictionary are taken out of the answer that brings it and put back
 * for the plug-ins that need them; whatever else a plug-in says is searched for them, and for those of its own
 * configuration, before it becomes a reply. It must never let a secret through to an event or to the operator's log.
 */
import { z } from "zod";
import type { Arguments } from "../agents/agent.ts";
import { pandaIDOf } from "../agents/jobDictionary.ts";
import { isSecret } from "../config/secrets.ts";
import type { JobData } from "../specs/jobSpec.ts";
import type { Secrets, Vault } from "../vault.ts";

/** Keys of the job dictionary (panda-api 6). */
const keys = ["secrets", "pilotSecrets"] as const;

/** Stands in the log for what the vault holds. JSON text, as the value that it stands for. */
export const marker = '{"windrow":"kept in the vault, not in the log"}';

const nothing: readonly unknown[] = [undefined, null, "", "NULL", "{}", "null"];
const listAnswer = z.object({ ok: z.literal(true), data: z.array(z.unknown()) });
const dictionary = z.record(z.string(), z.unknown());

/** A `getJobs` answer with markers, and what they stand for. Of a job that is there twice the first one counts. */
export function takenOut(answer: unknown): { readonly answer: unknown; readonly secrets: Map<number, Secrets> } {
  const secrets = new Map<number, Secrets>();
  const list = listAnswer.safeParse(answer);
  if (!list.success) return { answer, secrets };
  const data = list.data.data.map((raw) => {
    const job = dictionary.safeParse(raw);
    const held = keys.filter((key) => job.success && !nothing.includes(job.data[key]));
    if (!job.success || held.length === 0) return raw;
    const PandaID = pandaIDOf(job.data);
    if (PandaID !== null && !secrets.has(PandaID)) {
      secrets.set(PandaID, Object.fromEntries(held.map((key) => [key, job.data[key]])));
    }
    return { ...job.data, ...Object.fromEntries(held.map((key) => [key, marker])) };
  });
  return { answer: { ...list.data, data }, secrets };
}

const isMarked = ({ jobParams }: JobData): boolean => keys.some((key) => jobParams[key] === marker);

/** The job with its secrets; `secrets` opened where it is JSON, as the original hands it to plug-ins (specs 2). */
export function putBack(data: JobData, vault: Vault): JobData {
  const held = isMarked(data) ? vault.get(data.PandaID) : undefined;
  if (!held) return data;
  const { secrets } = held;
  return {
    ...data,
    jobParams: { ...data.jobParams, ...held, ...("secrets" in held ? { secrets: opened(secrets) } : {}) },
  };
}

function opened(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** Methods without which no payload starts; the first of them concerns one job alone, so that no other is held up. */
const starting: ReadonlySet<string> = new Set(["triggerPreparation", "makeWorker", "feedJobs"]);

/** Why a job must not be started: its secrets are gone. Undefined where nothing is missing. */
export function missingSecrets(method: string, args: Arguments, vault: Vault): string | undefined {
  if (!starting.has(method)) return undefined;
  const [lost] = jobsOf(args).filter((job) => isMarked(job) && !vault.get(job.PandaID));
  return lost
    ? `the secrets of job ${lost.PandaID} are not in the vault (${vault.placeOf(lost.PandaID)}); it is not started ` +
        "without them: bring the file back, from another instance's machine too, or have the job killed. Instances " +
        "on several machines need a vaultDir that they share"
    : undefined;
}

function jobsOf(args: Arguments): readonly JobData[] {
  if ("job" in args) return [args.job.data];
  if ("jobs" in args) return args.jobs.map(({ data }) => data);
  const workers = "worker" in args ? [args.worker] : "workers" in args ? args.workers : [];
  return workers.flatMap(({ jobs = [] }) => jobs.map(({ data }) => data));
}

/** Shorter texts are not searched for: they would be found in paths and words that have nothing to do with them. */
const shortest = 6;
/** So much of the beginning of a secret is hidden too, for messages are cut. */
const telling = 8;
const hidden = "(hidden)";

/** Finds secrets in what plug-ins say. */
export class Concealer {
  readonly #vault: Vault;
  /** Of the configuration; bounded by what it holds. */
  readonly #configured = new Set<string>();
  /** First letters -> the texts that begin so. */
  #index = new Map<string, readonly string[]>();
  #seen = -1;

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** Takes note of what stands below the secret keys of a plug-in's options, but for names of files that hold it. */
  learn(options: unknown): void {
    const found = textsBelow(options, false).filter((text) => !/^(\/|\.{1,2}\/|file:)/.test(text));
    for (const text of found) this.#configured.add(text);
    if (found.length > 0) this.#seen = -1;
  }

  /** The same value without secrets; the value itself where there are none. */
  hide<T>(value: T): T {
    this.#refresh();
    // Structure and kinds stay, and only texts become other texts.
    return this.#index.size === 0 ? value : (this.#covered(value) as T);
  }

  #covered(value: unknown): unknown {
    if (typeof value === "string") return this.#coveredText(value);
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => this.#covered(item));
      return items.every((item, i) => item === value[i]) ? value : items;
    }
    const entries = Object.entries(value).map(([key, item]) => [
      key,
      item,
      this.#coveredText(key),
      this.#covered(item),
    ]);
    if (entries.every(([key, item, newKey, newItem]) => key === newKey && item === newItem)) return value;
    return Object.fromEntries(entries.map(([, , key, item]) => [key, item]));
  }

  #coveredText(text: string): string {
    let result = "";
    let kept = 0;
    for (let at = 0; at + shortest <= text.length; at += 1) {
      const candidates = this.#index.get(text.slice(at, at + shortest)) ?? [];
      const length = Math.max(0, ...candidates.map((secret) => common(text, at, secret)));
      if (length === 0) continue;
      result += text.slice(kept, at) + hidden;
      kept = at + length;
      at = kept - 1;
    }
    return kept === 0 ? text : result + text.slice(kept);
  }

  #refresh(): void {
    if (this.#seen === this.#vault.changes) return;
    this.#seen = this.#vault.changes;
    const texts = new Set(this.#configured);
    for (const secrets of this.#vault.values()) {
      for (const value of Object.values(secrets)) for (const text of textsBelow(opened(value), true)) texts.add(text);
    }
    const all = new Set([...texts].flatMap(spellings));
    this.#index = Map.groupBy(
      [...all].filter((text) => text.length >= shortest),
      (text) => text.slice(0, shortest),
    );
  }
}

/** How much of the secret stands at this place; 0 where it is too little to tell anything. */
function common(text: string, at: number, secret: string): number {
  let n = shortest;
  while (n < secret.length && at + n < text.length && text[at + n] === secret[n]) n += 1;
  return n === secret.length || n >= telling ? n : 0;
}

/** Texts and numbers below a key that holds secrets; all of them where the whole is secret. */
function textsBelow(value: unknown, secret: boolean): string[] {
  if (typeof value === "string" || typeof value === "number") return secret ? [String(value)] : [];
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value)) return value.flatMap((item) => textsBelow(item, secret));
  return Object.entries(value).flatMap(([key, item]) => textsBelow(item, secret || isSecret(key)));
}

/** A text as it may appear: as it is, within JSON, within JSON within JSON, in an address, its lines one by one. */
function spellings(text: string): string[] {
  const lines = text.includes("\n") ? text.split(/\r?\n/).filter((line) => line.length >= telling) : [];
  const once = JSON.stringify(text).slice(1, -1);
  const twice = JSON.stringify(once).slice(1, -1);
  return [text, once, twice, encodeURIComponent(text.toWellFormed()), ...lines];
}

/**
 * What a communicator says when it has no answer to `getJobs`: it may quote job dictionaries that the vault has not
 * seen, so what follows such a key goes.
 */
export const withoutQuotedSecrets = (text: string): string =>
  text.replace(/((?:pilotS|s)ecrets\\*["']?\s*[:=]).*/gs, `$1 ${hidden}`);
