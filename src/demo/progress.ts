/**
 * Shows how far the demo is: bars that move in place on a terminal, a line now and then elsewhere.
 */
import { stderr } from "node:process";
import { styleText } from "node:util";
import { queues } from "./jobs.ts";
import { type Picture, type Stage, stages } from "./view.ts";

const looks: Readonly<
  Record<
    Stage,
    { readonly mark: string; readonly colour: "gray" | "blue" | "cyan" | "yellow" | "magenta" | "green" | "red" }
  >
> = {
  waiting: { mark: "·", colour: "gray" },
  "staging in": { mark: "▁", colour: "blue" },
  submitting: { mark: "▂", colour: "cyan" },
  running: { mark: "▅", colour: "yellow" },
  "staging out": { mark: "▆", colour: "magenta" },
  finished: { mark: "█", colour: "green" },
  failed: { mark: "█", colour: "red" },
};
/** Left to right: what is done first. */
const barOrder: readonly Stage[] = [
  "finished",
  "failed",
  "staging out",
  "running",
  "submitting",
  "staging in",
  "waiting",
];

const paint = (colour: (typeof looks)[Stage]["colour"], text: string): string =>
  styleText(colour, text, { stream: stderr });

/** Shows pictures one after the other. */
export class Progress {
  #lines = 0;
  #lastLine = "";
  #lastAt = Number.NEGATIVE_INFINITY;

  /** `seconds` since the demo began. */
  show(picture: Picture, seconds: number): void {
    if (stderr.isTTY) this.#redraw(picture, seconds);
    else this.#line(picture, seconds);
  }

  #redraw(picture: Picture, seconds: number): void {
    const rows = queues.map((queue) => `${queue.padEnd(11)} ${bar(picture[queue])}`);
    const [first = "", ...others] = legend(stderr.columns - indent.length);
    const clock = `${seconds.toFixed(0).padStart(3)} s`.padEnd(indent.length);
    const lines = [clock + first, ...others.map((line) => indent + line), ...rows];
    const up = this.#lines > 0 ? `\u001b[${this.#lines}A` : "";
    stderr.write(up + lines.map((line) => `${line}\u001b[K\n`).join(""));
    this.#lines = lines.length;
  }

  #line(picture: Picture, seconds: number): void {
    const text = queues
      .map((queue) => {
        const counts = stages.flatMap((stage) =>
          picture[queue][stage] > 0 ? [`${picture[queue][stage]} ${stage}`] : [],
        );
        return `${queue}: ${counts.join(", ")}`;
      })
      .join("; ");
    if (text === this.#lastLine || seconds - this.#lastAt < 2) return;
    this.#lastLine = text;
    this.#lastAt = seconds;
    stderr.write(`${seconds.toFixed(0).padStart(3)} s  ${text}\n`);
  }
}

const indent = " ".repeat("999 s  ".length);

/** What the marks mean, in lines of at most so many columns: a line that breaks cannot be drawn over. */
function legend(width: number): string[] {
  const lines: { text: string; columns: number }[] = [];
  for (const stage of stages) {
    const columns = looks[stage].mark.length + 1 + stage.length;
    const text = `${paint(looks[stage].colour, looks[stage].mark)} ${stage}`;
    const line = lines.at(-1);
    if (line && line.columns + 2 + columns <= width) {
      line.text += `  ${text}`;
      line.columns += 2 + columns;
    } else lines.push({ text, columns });
  }
  return lines.map(({ text }) => text);
}

function bar(counts: Picture[keyof Picture]): string {
  const marks = barOrder.map((stage) => paint(looks[stage].colour, looks[stage].mark.repeat(counts[stage]))).join("");
  const done = counts.finished + counts.failed;
  const all = stages.reduce((sum, stage) => sum + counts[stage], 0);
  return `${marks} ${done}/${all}`;
}
