/**
 * The one hash of records, snapshots and what is said of them: in a file of its own, because threads need nothing else.
 */
import { hash } from "node:crypto";

/** SHA-256 in lower-case hex. */
export function hashOf(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}
