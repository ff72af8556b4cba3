/**
 * Tells whether a process written down earlier is still the same one. A number alone proves nothing, because numbers
 * are used again: the instant of its start and the boot it belongs to are compared too. It must never call a process
 * dead because it could not look.
 */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A process as a record names it; `born` is what `wrapper.sh` writes. */
export interface Identity {
  readonly pid: number;
  readonly born: string;
}

/** True while this very process runs; a zombie has ended. Throws where the system cannot be asked. */
export async function isAlive(process: Identity): Promise<boolean> {
  return (await bornOf(process.pid)) === process.born;
}

/** Start of a running process: boot and clock tick (`/proc/<pid>/stat`, field 22), or the words of `ps` elsewhere. */
export async function bornOf(pid: number): Promise<string | undefined> {
  const boot = await read("/proc/sys/kernel/random/boot_id");
  if (boot === undefined) return bornByPs(pid);
  const stat = await read(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name in parentheses may hold spaces and parentheses; the fields after the last one begin with the state.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .trim()
    .split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : `${boot.trim()}:${fields[19]}`;
}

/** True while the process group has a member. */
export function groupExists(group: number): boolean {
  try {
    process.kill(-group, 0);
    return true;
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
    // EPERM: it exists and belongs to somebody else.
    if (codeOf(error) === "EPERM") return true;
    throw error;
  }
}

/** Sends a signal to a process, or to a group (negative). False: there is none any more. */
export function send(target: number, signal: "SIGTERM" | "SIGKILL"): boolean {
  try {
    process.kill(target, signal);
    return true;
  } catch (error) {
    if (codeOf(error) === "ESRCH") return false;
    throw error;
  }
}

/** `code` of a system error, empty for any other. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "ENOTDIR"].includes(codeOf(error))) return undefined;
    throw error;
  }
}

async function bornByPs(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await run("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
      env: { ...process.env, LC_ALL: "C" },
    });
    const [, state = "", born = ""] = /^\s*(\S+)\s+(.*?)\s*$/.exec(stdout) ?? [];
    return state === "" || state.startsWith("Z") ? undefined : born;
  } catch (error) {
    // ps exits with 1 where there is no such process; anything else means that nobody looked.
    if (error instanceof Error && "code" in error && error.code === 1) return undefined;
    throw error;
  }
}
