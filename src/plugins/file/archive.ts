/**
 * Tar archives, plain or compressed: what Harvester calls zip files and log tarballs (plugins.md 4, messenger.md 5.1).
 * An archive appears whole or not at all. Links are never followed and never archived.
 */
import { lstat } from "node:fs/promises";
import { list, Pack } from "tar";
import { Summing, type Sums } from "./adler32.ts";
import { writeWhole } from "./disk.ts";

/** One file and its name within the archive. */
export interface Member {
  readonly path: string;
  readonly name: string;
}

/** The `tar` package remembers hard links here; every member is to be a file of its own, whatever its inode. */
class NoLinks extends Map<`${number}:${number}`, string> {
  override get(): undefined {
    return undefined;
  }
}

/** Writes an archive of the members, in their order. Throws where one is no regular file or changes meanwhile. */
export async function writeArchive(path: string, members: readonly Member[], gzip: boolean): Promise<Sums> {
  for (const member of members) {
    if (!(await lstat(member.path)).isFile()) throw new Error(`${member.path} is no regular file`);
  }
  return writeWhole(path, async (file) => {
    const summing = new Summing();
    for await (const chunk of packed(members, gzip)) {
      summing.update(chunk);
      await file.writeFile(chunk);
    }
    return summing.sums();
  });
}

async function* packed(members: readonly Member[], gzip: boolean): AsyncGenerator<Uint8Array> {
  const names = new Map(members.map(({ path, name }) => [path, name]));
  const pack = new Pack({
    gzip,
    portable: true,
    strict: false,
    preservePaths: true,
    linkCache: new NoLinks(),
    onWriteEntry: (entry) => {
      entry.path = names.get(entry.absolute) ?? entry.path;
    },
  });
  for (const { path } of members) pack.add(path);
  pack.end();
  for await (const chunk of pack) yield chunk;
}

/** A member of an archive that was read. */
export interface Listed {
  readonly name: string;
  readonly fsize: number;
}

/** What an archive holds, plain or compressed. Throws where it is none. */
export async function listArchive(path: string): Promise<readonly Listed[]> {
  const found: Listed[] = [];
  await list({ file: path, strict: true, onReadEntry: (entry) => found.push({ name: entry.path, fsize: entry.size }) });
  return found;
}
