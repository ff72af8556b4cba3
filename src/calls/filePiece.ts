/**
 * Reads the end of a local file for a call: the core names the file, and its bytes go to the plug-in alone. It must
 * never hang on what is no file, nor read more than it was asked for.
 */
import { constants, type FileHandle, open } from "node:fs/promises";
import type { FileArguments, FilePiece, Reply } from "../agents/agent.ts";

/** What was read. */
interface Piece {
  readonly content: Uint8Array;
  /** Where it begins in the file, and how long the file was. */
  readonly from: number;
  readonly size: number;
}

/**
 * Makes a call with a name and the bytes; its reply says which they were. Nothing new is not worth a call, and is
 * answered without a piece.
 */
export async function withPiece(
  { name, file }: FileArguments,
  answer: (plain: readonly unknown[]) => Promise<Reply>,
): Promise<Reply> {
  let piece: Piece | null;
  try {
    piece = await readPiece(file);
  } catch (error) {
    const why = `${file.path} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return { ok: false, kind: "threw", why, afterMs: 0 };
  }
  if (!piece || piece.content.length === 0) return { ok: true, value: { ok: true, data: "" }, files: {}, workers: {} };
  const { content, from, size } = piece;
  const reply = await answer([name, content]);
  return reply.ok ? { ...reply, piece: { from, size } } : reply;
}

/**
 * The last bytes of the file; none where it has nothing new. null: there is no such file. @throws where there is
 * something that cannot be read as a file
 */
async function readPiece({ path, known, maxBytes }: FilePiece): Promise<Piece | null> {
  let file: FileHandle;
  try {
    // Opening a pipe that nobody writes to would wait for ever.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path} is no file`);
    const { size } = stat;
    const content = new Uint8Array(size === known ? 0 : Math.min(maxBytes, size));
    const from = size - content.length;
    const { bytesRead } = content.length > 0 ? await file.read(content, 0, content.length, from) : { bytesRead: 0 };
    return { content: content.subarray(0, bytesRead), from, size };
  } finally {
    await file.close();
  }
}
