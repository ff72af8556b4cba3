/**
 * Tokens for OAUTHBEARER. Where they come from is plain data, so that a thread can be given it. A token must never
 * reach a message or a log line.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { z } from "zod";

/** Where a token comes from. */
export interface TokenSource {
  /** `file:`: somebody else keeps it fresh there; `https:`: client credentials are exchanged for it. */
  readonly url: string;
  readonly client?: { readonly id: string; readonly secret: string };
  readonly scope?: string;
}

const granted = z.object({ access_token: z.string().min(1), expires_in: z.number().positive().default(60) });

/** Each broker connection authenticates by itself: those of a source share a token for most of its life. */
const held = new WeakMap<TokenSource, { readonly token: string; readonly until: number }>();

/** A token that is good now. Throws with what the source says instead. */
export async function tokenOf(source: TokenSource): Promise<string> {
  const { url, client, scope } = source;
  if (client === undefined) return (await readFile(fileURLToPath(url), "utf8")).trim();
  const known = held.get(source);
  if (known !== undefined && performance.now() < known.until) return known.token;
  const body = new URLSearchParams({ grant_type: "client_credentials", ...(scope === undefined ? {} : { scope }) });
  const login = `${encodeURIComponent(client.id)}:${encodeURIComponent(client.secret)}`;
  const authorization = `Basic ${Buffer.from(login).toString("base64")}`;
  const answer = await fetch(url, { method: "POST", body, headers: { authorization } });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status} to the request for a token`);
  const { access_token, expires_in } = granted.parse(await answer.json());
  held.set(source, { token: access_token, until: performance.now() + expires_in * 800 });
  return access_token;
}
