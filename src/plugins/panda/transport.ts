/**
 * HTTP as panda-server wants it (panda-api 1): exact Accept and Content-Type, a Content-Length, lists in a query by
 * repeated keys, nulls left out, one connection a call. It answers the envelope or throws `CallFailed`; it must never
 * repeat a call by itself, because three calls of the API hand out different things each time.
 */
import { Agent, FormData, request } from "undici";
import { z } from "zod";
import type { CallContext } from "../contract.ts";
import { CredentialReader, type Credentials } from "./credentials.ts";
import type { Settings } from "./settings.ts";
import { CallFailed, complaint, diagnosis, reasonOf } from "./troubles.ts";

/** The largest answer that is read: 500 jobs are a few megabytes. */
const largestAnswerBytes = 256 * 1024 * 1024;

/** Answers of these modules are secrets, so no part of their text may become a diagnosis. */
const secretPaths = /^creds\//;

const envelopeSchema = z.object({ success: z.boolean(), message: z.string().nullish(), data: z.unknown().optional() });

/** The three keys of every answer (panda-api 2), and what was asked where, for messages. */
export interface Envelope {
  readonly where: string;
  readonly success: boolean;
  readonly message: string;
  readonly data: unknown;
}

/** A query: a list repeats its key, null leaves it out. */
export type Query = Readonly<Record<string, string | number | boolean | null | readonly (string | number)[]>>;

interface Outgoing {
  readonly method: "GET" | "POST";
  readonly base: string;
  /** `<module>/<function>`. */
  readonly path: string;
  readonly query?: URLSearchParams;
  readonly contentType?: string;
  readonly body?: string | FormData;
}

export class Transport {
  readonly #settings: Settings;
  readonly #clock: () => number;
  readonly #credentials: CredentialReader;
  #connections: { readonly agent: Agent; readonly stamp: string } | undefined;

  /** `clock` gives epoch ms; it decides when credentials are read again and when a call comes too late. */
  constructor(settings: Settings, clock: () => number) {
    this.#settings = settings;
    this.#clock = clock;
    this.#credentials = new CredentialReader(settings, clock);
  }

  get(path: string, given: Query, call: CallContext): Promise<Envelope> {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(given)) {
      if (value === null) continue;
      for (const one of typeof value === "object" ? value : [value]) query.append(key, String(one));
    }
    return this.#send({ method: "GET", base: this.#settings.apiUrl, path, query }, call);
  }

  post(path: string, body: Readonly<Record<string, unknown>>, call: CallContext): Promise<Envelope> {
    // Null is accepted only where it is the default, so leaving it out says the same everywhere.
    const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
    return this.#send(
      {
        method: "POST",
        base: this.#settings.apiUrl,
        path,
        contentType: "application/json",
        body: JSON.stringify(given),
      },
      call,
    );
  }

  upload(path: string, fileName: string, content: Uint8Array, call: CallContext): Promise<Envelope> {
    const body = new FormData();
    body.append("file", new Blob([Uint8Array.from(content)]), fileName);
    return this.#send({ method: "POST", base: this.#settings.cacheUrl, path, body }, call);
  }

  /** Reads certificate and token again at the next call. */
  renewCredentials(): void {
    this.#credentials.forget();
  }

  async #send(out: Outgoing, call: CallContext): Promise<Envelope> {
    const where = `${out.method} ${out.base}/${out.path}`;
    const credentials = await this.#credentialsFor(where);
    const { token } = credentials;
    if (this.#clock() > call.notAfterAt) throw new CallFailed(`${where}: not sent, it was too late to begin`);
    const { timeoutMs } = this.#settings;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([call.signal, deadline]);
    let status: number | undefined;
    let text: string;
    try {
      signal.throwIfAborted();
      const query = out.query?.size ? `?${out.query}` : "";
      const answer = await request(`${out.base}/${out.path}${query}`, {
        method: out.method,
        headers: this.#headers(out, credentials),
        body: out.body ?? null,
        signal,
        dispatcher: this.#agent(credentials),
        // As Harvester: a connection that the server closed meanwhile would make the outcome of a POST unknown.
        reset: true,
      });
      status = answer.statusCode;
      text = await answer.body.text();
    } catch (error) {
      const broken = status === undefined ? "" : "the answer broke off: ";
      let why = `${broken}${diagnosis(reasonOf(error), token)}`;
      if (call.signal.aborted) why = "the caller ended it before the answer was complete";
      else if (deadline.aborted) why = `no complete answer within ${timeoutMs / 1000} s`;
      throw new CallFailed(complaint(where, why), undefined, error);
    }
    // A token or a proxy that was renewed beside us counts at once, not after ten minutes.
    if (status === 403) this.#credentials.forget();
    return read(where, out, status, text, token);
  }

  async #credentialsFor(where: string): Promise<Credentials> {
    try {
      return await this.#credentials.current();
    } catch (error) {
      if (error instanceof CallFailed) throw new CallFailed(`${where}: ${error.message}`, undefined, error);
      throw error;
    }
  }

  #headers(out: Outgoing, { token }: Credentials): Record<string, string> {
    const { origin } = this.#settings;
    return {
      Accept: "application/json",
      ...(out.contentType && { "Content-Type": out.contentType }),
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(token && origin && { Origin: origin }),
    };
  }

  #agent(credentials: Credentials): Agent {
    if (this.#connections?.stamp === credentials.stamp) return this.#connections.agent;
    const { timeoutMs } = this.#settings;
    const agent = new Agent({
      connect: { ...credentials.tls, rejectUnauthorized: credentials.tls.ca !== undefined, timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      maxResponseSize: largestAnswerBytes,
    });
    // Calls under way keep the old connections; closing waits for them, and its end concerns nobody.
    const old = this.#connections?.agent;
    this.#connections = { agent, stamp: credentials.stamp };
    old?.close().catch(() => old.destroy());
    return agent;
  }
}

/**
 * The envelope whatever Content-Type says (it is always text/plain), else `CallFailed` with the text as diagnosis.
 */
function read(where: string, out: Outgoing, status: number, text: string, token: string | undefined): Envelope {
  const garbled = (why: string): CallFailed => {
    // Before it looks at credentials, the server says so in these words.
    const hidden = secretPaths.test(out.path) && !text.startsWith("ERROR : ");
    const shown = hidden ? `${text.length} characters, not shown` : diagnosis(text, token);
    return new CallFailed(complaint(where, `${why}: ${shown || "(empty)"}`), status);
  };
  if (status !== 200) throw garbled(`HTTP ${status}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which may be secret.
    throw garbled("the answer is not JSON");
  }
  const envelope = envelopeSchema.safeParse(value);
  if (!envelope.success) throw garbled("the answer is no envelope of success, message and data");
  const { success, message, data } = envelope.data;
  return { where, success, message: diagnosis(message ?? "", token), data: data ?? null };
}
