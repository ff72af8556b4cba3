/**
 * FileSpec: one file as a plug-in sees it. A plug-in changes fields in place; `changes()` turns that into data for the
 * event, so a replay never needs the plug-in. It must never reach back into the World.
 */

/** The columns of a file that a plug-in may read; those it may set are named in `settable` (specs.md 4). */
export interface FileData {
  readonly lfn: string;
  /** input, aux_input, output, log, es_output, zip_output or checkpoint. */
  readonly fileType: string;
  readonly PandaID: number;
  readonly scope?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly workerID?: number | undefined;
  readonly eventRangeID?: string | undefined;
  readonly provenanceID?: string | undefined;
  readonly url?: string | undefined;
  readonly isZip?: number | undefined;
  readonly guid?: string | undefined;
  readonly dataset?: string | undefined;
  status: string;
  path?: string | undefined;
  /** Bytes. */
  fsize?: number | undefined;
  /** `ad:<8 hex digits>`, `md:<hex>` or bare adler32. */
  chksum?: string | undefined;
  groupID?: string | undefined;
  groupStatus?: string | undefined;
  /** Epoch milliseconds of the last change of the group fields. */
  groupUpdateAt?: number | undefined;
  /** Object store that has it, and how names are made there; a stager sets them. */
  objstoreID?: number | undefined;
  pathConvention?: number | undefined;
  /** How often stage-out was tried since the last success (lifecycle 2.4). */
  attemptNr: number;
  /** Attributes as the payload reported them. */
  fileAttributes?: Readonly<Record<string, unknown>> | undefined;
  todelete?: boolean | undefined;
}

/** The fields whose change by a plug-in is carried into the event. */
export const settable = [
  "status",
  "path",
  "fsize",
  "chksum",
  "groupID",
  "groupStatus",
  "groupUpdateAt",
  "objstoreID",
  "pathConvention",
  "attemptNr",
  "fileAttributes",
] as const;

/** What a plug-in changed on one file: the field's new value, null where it was cleared. */
export type FileChange = { readonly lfn: string; readonly set: Readonly<Record<string, unknown>> };

export interface FileSpec extends FileData {}

/** One file in the hands of a plug-in (specs.md 4). */
export class FileSpec {
  /** The members of this zip file, for the zipper (lifecycle 1.8). */
  readonly associatedFiles: FileSpec[];
  readonly #before: Readonly<Record<string, unknown>>;

  constructor({ members = [], ...data }: FileData & { readonly members?: readonly FileData[] }) {
    Object.assign(this, data);
    this.associatedFiles = members.map((member) => new FileSpec(member));
    this.#before = { ...data };
  }

  /** The fields that differ from what the plug-in was given, or undefined where none does. */
  changes(): FileChange | undefined {
    const set: Record<string, unknown> = {};
    for (const field of settable) {
      if (this[field] !== this.#before[field]) set[field] = this[field] ?? null;
    }
    return Object.keys(set).length === 0 ? undefined : { lfn: this.lfn, set };
  }
}
