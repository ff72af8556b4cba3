/**
 * Who calls. A real server learns it from the TLS certificate or from a verified token (panda-api 1.1); the stand-in
 * listens on loopback without TLS, so a caller may simply say who it is in the header X-Stand-In-Caller, and tokens
 * are read without verifying their signature. Nothing here is security, and nothing here may be used as such.
 */
import { z } from "zod";

export interface Caller {
  /** Distinguished name, or for a token the name in it. Null: nobody is known. */
  readonly dn: string | null;
  /** The short name by which rows are owned. */
  readonly name: string;
  readonly production: boolean;
}

/** A refusal of HTTP 403 before anything else; the text goes behind `ERROR : `. */
export class Forbidden extends Error {}

const ORGANISATION = "/DC=ch/DC=cern/OU=lab";
const CALLERS: Readonly<Record<string, Caller & { readonly banned?: true }>> = {
  production: { dn: `${ORGANISATION}/CN=panda-lab-pilot`, name: "panda-lab-pilot", production: true },
  "voms-production": { dn: `${ORGANISATION}/CN=Test User One`, name: "Test User One", production: true },
  "voms-pilot": { dn: `${ORGANISATION}/CN=Test User One`, name: "Test User One", production: false },
  "plain-user": { dn: `${ORGANISATION}/CN=Test User One`, name: "Test User One", production: false },
  "limited-proxy": {
    dn: `${ORGANISATION}/CN=panda-lab-pilot/CN=limited proxy`,
    name: "limited proxy",
    production: true,
  },
  none: { dn: null, name: "", production: false },
  banned: { dn: `${ORGANISATION}/CN=Banned User`, name: "Banned User", production: false, banned: true },
};

const Claims = z.object({
  sub: z.string().default("unknown"),
  name: z.string().optional(),
  exp: z.number().optional(),
  groups: z.array(z.string()).default([]),
});

export interface IdentityOptions {
  /** Virtual organisations whose tokens are understood. */
  readonly virtualOrganisations: readonly string[];
}

function claimsOf(token: string): z.infer<typeof Claims> {
  const segments = token.split(".");
  if (segments.length !== 3) throw new Forbidden("Token authentication failed. Invalid token. Not enough segments");
  try {
    return Claims.parse(JSON.parse(Buffer.from(segments[1] ?? "", "base64url").toString("utf8")));
  } catch {
    throw new Forbidden("Token authentication failed. Invalid token. Invalid payload");
  }
}

function tokenCaller(token: string, origin: string | undefined, now: number, options: IdentityOptions): Caller {
  if (origin === undefined) {
    const cause = "'NoneType' object has no attribute 'replace' Traceback (most recent call last): (stand-in)\n";
    throw new Forbidden(`Token authentication failed. Token decode failure. ${cause}`);
  }
  const [vo = "", role] = origin.replace(":", ".").split(".", 2);
  const claims = claimsOf(token);
  if (!options.virtualOrganisations.includes(vo)) {
    throw new Forbidden(`Token authentication failed. Unknown vo : ${vo}`);
  }
  if (claims.exp !== undefined && claims.exp * 1000 <= now) {
    throw new Forbidden("Token authentication failed. Invalid token. Signature has expired");
  }
  if (role !== undefined && !claims.groups.includes(`${vo}/${role}`)) {
    throw new Forbidden(`Token authentication failed. Not a member of the ${vo}/${role} group`);
  }
  const name = claims.name ?? claims.sub;
  return { dn: name, name, production: claims.groups.includes(`${vo}/production`) };
}

/**
 * @param headers as Node gives them, names in lower case; `x-stand-in-caller` is one of production (the default),
 *   voms-production, voms-pilot, plain-user, limited-proxy, banned, none.
 * @throws Forbidden for a bad token, a banned user or an unknown name in the header.
 */
export function identify(
  headers: Readonly<Record<string, string | undefined>>,
  now: number,
  options: IdentityOptions,
): Caller {
  // Only the second word counts, whatever the first one is; one word alone is ignored (panda-api 1.1).
  const token = headers["authorization"]?.split(" ")[1];
  if (token !== undefined && token !== "") return tokenCaller(token.trim(), headers["origin"], now, options);
  const who = headers["x-stand-in-caller"] ?? "production";
  const caller = Object.hasOwn(CALLERS, who) ? CALLERS[who] : undefined;
  if (caller === undefined) throw new Forbidden(`X-Stand-In-Caller ${who} is not one of ${Object.keys(CALLERS)}`);
  if (caller.banned) throw new Forbidden(`${caller.name} is banned`);
  return caller;
}

/** Whether the caller passes `secure` (panda-api 1.1): known, and not by a limited proxy. */
export function isSecure(caller: Caller): boolean {
  return caller.dn !== null && !caller.dn.includes("/CN=limited proxy");
}
