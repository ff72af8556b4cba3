/**
 * Chance as an input (design 1): a number drawn from a text, the same on every replay. Pure; not for secrets.
 */

/** A number in [0, 1) made of the text by FNV-1a with a final mix. */
export function chanceOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 2 ** 32;
}
