/**
 * Breaks comments that are wider than a line may be: the formatter leaves comments alone, and nobody wants to count.
 * Part of `npm run format`. It changes no word and no code, and refuses a file where it would.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { read, type Source } from "./source.ts";

const maxWidth = 120;

/** A line of a comment: what it begins with, and how far its text is indented as a list item. */
const line = /^(\s*(?:\*|\/\/) )(\s*- |\s*)(?=\S)/;

/** Moves the end of a wide comment line to the next line, or to one of its own. */
function broken(source: Source): string[] {
  const out = source.text.split("\n");
  // Lines that hold a comment and nothing else; a text that looks like one must stay as it is.
  const code = source.code.split("\n");
  const comments = source.comments.split("\n");
  const isComment = out.map((_, i) => code[i]!.trim() === "" && comments[i]!.trim() !== "");
  for (let i = 0; i < out.length; i++) {
    const text = out[i]!;
    if (text.length <= maxWidth || !isComment[i]) continue;
    const whole = /^(\s*)\/\*\* (.*) \*\/$/.exec(text);
    if (whole) {
      isComment.splice(i, 1, true, true, true);
      out.splice(i, 1, `${whole[1]}/**`, `${whole[1]} * ${whole[2]}`, `${whole[1]} */`);
      continue;
    }
    const begin = line.exec(text);
    const cut = text.lastIndexOf(" ", maxWidth);
    if (!begin || cut < begin[0].length + 20) continue;
    const indent = begin[1]! + " ".repeat(begin[2]!.length);
    const next = out[i + 1] ?? "";
    const goesOn =
      isComment[i + 1] &&
      next.startsWith(indent) &&
      /^[^\s\-@*]/.test(next.slice(indent.length)) &&
      !next.endsWith("*/");
    const moved = indent + text.slice(cut + 1);
    isComment.splice(i, goesOn ? 2 : 1, true, true);
    out.splice(i, goesOn ? 2 : 1, text.slice(0, cut), goesOn ? `${moved} ${next.slice(indent.length)}` : moved);
  }
  return out;
}

const meaning = (text: string): string => {
  const { code, comments } = read("", text);
  return `${code.replace(/\s+/g, "")}\n${comments.replace(/[\s*/]+/g, "")}`;
};

/** The text with its comments broken. @throws Error where that would change more than white space. */
export function rewrapped(text: string): string {
  const wrapped = broken(read("", text)).join("\n");
  if (meaning(wrapped) !== meaning(text)) throw new Error("breaking its comments would change what the file says");
  return wrapped;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, "../..");
  const listed = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.ts"], {
    cwd: root,
    encoding: "utf8",
  });
  for (const path of listed.split("\n").filter((name) => name !== "")) {
    const file = join(root, path);
    const text = readFileSync(file, "utf8");
    const wrapped = rewrapped(text);
    if (wrapped === text) continue;
    writeFileSync(file, wrapped);
    console.log(`comments broken in ${path}`);
  }
}
