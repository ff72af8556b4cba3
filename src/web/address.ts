/**
 * Where the TCP port is: off unless somebody asks for it, since there is no login.
 */
import { ConfigError } from "../config/refusal.ts";

export interface WebAddress {
  readonly host: string;
  readonly port: number;
}

/** The port where none is named. */
const usualPort = 25_088;

/**
 * The address of `windrow run --web [host:port]` (`true`: no address was given), else of section [windrow]; undefined:
 * no port. @throws ConfigError for what is no address.
 */
export function webAddressOf(
  asked: string | true | undefined,
  { webHost, webPort }: { readonly webHost: string; readonly webPort: number },
): WebAddress | undefined {
  if (asked === undefined) return webPort === 0 ? undefined : { host: webHost, port: webPort };
  if (asked === true) return { host: webHost, port: webPort || usualPort };
  const match = /^(?:(\[[^\]]+\]|[^:[\]]*):)?(\d{1,5})$/.exec(asked);
  const port = Number(match?.[2]);
  if (!match || port > 65_535) {
    throw new ConfigError(`--web ${asked}: it should be host:port or a port, like 127.0.0.1:${usualPort}`);
  }
  return { host: match[1]?.replace(/^\[|\]$/g, "") || webHost, port };
}
