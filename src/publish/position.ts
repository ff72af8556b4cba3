/**
 * How far a subscriber has come: one place a shard, as a short text that means nothing to anybody else. A position that
 * was cut, mistyped or made for another log must never be read as another position, so it carries its own checksum.
 */
import { crc32 } from "node:zlib";
import type { Point } from "../steps.ts";

/** Shard -> place; a shard that is missing has not been read at all. */
export type Points = ReadonlyMap<number, Point>;

/** A position that cannot be used, and what to do instead. */
export class PositionRefused extends Error {
  override readonly name = "PositionRefused";
}

/** Behind every step of a record. */
export const wholeRecord = (seq: number): Point => ({ seq, index: Number.POSITIVE_INFINITY, step: 0 });

const zero = "0".charCodeAt(0);

/** Shard and place of a step's position, `shard/seq/index/step`. */
export function placeOf(position: string): { readonly shard: number; readonly point: Point } {
  let at = 0;
  // Each step passes here several times, so nothing is made on the way.
  const next = (): number => {
    let number = 0;
    for (; at < position.length; at += 1) {
      const digit = position.charCodeAt(at) - zero;
      if (digit < 0) break;
      number = 10 * number + digit;
    }
    at += 1;
    return number;
  };
  return { shard: next(), point: { seq: next(), index: next(), step: next() } };
}

/** First letters of every position: a time never begins so, and another format will have another number. */
const mark = "w1.";

/** The position as text: letters, digits, `-`, `_` and one dot, about four characters a shard. */
export function encodePosition(points: Points): string {
  const numbers: number[] = [];
  let last = -1;
  for (const [shard, { seq, index, step }] of [...points].sort(([a], [b]) => a - b)) {
    numbers.push(shard - last - 1);
    if (Number.isFinite(index)) numbers.push(seq * 2 + 1, index, step);
    else numbers.push(seq * 2);
    last = shard;
  }
  const body = Buffer.from(numbers.flatMap(digitsOf));
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return mark + Buffer.concat([sum, body]).toString("base64url");
}

/** What `encodePosition` made. @throws PositionRefused */
export function decodePosition(text: string): Map<number, Point> {
  if (!text.startsWith(mark)) throw refused(text, `a position begins with ${mark}`);
  const bytes = Buffer.from(text.slice(mark.length), "base64url");
  const body = bytes.subarray(4);
  if (bytes.length < 4 || bytes.readUInt32BE() !== crc32(body) || mark + bytes.toString("base64url") !== text) {
    throw refused(text, "it was cut or mistyped");
  }
  const numbers = numbersIn(body);
  const take = (): number => {
    const number = numbers.shift();
    if (number === undefined) throw refused(text, "it ends too early");
    return number;
  };
  const points = new Map<number, Point>();
  let shard = -1;
  while (numbers.length > 0) {
    shard += take() + 1;
    const seq = take();
    points.set(shard, seq % 2 === 0 ? wholeRecord(seq / 2) : { seq: (seq - 1) / 2, index: take(), step: take() });
  }
  return points;
}

const refused = (text: string, why: string): PositionRefused => {
  const shown = text.length > 40 ? `${text.slice(0, 37)}...` : text;
  return new PositionRefused(`${JSON.stringify(shown)} is no stream position: ${why}. Give it as it was received.`);
};

/** Seven bits a byte, the lowest first; all but the last have the eighth. */
function digitsOf(number: number): number[] {
  const digits: number[] = [];
  let rest = number;
  for (; rest >= 128; rest = Math.floor(rest / 128)) digits.push((rest % 128) + 128);
  digits.push(rest);
  return digits;
}

function numbersIn(bytes: Uint8Array): number[] {
  const numbers: number[] = [];
  let number = 0;
  let unit = 1;
  for (const byte of bytes) {
    number += (byte % 128) * unit;
    unit *= 128;
    if (byte >= 128) continue;
    numbers.push(number);
    number = 0;
    unit = 1;
  }
  return numbers;
}
