/**
 * From a zod schema to a function that says whether a value fits as it is, without making anything: a start looks at
 * millions of events, and all but none of them are good. Where it says no, zod is asked, and zod alone says what is
 * wrong. It must never say yes where zod would say no, or would give back something else than the value.
 */
import type { z } from "zod";

/** Whether a JSON value fits; no means only that zod has to look. */
export type Fits = (value: unknown) => boolean;

/** What the schema takes, for the kinds of schema that events have; of any other kind no value fits. */
export function fitsOf(schema: z.core.$ZodType): Fits {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case "object":
      return fitsObject(def);
    case "array":
      return fitsArray(def);
    case "record":
      return fitsRecord(def);
    case "union":
      return fitsUnion(def.options.map(fitsOf));
    case "optional":
      return fitsOf(def.innerType);
    case "nullable":
      return fitsNullable(fitsOf(def.innerType));
    case "literal":
      return fitsLiteral(new Set<unknown>(def.values));
    case "enum":
      return fitsLiteral(new Set<unknown>(Object.values(def.entries)));
    case "string":
      return fitsString(def);
    case "number":
      return fitsNumber(def);
    case "boolean":
      return (value) => typeof value === "boolean";
    case "custom":
      return isPlain(def) ? (value) => def.fn(value) === true : never;
    case "unknown":
      return (value) => value !== undefined;
    default:
      return never;
  }
}

const never: Fits = () => false;

const isPlain = ({ checks }: { readonly checks?: readonly unknown[] | undefined }): boolean =>
  checks === undefined || checks.length === 0;

const isDictionary = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function fitsObject(def: z.core.$ZodObjectDef): Fits {
  if (def.catchall?._zod.def.type !== "never" || !isPlain(def)) return never;
  const fields = new Map(
    Object.entries(def.shape).map(([key, schema]) => {
      return [key, { fits: fitsOf(schema), needed: schema._zod.def.type === "optional" ? 0 : 1 }];
    }),
  );
  const needed = [...fields.values()].filter((field) => field.needed === 1).length;
  return (value) => {
    if (!isDictionary(value)) return false;
    let found = 0;
    for (const key in value) {
      const field = fields.get(key);
      if (!field?.fits(value[key])) return false;
      found += field.needed;
    }
    return found === needed;
  };
}

function fitsArray(def: z.core.$ZodArrayDef): Fits {
  const fits = fitsOf(def.element);
  return isPlain(def) ? (value) => Array.isArray(value) && value.every(fits) : never;
}

function fitsRecord(def: z.core.$ZodRecordDef): Fits {
  const fits = fitsOf(def.valueType);
  const { def: key } = (def.keyType as z.core.$ZodTypes)._zod;
  if (key.type !== "string" || !isPlain(key) || !isPlain(def)) return never;
  return (value) => {
    if (!isDictionary(value)) return false;
    for (const name in value) if (name === "__proto__" || !fits(value[name])) return false;
    return true;
  };
}

function fitsUnion(options: readonly Fits[]): Fits {
  return (value) => options.some((fits) => fits(value));
}

function fitsNullable(fits: Fits): Fits {
  return (value) => value === null || fits(value);
}

function fitsLiteral(values: ReadonlySet<unknown>): Fits {
  const [only] = values;
  return values.size === 1 ? (value) => value === only : (value) => values.has(value);
}

function fitsString(def: z.core.$ZodStringDef): Fits {
  let [least, most] = [0, Number.POSITIVE_INFINITY];
  for (const check of def.checks ?? []) {
    const { def: one } = (check as z.core.$ZodChecks)._zod;
    if (one.check === "min_length") least = one.minimum;
    else if (one.check === "length_equals") [least, most] = [one.length, one.length];
    else return never;
  }
  return (value) => typeof value === "string" && value.length >= least && value.length <= most;
}

function fitsNumber(def: z.core.$ZodNumberDef & { readonly format?: string }): Fits {
  let [least, above] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const check of def.checks ?? []) {
    const { def: one } = (check as z.core.$ZodChecks)._zod;
    if (one.check !== "greater_than" || typeof one.value !== "number") return never;
    if (one.inclusive) least = one.value;
    else above = one.value;
  }
  if (def.format !== undefined && def.format !== "safeint") return never;
  const isNumber: Fits = def.format === "safeint" ? Number.isSafeInteger : Number.isFinite;
  return (value) => isNumber(value) && Number(value) >= least && Number(value) > above;
}
