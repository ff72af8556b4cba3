/**
 * Positions as text: every one comes back as it was, and what was cut, mistyped or made up is refused in words.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readFrom } from "../../src/publish/from.ts";
import { decodePosition, encodePosition, PositionRefused, wholeRecord } from "../../src/publish/position.ts";
import { isAfter, type Point } from "../../src/steps.ts";

const seq = fc.integer({ min: 1, max: 2 ** 50 });
const partial = fc.record({ seq, index: fc.nat(), step: fc.nat() }, { noNullPrototype: true });
const points = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1000 }), fc.oneof(seq.map(wholeRecord), partial)), { maxLength: 40 })
  .map((entries) => new Map<number, Point>(entries));

describe("a position", () => {
  it("comes back as it was, whatever the order of its shards", () => {
    fc.assert(
      fc.property(points, (places) => {
        const text = encodePosition(places);
        expect(text).toMatch(/^w1\.[\w-]+$/);
        const back = decodePosition(text);
        expect(back).toEqual(places);
        expect(encodePosition(new Map([...places].reverse()))).toBe(text);
      }),
    );
  });

  it("takes about four characters a shard", () => {
    const places = new Map(Array.from({ length: 32 }, (_, shard) => [shard, wholeRecord(100_000 + shard)] as const));
    expect(encodePosition(places).length).toBeLessThan(200);
  });

  it("is refused when it was cut or a letter of it changed", () => {
    const text = encodePosition(
      new Map([
        [1, wholeRecord(77)],
        [7, { seq: 3000, index: 2, step: 1 }],
      ]),
    );
    const letters = fc.constantFrom(..."ABCxyz019-_");
    fc.assert(
      fc.property(fc.integer({ min: 3, max: text.length - 1 }), letters, (at, letter) => {
        expect(() => decodePosition(text.slice(0, at))).toThrow(PositionRefused);
        fc.pre(text[at] !== letter);
        const changed = text.slice(0, at) + letter + text.slice(at + 1);
        expect(() => decodePosition(changed)).toThrow(/cut or mistyped/);
      }),
    );
    expect(() => decodePosition("")).toThrow(/begins with w1\./);
    expect(() => decodePosition("w2.AAAA")).toThrow(/"w2\.AAAA" is no stream position/);
  });

  it("has an order in each shard", () => {
    const inside = { seq: 5, index: 1, step: 0 };
    expect(isAfter(inside, undefined)).toBe(true);
    expect(isAfter(inside, wholeRecord(4))).toBe(true);
    expect(isAfter(inside, wholeRecord(5))).toBe(false);
    expect(isAfter(wholeRecord(5), inside)).toBe(true);
    expect(isAfter({ seq: 5, index: 1, step: 1 }, inside)).toBe(true);
    expect(isAfter({ seq: 5, index: 0, step: 9 }, inside)).toBe(false);
    expect(isAfter(inside, inside)).toBe(false);
  });
});

describe("where a subscriber begins", () => {
  const noon = Date.UTC(2026, 0, 31, 12);

  it.each([
    ["start", { kind: "start" }],
    ["now", { kind: "now" }],
    ["2026-01-31T12:00:00Z", { kind: "time", at: noon }],
    ["2026-01-31 12:00:00", { kind: "time", at: noon }],
    ["2026-01-31T12:00:00.500", { kind: "time", at: noon + 500 }],
    ["2026-01-31T13:00:00+01:00", { kind: "time", at: noon }],
    ["2026-01-31", { kind: "time", at: Date.UTC(2026, 0, 31) }],
    [encodePosition(new Map([[1, wholeRecord(7)]])), { kind: "position", points: new Map([[1, wholeRecord(7)]]) }],
  ])("may be %s", (text, from) => {
    expect(readFrom(text)).toEqual(from);
  });

  it.each(["", "yesterday", "2026-13-01", "5", "1/2/3/4", "w1."])("may not be %j", (text) => {
    expect(() => readFrom(text)).toThrow(PositionRefused);
  });
});
