/**
 * Simulated sites by name: a plug-in is made by Windrow from its configuration, which can only name the site that it
 * belongs to.
 */
import type { Site } from "./site.ts";

/** Modules may be loaded twice in a test process, by the runner and by Windrow's loader: the table is one. */
const table: Map<string, Site> =
  (Reflect.get(globalThis, Symbol.for("windrow.test.sites")) as Map<string, Site> | undefined) ??
  new Map<string, Site>();
Reflect.set(globalThis, Symbol.for("windrow.test.sites"), table);

export function addSite(name: string, site: Site): void {
  table.set(name, site);
}

/** @throws Error where nobody added it. */
export function siteNamed(name: string): Site {
  const site = table.get(name);
  if (!site) throw new Error(`no simulated site ${name}`);
  return site;
}
