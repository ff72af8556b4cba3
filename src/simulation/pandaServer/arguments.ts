/**
 * Binds what a caller sent to the parameters of a function as Python's `signature.bind` does, then checks or casts the
 * types, with the server's wording (panda-api 2). Values inside lists and objects are never looked at here.
 */
import {
  type Arguments,
  type Envelope,
  type Given,
  type Operation,
  type Parameter,
  PythonException,
  refused,
  UploadedFile,
} from "./operation.ts";
import { isList, isObject, literal, type PythonObject, type PythonValue, pythonTypeName } from "./pythonJson.ts";

const PYTHON_FLOAT = /^\s*[-+]?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$/;

function castInteger(text: Given): number | undefined {
  if (typeof text !== "string" || !PYTHON_FLOAT.test(text)) return undefined;
  return Math.trunc(Number(text.replaceAll("_", "")));
}

/** A GET value becomes what the parameter declares: through float and cut for numbers. Undefined: not convertible. */
function castQueryValue(parameter: Parameter, value: PythonValue): PythonValue | undefined {
  if (value === "None" && parameter.default === null) return null;
  switch (parameter.type) {
    case "int":
    case "number":
      return castInteger(value);
    case "bool":
      return typeof value === "string" ? ["true", "1"].includes(value.toLowerCase()) : undefined;
    case "list": {
      const cast = (isList(value) ? value : [value]).map(castInteger);
      return cast.every((item) => item !== undefined) ? cast : undefined;
    }
    default:
      return value;
  }
}

function castRefusal(parameter: Parameter, value: PythonValue): Envelope {
  const isListParameter = parameter.type === "list";
  const shown = isListParameter ? literal(isList(value) ? value : [value]) : isList(value) ? literal(value) : value;
  const from = isListParameter || isList(value) ? "list" : pythonTypeName(value);
  const to = isListParameter ? "List" : parameter.type;
  return refused(
    `Type error: '${parameter.name}' with value '${shown}' could not be casted to type ${to} from ${from}.`,
  );
}

const typeName = (value: Given): string => (value instanceof UploadedFile ? "FileStorage" : pythonTypeName(value));

function hasType(parameter: Parameter, value: Given): boolean {
  const actual = typeName(value);
  switch (parameter.type) {
    case "any":
      return true;
    case "int":
      return actual === "int" || actual === "bool";
    case "number":
      if (["int", "float", "bool"].includes(actual)) return true;
      // The server builds its refusal from the name of a union type, which has none.
      throw new PythonException("AttributeError", "'types.UnionType' object has no attribute '__name__'");
    default:
      return actual === parameter.type;
  }
}

/** One value that was sent: cast when it comes from a query, else only looked at. */
function admit(parameter: Parameter, value: Given, fromQuery: boolean): { value: Given } | { refusal: Envelope } {
  const { name, type, elements } = parameter;
  if (value === null && parameter.default === null) return { value };
  if (fromQuery && !(value instanceof UploadedFile)) {
    const cast = castQueryValue(parameter, value);
    return cast === undefined ? { refusal: castRefusal(parameter, value) } : { value: cast };
  }
  if (!hasType(parameter, value)) {
    return { refusal: refused(`Type error: '${name}' must be of type ${type}, got ${typeName(value)}.`) };
  }
  const wrong = (item: PythonValue): boolean =>
    pythonTypeName(item) !== elements && !(elements === "int" && typeof item === "boolean");
  if (elements !== undefined && Array.isArray(value) && value.some(wrong)) {
    return { refusal: refused(`Type error: All elements in '${name}' must be ${elements}.`) };
  }
  return { value };
}

/**
 * Names first, then types, each in the order of the parameters.
 * @param given what was sent: values of a query are texts or lists of texts and are cast when `fromQuery`.
 * @returns the bound arguments, defaults filled in, or the refusal.
 * @throws PythonException where a `number` has a wrong type (panda-api 4.2).
 */
export function bind(
  operation: Pick<Operation, "parameters">,
  given: { readonly [name: string]: Given },
  fromQuery: boolean,
): { readonly args: Arguments } | { readonly refusal: Envelope } {
  const known = new Set(operation.parameters.map((parameter) => parameter.name));
  for (const { name, default: byDefault } of operation.parameters) {
    if (byDefault === undefined && !Object.hasOwn(given, name)) {
      return { refusal: refused(`Argument error: missing a required argument: '${name}'`) };
    }
  }
  for (const name of Object.keys(given)) {
    if (!known.has(name)) return { refusal: refused(`Argument error: got an unexpected keyword argument '${name}'`) };
  }
  const args = new Map<string, Given>();
  for (const parameter of operation.parameters) {
    const sent = Object.hasOwn(given, parameter.name) ? given[parameter.name] : undefined;
    if (sent === undefined) {
      if (parameter.default !== undefined) args.set(parameter.name, parameter.default);
      continue;
    }
    const admitted = admit(parameter, sent, fromQuery);
    if ("refusal" in admitted) return admitted;
    args.set(parameter.name, admitted.value);
  }
  return { args };
}

/** A bound text; a null or absent one is undefined. */
export function textOf(args: Arguments, name: string): string | undefined {
  const value = args.get(name);
  return typeof value === "string" ? value : undefined;
}

/** A bound integer; Python counts true as 1. */
export function integerOf(args: Arguments, name: string): number | undefined {
  const value = args.get(name);
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" ? value : undefined;
}

export function listOf(args: Arguments, name: string): readonly PythonValue[] {
  const value = args.get(name);
  return value instanceof UploadedFile || !isList(value) ? [] : value;
}

/** A bound file. */
export function fileOf(args: Arguments, name: string): UploadedFile | undefined {
  const value = args.get(name);
  return value instanceof UploadedFile ? value : undefined;
}

export function objectOf(args: Arguments, name: string): PythonObject | undefined {
  const value = args.get(name);
  return value instanceof UploadedFile || !isObject(value) ? undefined : value;
}

/** What PostgreSQL makes of a value put in an integer column: numbers and texts of digits, else undefined. */
export function columnInteger(value: PythonValue | undefined): number | undefined {
  const number = typeof value === "string" && /^\s*-?\d+\s*$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}
