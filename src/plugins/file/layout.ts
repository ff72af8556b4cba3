/**
 * Where a file lies below a storage directory, and what stands in the way of putting it there. It must refuse, by name,
 * every LFN and scope that could lead out of that directory.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { nameTrouble } from "./disk.ts";

/**
 * `scope`: `<directory>/<scope>/<lfn>`, without a scope `<directory>/<lfn>`; `flat`: `<directory>/<lfn>`; `rucio`: the
 * deterministic paths of Rucio storage as Harvester's mover_utils makes them (plugins.md 1.2).
 */
export const layoutSchema = z.enum(["scope", "flat", "rucio"]);
export type Layout = z.output<typeof layoutSchema>;

/** A path, or why there can be none. */
export type Place = { readonly ok: true; readonly path: string } | { readonly ok: false; readonly why: string };

/** Place of one file. */
export function placeOf(directory: string, layout: Layout, scope: string | undefined, lfn: string): Place {
  const trouble = nameTrouble(lfn);
  if (trouble !== undefined) return { ok: false, why: `LFN ${JSON.stringify(lfn)} is refused: ${trouble}` };
  if (layout === "flat") return { ok: true, path: join(directory, lfn) };
  if (scope === undefined || scope === "" || scope === "NULL") {
    if (layout === "scope") return { ok: true, path: join(directory, lfn) };
    return { ok: false, why: `LFN ${lfn} has no scope, which layout rucio needs` };
  }
  const parts = layout === "rucio" ? scope.split(".") : [scope];
  const wrong = parts.map(nameTrouble).find((each) => each !== undefined);
  if (wrong !== undefined) {
    return { ok: false, why: `scope ${JSON.stringify(scope)} of LFN ${lfn} is refused: ${wrong}` };
  }
  if (layout === "scope") return { ok: true, path: join(directory, scope, lfn) };
  const hash = createHash("md5").update(`${scope}:${lfn}`, "latin1").digest("hex");
  return { ok: true, path: join(directory, ...parts, hash.slice(0, 2), hash.slice(2, 4), lfn) };
}
