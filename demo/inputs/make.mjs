/**
 * Makes the input files of the demo: invented readings of particle collisions, the same bytes on every run (a generator
 * with a fixed seed, no clock, no chance). Run `node demo/inputs/make.mjs` to make them again beside this script.
 */
import { writeFileSync } from "node:fs";

/** Numbers in [0, 1) from a seed (mulberry32). */
function numbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** One number around `mean`, after Box and Muller. */
const around = (next, mean, width) =>
  mean + width * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());

const channels = ["mumu", "ee", "gammagamma"];

for (let run = 1; run <= 12; run += 1) {
  const next = numbers(20_260_000 + run);
  const rows = 120 + run * 70;
  const lines = ["event,channel,mass_gev,pt_gev,eta,phi"];
  for (let event = 1; event <= rows; event += 1) {
    const channel = channels[Math.floor(next() * channels.length)];
    // A falling background, with a narrow peak on top of it: near 91 for pairs of leptons, near 125 for photons.
    const peak = next() < 0.3;
    const centre = channel === "gammagamma" ? 125.2 : 91.2;
    const mass = peak ? around(next, centre, 2.4) : 40 - 60 * Math.log(1 - next() * 0.96);
    const values = [mass, -22 * Math.log(1 - next()), around(next, 0, 1.3), (next() * 2 - 1) * Math.PI];
    lines.push([event, channel, ...values.map((value) => value.toFixed(3))].join(","));
  }
  writeFileSync(new URL(`collisions.${String(run).padStart(3, "0")}.csv`, import.meta.url), `${lines.join("\n")}\n`);
}
