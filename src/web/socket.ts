/**
 * Where the socket of a log's daemon is. It must give the same path to the daemon and to those who ask it.
 */
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Bytes that the address of a unix socket may have on Linux, less its end. */
const maxBytes = 107;

/** Beside the log; in the temporary directory where that path is too long for a socket. */
export function socketOf(logDir: string): string {
  const beside = join(resolve(logDir), "windrow.sock");
  if (Buffer.byteLength(beside) <= maxBytes) return beside;
  const name = createHash("sha256").update(beside).digest("hex").slice(0, 16);
  return join(tmpdir(), `windrow-${name}.sock`);
}
