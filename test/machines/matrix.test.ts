/**
 * Every state answers every event: the tables of all machines, kept as files that are reviewed (`npx vitest run -u`
 * writes them anew), and what must hold in each of them.
 */
import { describe, expect, it } from "vitest";
import { tableOf } from "../../src/projection.ts";
import { matrixOf } from "./matrix.ts";

describe.each(["job", "fileGroup", "worker", "queue", "call"] as const)("machine %s", (kind) => {
  const table = tableOf(kind);
  const states = table.explore();
  const { machine } = table;

  it("answers every event in every state as reviewed", async () => {
    await expect(matrixOf(table)).toMatchFileSnapshot(`./matrix/${kind}.txt`);
  });

  it("says of every state how one gets in and out", () => {
    const lives = Object.values(machine.root.states).flatMap((node) => [node, ...Object.values(node.states)]);
    const leaves = lives.filter((node) => node.type === "atomic" || node.type === "final");
    expect(leaves.length).toBeGreaterThanOrEqual(3);
    expect(leaves.filter(({ description }) => (description ?? "").length < 10).map(({ id }) => id)).toEqual([]);
  });

  it("reaches every state that it defines", () => {
    for (const [name, region] of Object.entries(machine.states)) {
      const reached = states.flatMap(({ life, regions }) => [life, regions[name]]);
      const defined = region.type === "compound" ? Object.keys(region.states) : [name];
      expect(defined.filter((state) => !reached.includes(state))).toEqual([]);
    }
  });

  it("knows nothing more in a final state, and ends nowhere else", () => {
    const types = table.eventTypes();
    const isEnd = (key: string) => types.every((type) => !table.next(table.stateOf(key), type));
    for (const state of states) expect([state.key, isEnd(state.key)]).toEqual([state.key, state.final]);
    expect(states.some(({ final }) => final)).toBe(kind !== "queue");
  });

  it("leads from every state to an end", () => {
    const ends = new Set(states.filter(({ final, life }) => final || life === "retired").map(({ key }) => key));
    const types = table.eventTypes();
    for (let grown = true; grown; ) {
      const more = states.filter(
        (state) => !ends.has(state.key) && types.some((type) => ends.has(table.next(state, type)?.key ?? "")),
      );
      for (const { key } of more) ends.add(key);
      grown = more.length > 0;
    }
    expect(states.filter(({ key }) => !ends.has(key)).map(({ key }) => key)).toEqual([]);
  });

  it("has only tags that ask for something to be done", () => {
    for (const { tags, final } of states) {
      for (const tag of tags) expect(tag).toMatch(/^due:[a-z][A-Za-z]*$/);
      if (final) expect([...tags].filter((tag) => tag !== "due:report" && tag !== "due:kill")).toEqual([]);
    }
  });
});
