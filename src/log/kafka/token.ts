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

/** Code of every failure to get a token: what was asked is then no broker. */
export const noToken = "SASL_TOKEN";

/** There is no token to get in with. It has no cause, whose words could show one. */
class TokenRefused extends Error {
  override readonly name = "TokenRefused";
  readonly code = noToken;
}

/** A token that is good now. Throws with what the source says instead, or that it says nothing for so long. */
export async function tokenOf(source: TokenSource, waitMs = 10_000): Promise<string> {
  const { url, client } = source;
  if (client === undefined) return tokenIn(fileURLToPath(url));
  const known = held.get(source);
  if (known !== undefined && performance.now() < known.until) return known.token;
  const { access_token, expires_in } = await exchange(source, client, waitMs);
  held.set(source, { token: access_token, until: performance.now() + expires_in * 800 });
  return access_token;
}

async function tokenIn(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch (error) {
    throw new TokenRefused(`no token can be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function exchange(
  { url, scope }: TokenSource,
  { id, secret }: NonNullable<TokenSource["client"]>,
  waitMs: number,
): Promise<z.output<typeof granted>> {
  const body = new URLSearchParams({ grant_type: "client_credentials", ...(scope === undefined ? {} : { scope }) });
  const login = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`;
  const authorization = `Basic ${Buffer.from(login).toString("base64")}`;
  const { origin, pathname } = new URL(url);
  const refused = (why: string) => new TokenRefused(`the token endpoint ${origin}${pathname} ${why}`);
  try {
    const signal = AbortSignal.timeout(waitMs);
    const answer = await fetch(url, { method: "POST", body, headers: { authorization }, signal });
    if (!answer.ok) throw refused(`answers ${answer.status} to the request for a token`);
    return granted.parse(await answer.json());
  } catch (error) {
    throw error instanceof TokenRefused ? error : refused(whyOf(error, waitMs));
  }
}

function whyOf(error: unknown, waitMs: number): string {
  if (!(error instanceof Error)) return "cannot be asked";
  if (error.name === "TimeoutError") return `does not answer within ${waitMs / 1000} s`;
  if (error instanceof SyntaxError || error instanceof z.ZodError) return "answers with something that is no token";
  return `cannot be asked${error.cause instanceof Error ? `: ${error.cause.message}` : ""}`;
}
