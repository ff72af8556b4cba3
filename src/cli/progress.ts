/** Progress of a long reading, in place on a terminal and nothing elsewhere. */
import { stderr } from "node:process";

/** Shows how many records are done, ten times a second at most. */
export function progressLine(): (records: number, of: number) => void {
  if (!stderr.isTTY) return () => undefined;
  let shown = 0;
  return (records, of) => {
    const now = performance.now();
    if (records < of && now - shown < 100) return;
    shown = now;
    stderr.write(records < of ? `\r${records} of ${of} records` : "\r\u001b[K");
  };
}
