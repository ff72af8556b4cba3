/**
 * Reads TypeScript as plain text for the tidy rules: which part of a file is code, comment or string, what it imports,
 * where its functions begin and end. TypeScript 7 has no compiler API for JavaScript, and rules this simple need no
 * parser. It must never change a file, and never decide what is allowed.
 */

/** One file, with the same text thrice: as it is, with only the code left, with only the comments left. */
export interface Source {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly text: string;
  /** Comments and contents of strings are blanks; every offset and line is that of `text`. */
  readonly code: string;
  readonly comments: string;
}

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Vanishes when types are stripped. */
  readonly typeOnly: boolean;
}

export interface FunctionSpan {
  readonly line: number;
  readonly lines: number;
}

const blank = (text: string): string => text.replace(/[^\n]/g, " ");

/** Length of the string, comment or regular expression that begins at `at`; 0 where none does. */
function lengthOfSpan(text: string, at: number, before: string): number {
  const rest = text.slice(at, at + 2);
  if (rest === "//") return (text.indexOf("\n", at) + 1 || text.length + 1) - 1 - at;
  if (rest === "/*") return (text.indexOf("*/", at + 2) + 2 || text.length + 2) - at;
  const quote = text[at];
  if (quote === '"' || quote === "'") return endOf(text, at, quote) - at;
  if (quote === "/" && /(^|[(,=:[!&|?{};+]|\b(return|yield|of|in))\s*$/.test(before)) return endOf(text, at, "/") - at;
  return 0;
}

/** Offset behind the closing mark of a literal on one line. */
function endOf(text: string, at: number, mark: string): number {
  let inClass = false;
  for (let i = at + 1; i < text.length; i++) {
    const c = text[i];
    if (c === "\\") i++;
    else if (c === "\n") return i;
    else if (mark === "/" && c === "[") inClass = true;
    else if (c === "]") inClass = false;
    else if (c === mark && !inClass) return i + 1;
  }
  return text.length;
}

/** Tells code from strings and comments. */
export function read(path: string, text: string): Source {
  const start = text.startsWith("#!") ? text.indexOf("\n") : 0;
  const code = [blank(text.slice(0, start))];
  const comments = [blank(text.slice(0, start))];
  // Depth of braces at which each open template literal goes on after its `${`.
  const templates: number[] = [];
  let depth = 0;
  // Offset behind the last code that is not white space: what stands there says whether a slash divides.
  let last = 0;
  for (let i = start; i < text.length; ) {
    const c = text[i]!;
    const isTemplate = c === "`" || (c === "}" && templates.at(-1) === depth);
    const span = isTemplate
      ? endOfTemplate(text, i + 1) - i
      : lengthOfSpan(text, i, text.slice(Math.max(0, last - 8), last));
    const piece = text.slice(i, i + Math.max(span, 1));
    i += piece.length;
    const isComment = !isTemplate && (piece.startsWith("//") || piece.startsWith("/*"));
    comments.push(isComment ? piece : blank(piece));
    if (isTemplate && c === "}") templates.pop();
    if (isTemplate && piece.endsWith("${")) templates.push(depth);
    if (span === 0 && c === "{") depth++;
    if (span === 0 && c === "}") depth--;
    if (isComment || isTemplate) code.push(blank(piece));
    else code.push(span === 0 ? piece : `${c}${blank(piece.slice(1, -1))}${piece.at(-1)}`);
    if (!isComment && piece.trim() !== "") last = i;
  }
  return { path, text, code: code.join(""), comments: comments.join("") };
}

/** Offset behind a template's closing mark, or behind its next `${`. */
function endOfTemplate(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === "`") return i + 1;
    else if (text[i] === "$" && text[i + 1] === "{") return i + 2;
  }
  return text.length;
}

/** 1-based line of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

const importing = /\b(?:import|export)\b(?:\s+(type)\b)?([\w\s{},*$]*?)\bfrom\s*["']|\bimport\s*\(?\s*["']/g;

/** What a file imports or passes on, in order. An `import()` of something computed cannot be seen. */
export function importsOf({ text, code }: Source): readonly Import[] {
  return [...code.matchAll(importing)].map((match) => {
    const open = match.index + match[0].length;
    const specifier = text.slice(open, endOf(text, open - 1, text[open - 1]!) - 1);
    const names = /\{([^}]*)\}/.exec(match[2] ?? "")?.[1]?.split(",") ?? [];
    const given = names.map((name) => name.trim()).filter((name) => name !== "");
    const allTypes =
      given.length > 0 && given.every((name) => name.startsWith("type ")) && !/\w\s*,?\s*\{/.test(match[2]!);
    return { specifier, line: lineAt(text, open), typeOnly: match[1] !== undefined || allTypes };
  });
}

/** Names that a file exports by a declaration. */
export function exportsOf({ code }: Source): readonly { name: string; offset: number }[] {
  const declaring = /^export\s+(?:default\s+)?(?:async\s+)?(?:function\*?|const|let|class|interface|type)\s+(\w+)/gm;
  return [...code.matchAll(declaring)].map((match) => ({ name: match[1]!, offset: match.index }));
}

/** Offset behind the bracket that closes the one at `open`. */
function closing(code: string, open: number): number {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if ("([{".includes(code[i]!)) depth++;
    else if (")]}".includes(code[i]!) && --depth === 0) return i + 1;
  }
  return code.length;
}

/** Offset of the brace that opens the body after a parameter list; -1 where there is none (a signature, a call). */
function bodyAfter(code: string, from: number): number {
  if (!/^\s*[:{]/.test(code.slice(from, from + 200))) return -1;
  for (let i = from; i < code.length; i++) {
    if (code[i] === ";" || code[i] === "}") return -1;
    if (code[i] === "(" || code[i] === "[") i = closing(code, i) - 1;
    if (code[i] !== "{") continue;
    if (!/([:|&<,]|=>)\s*$/.test(code.slice(Math.max(0, i - 20), i))) return i;
    i = closing(code, i) - 1;
  }
  return -1;
}

const named = /\bfunction\b\s*\*?\s*\w*\s*(?:<[^()]*>)?\s*\(/;
const method = /^ +(?:(?:async|static|get|set|override) +)*\*?#?\w+\s*(?:<[^()]*>)?\(/;
const naming = new RegExp(`${named.source}|${method.source}`, "gm");
/** What is no function: statements, and suites, which are chapters of tests like `describe`. */
const control = /^\s*(function\s+\w+Suite\b|if|for|while|switch|catch|return|await|yield|throw|super|with)\b/;

/** Functions, methods and arrow functions with a body in braces, the outer ones too. */
export function functionsOf({ code }: Source): readonly FunctionSpan[] {
  const bodies = new Map<number, number>();
  for (const match of code.matchAll(naming)) {
    if (control.test(match[0])) continue;
    const body = bodyAfter(code, closing(code, match.index + match[0].length - 1));
    if (body !== -1) bodies.set(body, match.index + match[0].search(/\S/));
  }
  for (const match of code.matchAll(/=>\s*\{/g)) {
    const before = code.slice(code.lastIndexOf("\n", match.index) + 1, match.index);
    // A `describe` groups tests: it is a chapter, not a function.
    if (!/\bdescribe\b/.test(before)) bodies.set(match.index + match[0].length - 1, match.index);
  }
  return [...bodies].map(([body, start]) => {
    const line = lineAt(code, start);
    return { line, lines: lineAt(code, closing(code, body) - 1) - line + 1 };
  });
}
