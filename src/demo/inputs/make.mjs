/** Makes the readings of this folder: collisions of a made-up detector, always the same. `node make.mjs` writes them. */
import { writeFileSync } from "node:fs";

let state = 20260101;
const random = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 32;
};

for (let run = 1; run <= 12; run += 1) {
  const lines = ["event,energy_gev,px,py"];
  const events = 200 + Math.floor(random() * 300);
  for (let event = 1; event <= events; event += 1) {
    const energy = 91.2 + 12 * (random() + random() + random() - 1.5) + (random() < 0.08 ? 33 : 0);
    const angle = 2 * Math.PI * random();
    const transverse = energy * 0.4 * random();
    lines.push(
      [event, energy.toFixed(3), (transverse * Math.cos(angle)).toFixed(3), (transverse * Math.sin(angle)).toFixed(3)].join(),
    );
  }
  writeFileSync(new URL(`readings.${String(run).padStart(2, "0")}.csv`, import.meta.url), `${lines.join("\n")}\n`);
}
