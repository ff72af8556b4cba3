/** What is simulated: bad weather over four kinds of queue. */

import { jobsPerWorker, type Plan } from "./simulate.ts";
import type { Weather } from "./site.ts";

const storm: Weather = {
  later: 0.1,
  fatal: 0.01,
  throws: 0.02,
  nonsense: 0.01,
  silence: 0.01,
  kills: 0.01,
  again: 0.02,
  slowest: 20,
};

const queues = {
  ONE: { mapType: "OneToOne", ddmEndpointIn: "E" },
  MANY: { mapType: "ManyToOne", ddmEndpointIn: "E", maker: { nJobsPerWorker: jobsPerWorker } },
  SPLIT: { mapType: "OneToMany", maker: { nWorkersPerJob: 3 } },
  BLIND: { mapType: "OneToOne", blind: true },
};

/** The plan of a seed. */
export const planOf = (seed: number): Plan => ({
  seed,
  weather: storm,
  queues,
  jobs: 8,
  crashes: 4,
  stormHours: 1,
  hours: 9,
});
