/**
 * JSON as Python's `json` module reads and writes it, and Python literals, because the answers of a real PanDA server
 * are compared byte for byte and its refusals name Python types (panda-api 1 and 2).
 * It must never be used for anything that Windrow itself writes: this is the stand-in's foreign accent.
 */

/** A float whose value is whole (`5.0`), which Python refuses where an int is wanted. Other floats are JS numbers. */
export class WholeFloat {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/** What a JSON text can hold, with the one distinction of numbers that Python makes. */
export type PythonValue =
  | null
  | boolean
  | number
  | string
  | WholeFloat
  | readonly PythonValue[]
  | { readonly [key: string]: PythonValue };

export type PythonObject = { readonly [key: string]: PythonValue };

/** The text of Python's JSONDecodeError, position included. */
export class JsonDecodeError extends Error {
  constructor(message: string, text: string, position: number) {
    const before = text.slice(0, position);
    const line = before.split("\n").length;
    const column = position - before.lastIndexOf("\n");
    super(`${message}: line ${line} column ${column} (char ${position})`);
  }
}

export function isObject(value: PythonValue | undefined): value is PythonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof WholeFloat);
}

export function isList(value: PythonValue | undefined): value is readonly PythonValue[] {
  return Array.isArray(value);
}

/** `type(value).__name__` in Python. */
export function pythonTypeName(value: PythonValue): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "str";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  if (value instanceof WholeFloat) return "float";
  return isList(value) ? "list" : "dict";
}

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?/y;
const SPACE = /[ \t\n\r]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a JSON string may hold everything but control characters.
const PLAIN = /[^"\\\x00-\x1f]*/y;
const WORDS: readonly (readonly [string, PythonValue])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
];
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

class Reader {
  readonly text: string;
  at = 0;
  constructor(text: string) {
    this.text = text;
  }

  fail(message: string, position = this.at): never {
    throw new JsonDecodeError(message, this.text, position);
  }

  space(): void {
    SPACE.lastIndex = this.at;
    SPACE.exec(this.text);
    this.at = SPACE.lastIndex;
  }

  value(): PythonValue {
    const first = this.text[this.at];
    if (first === '"') return this.string();
    if (first === "{") return this.object();
    if (first === "[") return this.list();
    for (const [word, meaning] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return meaning;
      }
    }
    NUMBER.lastIndex = this.at;
    const found = NUMBER.exec(this.text);
    if (found === null) this.fail("Expecting value");
    this.at = NUMBER.lastIndex;
    const number = Number(found[0]);
    const written = found[1] !== undefined || found[2] !== undefined;
    return written && Number.isInteger(number) ? new WholeFloat(number) : number;
  }

  string(): string {
    const begin = this.at;
    let result = "";
    this.at += 1;
    for (;;) {
      PLAIN.lastIndex = this.at;
      result += PLAIN.exec(this.text)?.[0] ?? "";
      this.at = PLAIN.lastIndex;
      const character = this.text[this.at];
      if (character === undefined) this.fail("Unterminated string starting at", begin);
      this.at += 1;
      if (character === '"') return result;
      if (character < " ") this.fail("Invalid control character at", this.at - 1);
      result += this.escape();
    }
  }

  escape(): string {
    const letter = this.text[this.at] ?? "";
    if (letter === "u") {
      const digits = this.text.slice(this.at + 1, this.at + 5);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.fail("Invalid \\uXXXX escape", this.at);
      this.at += 5;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meaning = ESCAPES[letter];
    if (meaning === undefined) this.fail("Invalid \\escape", this.at - 1);
    this.at += 1;
    return meaning;
  }

  object(): PythonValue {
    const result: Record<string, PythonValue> = {};
    this.at += 1;
    this.space();
    if (this.text[this.at] === "}") {
      this.at += 1;
      return result;
    }
    for (;;) {
      if (this.text[this.at] !== '"') this.fail("Expecting property name enclosed in double quotes");
      const key = this.string();
      this.space();
      if (this.text[this.at] !== ":") this.fail("Expecting ':' delimiter");
      this.at += 1;
      this.space();
      // A key named __proto__ must become a plain key and not the prototype of the object.
      Object.defineProperty(result, key, { value: this.value(), enumerable: true, writable: true, configurable: true });
      this.space();
      const next = this.text[this.at];
      if (next !== "," && next !== "}") this.fail("Expecting ',' delimiter");
      this.at += 1;
      if (next === "}") return result;
      this.space();
    }
  }

  list(): PythonValue {
    const result: PythonValue[] = [];
    this.at += 1;
    this.space();
    if (this.text[this.at] === "]") {
      this.at += 1;
      return result;
    }
    for (;;) {
      result.push(this.value());
      this.space();
      const next = this.text[this.at];
      if (next !== "," && next !== "]") this.fail("Expecting ',' delimiter");
      this.at += 1;
      if (next === "]") return result;
      this.space();
    }
  }
}

/**
 * `json.loads(text)`: NaN and Infinity are taken, 5.0 stays a float.
 * @throws JsonDecodeError with Python's wording.
 */
export function loads(text: string): PythonValue {
  const reader = new Reader(text);
  reader.space();
  const value = reader.value();
  reader.space();
  if (reader.at < text.length) reader.fail("Extra data");
  return value;
}

/**
 * The object in a text.
 * @throws Error when it holds something else.
 */
export function loadsObject(text: string): PythonObject {
  const value = loads(text);
  if (!isObject(value)) throw new Error(`no object but ${pythonTypeName(value)}`);
  return value;
}

function numberText(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
  // Python writes at least two digits of an exponent.
  return String(value).replace(/e([-+])(\d)$/, "e$10$2");
}

function asciiString(value: string): string {
  const quoted = JSON.stringify(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: everything beyond printable ASCII is escaped, DEL is not.
  return quoted.replace(/[^\x00-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** `json.dumps(value)`: ASCII only, a blank after each comma and colon. */
export function dumps(value: PythonValue): string {
  if (typeof value === "number") return numberText(value);
  if (typeof value === "string") return asciiString(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (value instanceof WholeFloat) return `${numberText(value.value)}.0`;
  if (isList(value)) return `[${value.map(dumps).join(", ")}]`;
  return `{${Object.entries(value)
    .map(([key, item]) => `${asciiString(key)}: ${dumps(item)}`)
    .join(", ")}}`;
}

function literalString(value: string): string {
  const quote = value.includes("'") && !value.includes('"') ? '"' : "'";
  const body = value
    .replaceAll("\\", "\\\\")
    .replaceAll(quote, `\\${quote}`)
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t");
  return `${quote}${body}${quote}`;
}

/** `repr(value)`: what a caller gets who did not ask for JSON (panda-api 1). */
export function literal(value: PythonValue): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return literalString(value);
  if (isList(value)) return `[${value.map(literal).join(", ")}]`;
  if (isObject(value)) {
    const items = Object.entries(value).map(([key, item]) => `${literalString(key)}: ${literal(item)}`);
    return `{${items.join(", ")}}`;
  }
  return dumps(value).replace("NaN", "nan").replace("Infinity", "inf");
}
