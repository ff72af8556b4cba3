/**
 * Which code folds events into a World. A snapshot made by other code is not used, since nobody could say whether it is
 * what the log gives today.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";

const folders = ["../events/", "../machines/"];
const files = ["./projection.ts", "./steps.ts", "./tallies.ts", "./world.ts", "./instance.ts", "./frozen.ts"];

/** SHA-256 over the sources of events, machines and projection. */
export async function foldVersion(): Promise<string> {
  const urls = files.map((file) => new URL(file, import.meta.url));
  for (const folder of folders) {
    const base = new URL(folder, import.meta.url);
    const names = (await readdir(base)).filter((name) => name.endsWith(".ts")).sort();
    urls.push(...names.map((name) => new URL(name, base)));
  }
  const hash = createHash("sha256");
  for (const url of urls) hash.update(await readFile(url));
  return hash.digest("hex").slice(0, 16);
}
