/**
 * What the client shows to the server: a certificate or a token, read from disk again every ten minutes because
 * proxies and tokens are renewed beside a running daemon (panda-api 1.1). A file that cannot be read is a failure of
 * the call that names its path; contents never leave this file but for the connection and the Authorization header.
 */
import { readFile } from "node:fs/promises";
import type { Settings } from "./settings.ts";
import { CallFailed, reasonOf } from "./troubles.ts";

/** How long what was read is believed. */
const freshForMs = 600_000;

/** One reading. `stamp` differs when the TLS material does, so that connections are made anew. */
export interface Credentials {
  readonly tls: { readonly cert?: string; readonly key?: string; readonly ca?: string };
  readonly token: string | undefined;
  readonly stamp: string;
}

export class CredentialReader {
  readonly #settings: Settings;
  readonly #clock: () => number;
  #read: { readonly credentials: Credentials; readonly at: number } | undefined;

  /** `clock` gives epoch ms. */
  constructor(settings: Settings, clock: () => number) {
    this.#settings = settings;
    this.#clock = clock;
  }

  /** Throws `CallFailed` where a file cannot be read. */
  async current(): Promise<Credentials> {
    const now = this.#clock();
    if (this.#read !== undefined && now - this.#read.at < freshForMs) return this.#read.credentials;
    const { caPath, certPath, keyPath, token } = this.#settings;
    const tls = {
      ...(caPath && { ca: await load(caPath, "ca_cert") }),
      ...(certPath && { cert: await load(certPath, "cert_file") }),
      ...(keyPath && { key: await load(keyPath, "key_file") }),
    };
    const credentials = {
      tls,
      token: token === undefined ? undefined : await tokenOf(token),
      stamp: JSON.stringify(tls),
    };
    this.#read = { credentials, at: now };
    return credentials;
  }

  /** The next call reads again. */
  forget(): void {
    this.#read = undefined;
  }
}

async function tokenOf(setting: string): Promise<string> {
  const text = setting.startsWith("file:") ? await load(setting.slice("file:".length), "auth_token") : setting;
  const token = text.trim();
  // A line break inside would end the header, and an empty token is answered like none at all.
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new CallFailed("auth_token of [pandacon] holds no usable token, nothing was sent; it must be one word");
  }
  return token;
}

async function load(path: string, key: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const why = `${key} of [pandacon] cannot be read, nothing was sent: ${reasonOf(error)}`;
    throw new CallFailed(`${why}; correct the path or the file`, undefined, error);
  }
}
