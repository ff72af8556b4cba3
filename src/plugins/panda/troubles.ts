/**
 * How trouble with the server is told: where, what, and what to do. After a `CallFailed` nobody knows what the server
 * did (panda-api 10), so the core records the call as unknown; a refusal is an answer and only shares the wording.
 * Nothing here may carry a secret: whatever comes from outside goes through `diagnosis`.
 */

/**
 * No usable answer: no connection, time-out, 403, 500, plain text, cut JSON, data of another shape than the API's.
 */
export class CallFailed extends Error {
  override readonly name = "CallFailed";
  /** HTTP status of the answer, where there was one. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

/** What the operator can do about a text of the server, of TLS or of the network; the first that fits. */
const advices: readonly (readonly [RegExp, string])[] = [
  [
    /SSL secure connection is required/,
    "the server saw no certificate or token, or a limited proxy: check cert_file and key_file, or auth_token",
  ],
  [
    /production.pilot role|production or pilot role/,
    "renew the proxy with Role=production, have its DN added to production_dns, or give the role in auth_origin",
  ],
  [/Token authentication failed/, "renew the token that auth_token of [pandacon] names, and check auth_origin"],
  [/ is banned/, "ask the server's operators why"],
  [/method .* is forbidden/, "check that server_api_url_ssl of [pandacon] is a panda-server with /api/v1"],
  [
    /Argument error|Type error|expecting (GET|POST)/,
    "the server takes other arguments: check getJobCriteria of the queue, and the server's version",
  ],
  [
    /[Dd]atabase|rows locked|Timed out|TimeOut|time out/,
    "if it stays so, ask the server's operators to look at its database",
  ],
  [
    /'proxy' not found|Token key is missing|is missing on/,
    "have the server's operators store it; the server says the same while its database is down",
  ],
  [/not authorized with|not in authorized users/, "have the server's operators give this user the right"],
  [/ECONNREFUSED/, "nothing listens there: check server_api_url_ssl of [pandacon], and that the server runs"],
  [/ENOTFOUND|EAI_AGAIN/, "the host is unknown: check server_api_url_ssl of [pandacon], and the name service"],
  [/no complete answer within/, "raise timeout of [pandacon], or ask the server's operators about its load"],
  [
    /self.signed|unable to (get|verify)|altnames|certificate has expired|CERT_/i,
    "check ca_cert of [pandacon] against the server's certificate",
  ],
  [
    /alert|handshake|EPROTO|ERR_SSL|ERR_OSSL|PEM/i,
    "check cert_file and key_file of [pandacon], and https against http",
  ],
];

/** One sentence: where, what, and what to do. */
export function complaint(where: string, what: string): string {
  const advice = advices.find(([pattern]) => pattern.test(what))?.[1];
  return `${where}: ${what || "no reason given"}; ${advice ?? "if it stays so, show this to the server's operators"}`;
}

const longest = 500;

/** A foreign text as it may appear in a message: cut, on one line, and without tokens and private keys. */
export function diagnosis(text: string, secret?: string): string {
  const known = secret ? text.replaceAll(secret, "***") : text;
  const clean = known
    .replace(/-----BEGIN [A-Z ]+-----[\s\S]*?(-----END [A-Z ]+-----|$)/g, "***")
    .replace(/Bearer\s+[^\s'",]+/gi, "Bearer ***")
    .replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, "***")
    // Job dictionaries carry secrets as text inside text; what follows such a key is not worth the risk.
    .replace(/(\\*["']?(?:pilotS|s)ecrets\\*["']?\s*:).*/s, "$1 ***")
    .replace(/\s+/g, " ")
    .trim();
  return clean.length > longest ? `${clean.slice(0, longest)}...` : clean;
}

/** What went wrong below HTTP, with the reason that undici and Node hide. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const own = error.message === "" ? error.name : error.message;
  // A refused connection to a name with several addresses is an AggregateError with an empty message.
  const inner = error instanceof AggregateError ? `: ${error.errors.map(reasonOf).join("; ")}` : "";
  return `${own}${own.includes(code) ? "" : ` (${code})`}${inner}`;
}
