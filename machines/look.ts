/**
 * A look: when an activity on an entity was last tried and how it went. The scheduler makes the due time of it together
 * with the configuration, so no due time is ever stored (lifecycle 0.3).
 */

/**
 * `now`: due at once; `interval`: due after the activity's own interval; `trouble`: due after its lockInterval, because
 * the last try brought no answer. `at` is the epoch ms of the last try, null where there was none.
 */
export interface Look {
  readonly at: number | null;
  readonly how: "now" | "interval" | "trouble";
}

/** One for all: an entity has several of them for most of its life. */
const never: Look = { at: null, how: "now" };
/** Never tried: due at once, before everything that was tried. */
export const untried = (): Look => never;
/** Due at once, behind what was never tried. */
export const soon = (at: number): Look => ({ at, how: "now" });
/** Tried at `at`; next after the activity's interval. */
export const tried = (at: number): Look => ({ at, how: "interval" });
/** Tried at `at` without an answer; next after the activity's lockInterval. */
export const troubled = (at: number): Look => ({ at, how: "trouble" });
