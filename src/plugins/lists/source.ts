/**
 * ListSource: reads the lists that the lines of [cacher] data name by `http:`, `https:` or `file:`, and writes dump
 * files (config 3.17). What an address carries besides (a login, a query) is never quoted in a message. It must never
 * follow an address that the configuration does not name, and never keep a list.
 */
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { Agent, request } from "undici";
import { z } from "zod";
import type { CallContext, WmsAnswer } from "../contract.ts";
import type { ListSource as Contract } from "../upkeep.ts";

/** Larger ones are no lists. CRIC's description of all queues has some ten MB. */
const largestBytes = 64 * 1024 * 1024;
/** Of one request, as in the original. */
const timeoutMs = 60_000;

const optionsSchema = z.object({
  /** Lines `mainKey|subKey|URL|dumpFile?`. */
  data: z.array(z.string()),
  ca_cert: z.union([z.string(), z.literal(false)]).nullish(),
  cert_file: z.string().nullish(),
  key_file: z.string().nullish(),
});

interface Line {
  readonly url: string;
  readonly dumpFile: string | null;
}

/** Name of a list and what its line says; null for a line with fewer than three fields (config 3.17). */
function lineOf(text: string): [string, Line] | null {
  const [mainKey = "", subKey = "", url = "", dumpFile = ""] = text.split("|").map((field) => field.trim());
  if (mainKey === "" || url === "") return null;
  return [subKey === "" ? mainKey : `${mainKey}|${subKey}`, { url, dumpFile: dumpFile || null }];
}

export class ListSource implements Contract {
  readonly #options: z.output<typeof optionsSchema>;
  readonly #lines: ReadonlyMap<string, Line>;
  readonly #environment: Readonly<Record<string, string | undefined>>;

  constructor(options: unknown, environment: Readonly<Record<string, string | undefined>> = process.env) {
    this.#options = optionsSchema.parse(options);
    this.#environment = environment;
    this.#lines = new Map(this.#options.data.map(lineOf).filter((line) => line !== null));
  }

  async readList(name: string, call: CallContext): Promise<WmsAnswer<unknown>> {
    const line = this.#lines.get(name);
    if (!line) return refuse(`[cacher] data has no line for ${name}`);
    const url = this.#resolved(line.url);
    if (url === null) return refuse(`${line.url}: this variable is not set in the daemon's environment`);
    if (url.startsWith("file:")) return this.#file(url.slice(url.lastIndexOf(":") + 1));
    if (/^https?:/.test(url)) return this.#page(url, call);
    return refuse("its address is none of http:, https:, file:; a panda_server: or panda_cache: one is written out");
  }

  async dumpList(name: string, data: unknown, _call: CallContext): Promise<WmsAnswer<null>> {
    const dumpFile = this.#lines.get(name)?.dumpFile;
    if (!dumpFile) return refuse(`[cacher] data names no dump file for ${name}`);
    // It may hold a key pair, so nobody else may read it.
    await writeFile(`${dumpFile}.tmp`, typeof data === "string" ? data : JSON.stringify(data), { mode: 0o600 });
    await rename(`${dumpFile}.tmp`, dumpFile);
    return { ok: true, data: null };
  }

  /** An address with a variable is replaced by that variable as a whole. */
  #resolved(url: string): string | null {
    const variable = /\$(?:\{(\w+)\}|(\w+))/.exec(url);
    if (!variable) return url;
    return this.#environment[variable[1] ?? variable[2] ?? ""] || null;
  }

  async #file(path: string): Promise<WmsAnswer<unknown>> {
    try {
      const { size } = await stat(path);
      if (size > largestBytes) return refuse(`${path} has ${size} bytes, at most ${largestBytes} are read`);
      return { ok: true, data: jsonOr(await readFile(path, "utf8")) };
    } catch (error) {
      return refuse(`${path} cannot be read: ${codeOf(error)}`);
    }
  }

  async #page(url: string, call: CallContext): Promise<WmsAnswer<unknown>> {
    if (!url.startsWith("https:") || !this.#options.ca_cert) return this.#get(url, call, false);
    try {
      return await this.#get(url, call, true);
    } catch (error) {
      // As in the original: a server that does not like the certificate is asked without it.
      if (!/CERT|SSL|TLS|ALERT/i.test(codeOf(error))) return refuse(`${placeOf(url)}: ${codeOf(error)}`);
      return this.#get(url, call, false);
    }
  }

  /** Without certificate trouble is an answer; with it, it is thrown for the second try. */
  async #get(url: string, call: CallContext, withCertificate: boolean): Promise<WmsAnswer<unknown>> {
    const agent = new Agent({
      connect: withCertificate ? await this.#certificate() : { rejectUnauthorized: Boolean(this.#options.ca_cert) },
      maxResponseSize: largestBytes,
    });
    try {
      const signal = AbortSignal.any([call.signal, AbortSignal.timeout(timeoutMs)]);
      const answer = await request(url, { dispatcher: agent, signal, headers: { Accept: "application/json" } });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) return refuse(`${placeOf(url)}: HTTP ${answer.statusCode}`);
      try {
        return { ok: true, data: JSON.parse(text) };
      } catch {
        return refuse(`${placeOf(url)}: the answer is not JSON`);
      }
    } catch (error) {
      if (withCertificate) throw error;
      return refuse(`${placeOf(url)}: ${codeOf(error)}`);
    } finally {
      await agent.close();
    }
  }

  async #certificate(): Promise<{ ca?: string; cert?: string; key?: string }> {
    const { ca_cert, cert_file, key_file } = this.#options;
    const ca = ca_cert ? { ca: await readFile(ca_cert, "utf8") } : {};
    if (!cert_file) return ca;
    return { ...ca, cert: await readFile(cert_file, "utf8"), key: await readFile(key_file ?? cert_file, "utf8") };
  }
}

const refuse = (message: string): { ok: false; message: string } => ({ ok: false, message });

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Host and path alone. */
function placeOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? `${parsed.origin}${parsed.pathname}` : "the address of the list";
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}
