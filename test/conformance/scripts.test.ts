/**
 * The scripted host keeps to the rules of the corpus about positions and defaults.
 */
import { expect, it } from "vitest";
import { WorkerNames } from "./recorder.ts";
import { outcomeOf, Positions } from "./scripts.ts";
import { SentBefore } from "./sent.ts";

const take = (n: number, next: () => unknown): unknown[] => Array.from({ length: n }, next);

it("repeats the last element, each entity with its own position", () => {
  const positions = new Positions({ m: { "1": [true, null], "*": [false, "x"] } });
  expect(take(3, () => positions.next("m", "1"))).toEqual([true, null, null]);
  expect(take(2, () => positions.next("m", "2"))).toEqual([false, "x"]);
  expect(positions.next("m", "3")).toBe(false);
  expect(positions.next("other", "1")).toBeUndefined();
});

it("ends a messenger's script with the default, and asks the calls' script first", () => {
  const positions = new Positions({ m: { w1: [1] }, n: { "@call": ["raise", "ok"], w1: 7 } });
  expect(take(2, () => positions.next("m", "w1", true))).toEqual([1, undefined]);
  expect(take(3, () => positions.pick("n", "w1"))).toEqual(["raise", "ok", "ok"]);
});

it("gives every element the same form", () => {
  expect(outcomeOf(undefined)).toMatchObject({ ret: true, msg: "ok", isObject: false });
  expect(outcomeOf(null)).toMatchObject({ ret: null, msg: "later" });
  expect(outcomeOf("odd")).toMatchObject({ ret: "odd", msg: "other" });
  expect(outcomeOf({ msg: "no space", ret: false })).toMatchObject({ ret: false, msg: "no space", isObject: true });
});

it("names workers by the order of their making, whatever their ids", () => {
  const names = new WorkerNames();
  names.made("Q1", [1]);
  names.made("Q2", []);
  names.made("Q1", [1]);
  expect(names.nameOf(9, "Q2", [])).toBe("w2");
  expect(names.nameOf(5, "Q1", [1])).toBe("w1");
  expect(names.nameOf(6, "Q1", [1])).toBe("w3");
  expect(names.nameOf(5, "Q1", [1, 2])).toBe("w1");
  expect(names.inText("lost workerID=9 and workerID=6")).toBe("lost workerID=w2 and workerID=w3");
  expect(names.idOf("w1")).toBe(5);
});

it("records of an update what changed, null for what is no longer sent", () => {
  const sent = new SentBefore();
  expect(sent.changes("1", { status: "a", sub: "s", nCore: 1 })).toEqual({ status: "a", sub: "s", nCore: 1 });
  expect(sent.changes("1", { status: "a", sub: "s", nCore: 1 })).toEqual({ status: "a", sub: "s" });
  expect(sent.changes("1", { status: "b", sub: "s" })).toEqual({ status: "b", sub: "s", nCore: null });
});
