/**
 * What scripted plug-ins do to files, and how a list of files reads in the corpus (sections 5 and 8).
 */
import type { FileArgument, GroupChange, KeyedPatch } from "../../src/agents/agent.ts";
import type { MethodName } from "../../src/plugins/contract.ts";
import type { Outcome } from "./scripts.ts";

/** `lfn:status[@groupID][(members)]`, sorted. */
export function fileNames(files: readonly FileArgument[]): string[] {
  return files
    .map(({ lfn, status, groupID, members = [] }) => {
      const inside = members.map((member) => member.lfn).sort();
      return `${lfn}:${status}${groupID ? `@${groupID}` : ""}${inside.length > 0 ? `(${inside.join(",")})` : ""}`;
    })
    .sort();
}

/** Columns that a plug-in sets; with a group the group's time. */
const columns = (set: Readonly<Record<string, unknown>>, now: number): Record<string, unknown> =>
  "groupID" in set || "groupStatus" in set ? { ...set, groupUpdateAt: now } : { ...set };

/** What the plug-in sets on the files that it was given. */
export function fileEffects(
  method: MethodName,
  outcome: Outcome,
  files: readonly FileArgument[],
  now: number,
): KeyedPatch[] {
  const patches: KeyedPatch[] = [];
  for (const file of files) {
    const set = outcome.files[file.lfn] ?? outcome.files["*"];
    const core = ownEffect(method, outcome, file);
    if (set || core) patches.push({ key: file.key, set: { ...core, ...(set ? columns(set, now) : {}) } });
  }
  return patches;
}

/** What the method does by itself when it succeeds. */
function ownEffect(
  method: MethodName,
  { ret, isObject }: Outcome,
  { lfn, path }: FileArgument,
): Record<string, unknown> | undefined {
  if (ret !== true) return undefined;
  if (method === "resolveInputPaths" && !path) return { path: `/in/${lfn}` };
  return method === "checkStageOutStatus" && !isObject ? { status: "finished" } : undefined;
}

/** What the plug-in does through the original's database interface: at once, and across jobs (lifecycle 2.5). */
export function groupEffects({ db }: Outcome, files: readonly FileArgument[]): GroupChange[] {
  return db.map(([action, ...args]) => {
    if (action === "update_file_group_status") return { groupID: String(args[0]), groupStatus: String(args[1]) };
    const [which, groupID, groupStatus] = args;
    const lfns = which === "*" ? files.map((file) => file.lfn) : Array.isArray(which) ? which.map(String) : [];
    return { lfns, groupID: String(groupID), groupStatus: String(groupStatus) };
  });
}
