/**
 * Module creds: proxies, token keys and key pairs that the operator put in (panda-api 8). They are placeholders for
 * rehearsals: nothing that must stay secret belongs in a stand-in, which keeps them as plain text.
 */
import { z } from "zod";
import { textOf } from "./arguments.ts";
import type { Caller } from "./caller.ts";
import {
  type Arguments,
  type Call,
  type Envelope,
  type Operation,
  optional,
  refused,
  required,
  succeeded,
} from "./operation.ts";
import type { Store } from "./store.ts";

export type SecretKind = "proxy" | "tokenKey" | "key";

/** Adds a secret; of several of one name the one that is valid longest is given. */
export function addSecret(store: Store, kind: SecretKind, name: string, text: string, expiresAt: number): void {
  store.run("INSERT INTO secret VALUES (?, ?, ?, ?)", kind, name, text, expiresAt);
}

function find(store: Store, kind: SecretKind, name: string): string | undefined {
  const row = store.row(
    "SELECT text FROM secret WHERE kind = ? AND name = ? ORDER BY expiresAt DESC LIMIT 1",
    kind,
    name,
  );
  return row === undefined ? undefined : z.object({ text: z.string() }).parse(row).text;
}

/** Who may ask for secrets: in the stand-in those with the production role. */
const isTrusted = (caller: Caller): boolean => caller.production;

function proxy(call: Call, args: Arguments): Envelope {
  if (!isTrusted(call.caller)) {
    const where = "in authorized users with 'p' in DOMA_PANDAMETA.USERS.GRIDPREF to get proxy";
    return refused(`failed: '${call.caller.name}' not ${where}`);
  }
  const dn = textOf(args, "dn") ?? call.caller.dn ?? "";
  const found = find(call.store, "proxy", dn);
  return found === undefined ? refused(`'proxy' not found for ${dn}`) : succeeded({ user_proxy: found });
}

function tokenKey(call: Call, args: Arguments): Envelope {
  if (!isTrusted(call.caller)) {
    return refused(`Denied since '${call.caller.name}' not authorized with 't' in DOMA_PANDAMETA.USERS.GRIDPREF`);
  }
  const client = textOf(args, "client_name") ?? "";
  const found = find(call.store, "tokenKey", client);
  return found === undefined ? refused(`Token key is missing for '${client}'`) : succeeded({ tokenKey: found });
}

function keyPair(call: Call, args: Arguments): Envelope {
  if (!isTrusted(call.caller)) {
    return refused(`Failed since '${call.caller.name}' not authorized with 'k' in DOMA_PANDAMETA.USERS.GRIDPREF`);
  }
  const names = ["public_key_name", "private_key_name"].map((name) => textOf(args, name) ?? "");
  const [publicKey, privateKey] = names.map((name) => find(call.store, "key", name));
  const missing = publicKey === undefined ? names[0] : names[1];
  if (publicKey === undefined || privateKey === undefined) {
    return refused(`Failed for '${call.caller.name}' since ${missing} is missing on localhost`);
  }
  return succeeded({ public_key: publicKey, private_key: privateKey });
}

export const credentialOperations: readonly Operation[] = [
  {
    name: "creds/get_proxy",
    verb: "GET",
    auth: "secure",
    parameters: [optional("role", "str"), optional("dn", "str")],
    run: proxy,
  },
  {
    name: "creds/get_token_key",
    verb: "GET",
    auth: "secure",
    parameters: [required("client_name", "str")],
    run: tokenKey,
  },
  {
    name: "creds/get_key_pair",
    verb: "GET",
    auth: "secure",
    parameters: [required("public_key_name", "str"), required("private_key_name", "str")],
    run: keyPair,
  },
  {
    name: "creds/get_access_token",
    verb: "GET",
    auth: "secure",
    parameters: [required("client_name", "str")],
    // Nothing issues access tokens here.
    run: (_call, args) => refused(`'token' not found for ${textOf(args, "client_name") ?? ""}`),
  },
];
