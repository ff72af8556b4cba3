/**
 * The types of values in `panda_harvester.cfg`, as its text gives them after conversion (config 2). The text given to
 * each type ends the sentence "it is ..., it should be ...". This file must never read a file or the environment.
 */
import { z } from "zod";

/** Digits become numbers before the schema sees them (config 2), so a name of digits arrives as a number. */
export const text = z.union([z.string(), z.int().transform(String)], { error: "a text" });
export const name = z.union([z.string().min(1), z.int().transform(String)], { error: "a text that is not empty" });
export const flag = z.boolean({ error: "True or False" });
export const count = z.int({ error: "a whole number" }).nonnegative({ error: "a whole number of at least 0" });
/** Decimals stay text in the conversion of the original, which then breaks; here they are read. */
export const decimal = z.union(
  [
    z.number().nonnegative(),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number),
  ],
  { error: "a number of at least 0" },
);
export const seconds = decimal;
export const texts = z.union([z.array(z.string()), z.string().transform((one) => (one === "" ? [] : [one]))], {
  error: "a list of texts, one a line",
});
export const dictionary = z.record(z.string(), z.unknown(), { error: "a JSON object" });
