/**
 * What a function of the stand-in's API is: its place, who may call it, its arguments, and the envelope it answers.
 * Topic files (jobs, workers, commands ...) export lists of operations; the transport alone calls them.
 * No behaviour of a single function belongs here.
 */
import type { Caller } from "./caller.ts";
import type { PythonValue } from "./pythonJson.ts";
import type { Store } from "./store.ts";

/** The answer of a function that was reached (panda-api 2): always these three keys, in this order. */
export type Envelope = { readonly success: boolean; readonly message: string; readonly data: PythonValue };

/** A Python type as refusals name it; `number` is a union whose check itself breaks on a wrong type (panda-api 4.2). */
export type ParameterType = "str" | "int" | "bool" | "dict" | "list" | "number" | "any" | "FileStorage";

/** One argument. Without `default` it is required; null is accepted only where null is the default (panda-api 2). */
export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly default?: PythonValue;
  /** Of a list: what every element must be. Absent: the elements are not looked at. */
  readonly elements?: "int" | "str";
}

/** A file of a multipart body. */
export class UploadedFile {
  readonly name: string;
  readonly content: Uint8Array;
  /** Length of the whole request, by which the server judges the size. */
  readonly requestBytes: number;
  constructor(name: string, content: Uint8Array, requestBytes: number) {
    this.name = name;
    this.content = content;
    this.requestBytes = requestBytes;
  }
}

/** A value as it was sent. */
export type Given = PythonValue | UploadedFile;

export type Arguments = ReadonlyMap<string, Given>;

/** All that a function may look at while it runs. */
export interface Call {
  readonly store: Store;
  readonly caller: Caller;
  /** Epoch ms. */
  readonly now: number;
  /** Time from a final report to the last state (panda-api 4.4). */
  readonly adderDelayMs: number;
  /** Where uploads are kept, and the URL under which they can be read again. */
  readonly cache: { readonly folder: string; readonly url: string };
}

export interface Operation {
  /** `<module>/<function>`, the end of the path. */
  readonly name: string;
  readonly verb: "GET" | "POST";
  readonly auth: "open" | "secure" | "production";
  readonly parameters: readonly Parameter[];
  run(call: Call, args: Arguments): Envelope;
}

/** An exception inside the server: its text is the body of an HTTP 500, or part of a bulk call's message. */
export class PythonException extends Error {
  readonly type: string;
  constructor(type: string, text: string) {
    super(text);
    this.type = type;
  }
}

export function succeeded(data: PythonValue = null, message = ""): Envelope {
  return { success: true, message, data };
}

export function refused(message: string, data: PythonValue = null): Envelope {
  return { success: false, message, data };
}

/** The refusal that stands for nearly every trouble below a function (panda-api 2.1). */
export const DATABASE_ERROR: Envelope = refused("database error in the PanDA server");

export function required(name: string, type: ParameterType, elements?: "int" | "str"): Parameter {
  return elements === undefined ? { name, type } : { name, type, elements };
}

export function optional(name: string, type: ParameterType, byDefault: PythonValue = null): Parameter {
  return { name, type, default: byDefault };
}
