/** A storage of real files for the tests of plug-in `windrow/file`. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Adler32 } from "../../../src/plugins/file/adler32.ts";
import type { JobSpec } from "../../../src/specs/jobSpec.ts";
import { job, tempDir, worker } from "../fixtures.ts";

export interface Storage {
  readonly source: string;
  readonly scratch: string;
  readonly destination: string;
  readonly accessPoint: string;
}

export async function makeStorage(): Promise<Storage> {
  const base = await tempDir();
  const made = {
    source: join(base, "source"),
    scratch: join(base, "scratch"),
    destination: join(base, "destination"),
    accessPoint: join(base, "workers", "7"),
  };
  for (const directory of [made.source, made.accessPoint]) await mkdir(directory, { recursive: true });
  return made;
}

export function adler(content: string | Uint8Array): string {
  return new Adler32().update(Buffer.from(content)).digest();
}

export async function put(path: string, content: string | Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

/** A job with one input per content, `<lfn>: <content>`; checksums as PanDA sends them unless others are named. */
export function inputJob(
  contents: Readonly<Record<string, string | Uint8Array>>,
  over: { readonly checksum?: string; readonly scope?: string; readonly PandaID?: number } = {},
): JobSpec {
  const scope = over.scope ?? "mc23";
  return job({
    PandaID: over.PandaID ?? 101,
    in: Object.keys(contents).map((lfn) => ({ lfn, scope })),
    inputs: Object.entries(contents).map(([lfn, content]) => ({
      lfn,
      fsize: Buffer.from(content).length,
      guid: `guid-${lfn}`,
      checksum: over.checksum ?? `ad:${adler(content)}`,
      scope,
      dataset: "ds",
      endpoint: "SITE_DATADISK",
    })),
  });
}

/** A job whose worker has the access point of the storage. */
export function outputJob(storage: Storage, out: Parameters<typeof job>[0] = {}): JobSpec {
  return job({ ...out, workers: [worker({ accessPoint: storage.accessPoint })] });
}

/** Every file below a directory, relative, sorted. */
export async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .toSorted();
}
