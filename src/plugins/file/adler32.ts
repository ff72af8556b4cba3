/**
 * Checksums of files: adler32, which PanDA uses throughout, and md5 where a job dictionary names one. zlib's adler32 is
 * not offered by Node, hence the few lines below. Nothing here may load a whole file into memory.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";

const modulus = 65_521;
/** Longest run of bytes whose sums stay within 32 bits (zlib's NMAX). */
const run = 5552;

/** Adler32 of a stream of bytes. */
export class Adler32 {
  #a = 1;
  #b = 0;

  update(bytes: Uint8Array): this {
    let [a, b] = [this.#a, this.#b];
    for (let start = 0; start < bytes.length; start += run) {
      const end = Math.min(start + run, bytes.length);
      for (let at = start; at < end; at += 1) {
        a += bytes[at] as number;
        b += a;
      }
      a %= modulus;
      b %= modulus;
    }
    [this.#a, this.#b] = [a, b];
    return this;
  }

  /** Eight lower-case hexadecimal digits. */
  digest(): string {
    return ((this.#b * 65_536 + this.#a) >>> 0).toString(16).padStart(8, "0");
  }
}

/** Size in bytes and checksums of one content. */
export interface Sums {
  readonly fsize: number;
  readonly adler32: string;
  readonly md5: string;
}

/** Takes content piece by piece and sums it up. md5 is only computed where somebody will ask for it. */
export class Summing {
  readonly #adler = new Adler32();
  readonly #md5: ReturnType<typeof createHash> | undefined;
  #fsize = 0;

  constructor(withMd5 = false) {
    this.#md5 = withMd5 ? createHash("md5") : undefined;
  }

  update(bytes: Uint8Array): void {
    this.#fsize += bytes.length;
    this.#adler.update(bytes);
    this.#md5?.update(bytes);
  }

  /** May be called once. */
  sums(): Sums {
    return { fsize: this.#fsize, adler32: this.#adler.digest(), md5: this.#md5?.digest("hex") ?? "" };
  }
}

/** What a file holds now. Throws what the file system says. */
export async function sumsOf(path: string, withMd5 = false): Promise<Sums> {
  const summing = new Summing(withMd5);
  const file = await open(path, "r");
  try {
    for await (const chunk of file.createReadStream({ highWaterMark: 1 << 20, autoClose: false })) {
      summing.update(chunk);
    }
  } finally {
    await file.close();
  }
  return summing.sums();
}

/** A checksum as a job dictionary or a payload names it. */
export interface Checksum {
  readonly kind: "adler32" | "md5" | "none" | "unknown";
  /** Lower case, with all leading zeros. */
  readonly hex: string;
}

/** Reads `ad:<hex>`, `md:<hex>` or bare digits; the server writes NULL where it knows none. */
export function checksumOf(text: string | undefined): Checksum {
  const given = (text ?? "").trim().toLowerCase();
  if (given === "" || given === "null" || given === "none") return { kind: "none", hex: "" };
  const adler = /^(?:(?:ad|adler32):)?([0-9a-f]{1,8})$/.exec(given)?.[1];
  if (adler !== undefined) return { kind: "adler32", hex: adler.padStart(8, "0") };
  const md5 = /^(?:(?:md|md5):)?([0-9a-f]{32})$/.exec(given)?.[1];
  return md5 === undefined ? { kind: "unknown", hex: given } : { kind: "md5", hex: md5 };
}
