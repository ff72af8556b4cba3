/**
 * CRC-32C (Castagnoli), which guards Kafka's record batches, eight bytes a step: byte by byte it would cost as much as
 * all the rest of writing a message. Node's own crc32 is of another polynomial.
 */
const polynomial = 0x82f63b78;

/** Eight tables of 256: what a byte does to the sum with so many bytes behind it. */
const table = new Int32Array(8 << 8);
for (let byte = 0; byte < 256; byte += 1) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
  table[byte] = crc;
}
for (let at = 256; at < table.length; at += 1) {
  const before = of(at - 256);
  table[at] = (before >>> 8) ^ of(before & 0xff);
}

function of(at: number): number {
  return table[at] ?? 0;
}

/** Sum of the bytes from one place up to another, as an unsigned number. */
export function crc32c(bytes: Buffer, from: number, to: number): number {
  let crc = -1;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    const low = crc ^ bytes.readInt32LE(at);
    const high = bytes.readInt32LE(at + 4);
    crc =
      of(0x700 | (low & 0xff)) ^
      of(0x600 | ((low >>> 8) & 0xff)) ^
      of(0x500 | ((low >>> 16) & 0xff)) ^
      of(0x400 | (low >>> 24)) ^
      of(0x300 | (high & 0xff)) ^
      of(0x200 | ((high >>> 8) & 0xff)) ^
      of(0x100 | ((high >>> 16) & 0xff)) ^
      of(high >>> 24);
  }
  for (; at < to; at += 1) crc = of((crc ^ (bytes[at] ?? 0)) & 0xff) ^ (crc >>> 8);
  return ~crc >>> 0;
}
