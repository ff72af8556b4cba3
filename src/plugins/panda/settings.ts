/**
 * The options of the communicator `panda` and how they are refused: the keys of `[pandacon]` as the operator wrote
 * them (config.md 3.5), and the harvester's name. Every refusal names such a key. It must never print a token.
 */
import { z } from "zod";

const path = z.string({ error: "must be a path" }).min(1, { error: "must be a path, not an empty text" });

/** An address without its login, for a login in a text would end up in messages. */
function addressOf(text: string): URL | null {
  const url = URL.parse(text.trim().replace(/\/+$/, ""));
  const plain = url !== null && /^https?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  return plain && url.username === "" && url.password === "" ? url : null;
}

const base = z
  .string({ error: "must be an address such as https://pandaserver.example.org:25443/api/v1" })
  .refine((text) => /\/api\/v1$/.test(addressOf(text)?.pathname ?? ""), {
    error: "must be an http or https address that ends in /api/v1, without user and query",
  })
  .transform((text) => text.trim().replace(/\/+$/, ""));

/** The addresses of the interface before /api/v1: only their host counts. */
const legacy = z
  .string({ error: "must be an address" })
  .refine((text) => addressOf(text) !== null, { error: "must be an http or https address, without user and query" })
  .transform((text) => `${addressOf(text)?.origin}/api/v1`);

/** Options of `PandaCommunicator`. Others, such as those the loader adds, are ignored. */
export const settingsSchema = z
  .object({
    server_api_url_ssl: base.nullish(),
    pandaURLSSL: legacy.nullish(),
    cache_api_url_ssl: base.nullish(),
    pandaCacheURL_W: legacy.nullish(),
    /** Of one HTTP call, in seconds. */
    timeout: z.number({ error: "must be a number of seconds" }).positive({ error: "must be above 0" }).default(180),
    auth_type: z.enum(["x509", "oidc"], { error: "must be x509 or oidc" }).default("x509"),
    cert_file: path.nullish(),
    /** A proxy holds certificate and key: `cert_file` alone is enough then. */
    key_file: path.nullish(),
    /** CA bundle; missing or false: the server's certificate is not verified, as in Harvester. */
    ca_cert: z.union([path, z.literal(false)], { error: "must be a path, or False for no verification" }).nullish(),
    /** `file:<path>` or the token itself; blanks around it are cut off. */
    auth_token: z.string({ error: "must be a token, or file:<path>" }).nullish(),
    /** `<vo>` or `<vo>.<role>`: without it the server answers a token with a traceback (panda-api 1.1). */
    auth_origin: z.string({ error: "must be a text such as atlas or atlas.production" }).nullish(),
    /** Event ranges in one request. */
    getEventsChunkSize: z.int({ error: "must be a whole number" }).positive({ error: "must be above 0" }).default(5120),
    harvesterID: z.string({ error: "must be the harvester's name" }).min(1, { error: "must not be empty" }),
  })
  .transform((options, context) => {
    const refuse = (key: string, message: string): never => {
      context.addIssue({ code: "custom", path: [key], message });
      return z.NEVER;
    };
    const apiUrl = options.server_api_url_ssl ?? options.pandaURLSSL;
    if (!apiUrl) return refuse("server_api_url_ssl", "is needed: the server's address, ending in /api/v1");
    const oidc = options.auth_type === "oidc";
    if (oidc && !options.auth_token?.trim()) {
      return refuse("auth_token", "is needed with auth_type oidc: the token, or file:<path>");
    }
    if (oidc && !options.auth_origin) {
      return refuse("auth_origin", "is needed with auth_type oidc: the server reads the VO from it");
    }
    if (!oidc && options.key_file && !options.cert_file)
      return refuse("cert_file", "is needed where key_file is given");
    return {
      apiUrl,
      cacheUrl: options.cache_api_url_ssl ?? options.pandaCacheURL_W ?? apiUrl,
      timeoutMs: Math.ceil(options.timeout * 1000),
      caPath: options.ca_cert || undefined,
      certPath: oidc ? undefined : (options.cert_file ?? undefined),
      keyPath: oidc ? undefined : (options.key_file ?? options.cert_file ?? undefined),
      token: oidc ? (options.auth_token ?? undefined) : undefined,
      origin: oidc ? (options.auth_origin ?? undefined) : undefined,
      eventsAtOnce: options.getEventsChunkSize,
      harvesterID: options.harvesterID,
    };
  });

/** The options as they are written. */
export type PandaOptions = z.input<typeof settingsSchema>;
/** What they mean. */
export type Settings = z.output<typeof settingsSchema>;
