/**
 * Reads a piece of a local file for a call: the core names the file, and its bytes go to the plug-in alone. It must
 * never hang on what is no file, nor read more than it was asked for.
 */
import { constants, type FileHandle, open } from "node:fs/promises";
import type { FileArguments, FilePiece, Reply } from "../agents/agent.ts";

/** What was read. */
interface Piece {
  readonly content: Uint8Array;
  /** Bytes of the file up to the end of this piece, and all that it had. */
  readonly to: number;
  readonly size: number;
}

/**
 * Makes a call with a name and the bytes; its reply says how far they went. Nothing new is not worth a call, and is
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
  const { content, to, size } = piece;
  const reply = await answer([name, content]);
  return reply.ok ? { ...reply, piece: { to, size } } : reply;
}

/**
 * The piece from `from` on. A file that became shorter was begun anew, and is read from its start. null: there is no
 * such file. @throws where there is something that cannot be read as a file
 */
async function readPiece({ path, from, maxBytes }: FilePiece): Promise<Piece | null> {
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
    const begin = stat.size < from ? 0 : from;
    const content = new Uint8Array(Math.min(maxBytes, stat.size - begin));
    const { bytesRead } = content.length > 0 ? await file.read(content, 0, content.length, begin) : { bytesRead: 0 };
    return { content: content.subarray(0, bytesRead), to: begin + bytesRead, size: stat.size };
  } finally {
    await file.close();
  }
}
