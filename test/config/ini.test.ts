/** The INI reader: what ConfigParser makes of a text, and how a mistake in it is named. */
import { describe, expect, it } from "vitest";
import { readIni } from "../../src/config/ini.ts";
import { convert } from "../../src/config/instance.ts";

const read = (text: string): Record<string, Record<string, string>> =>
  Object.fromEntries([...readIni(text, "test.cfg")].map(([name, keys]) => [name, Object.fromEntries(keys)]));

describe("INI text by the rules of ConfigParser (config 1)", () => {
  it("keeps the case of keys, splits at the first delimiter, and knows no inline comments", () => {
    expect(read("[a]\nKey = x ; y # z\nkey: http://h:1/?a=b\nempty =\n")).toEqual({
      a: { Key: "x ; y # z", key: "http://h:1/?a=b", empty: "" },
    });
  });
  it("continues a value on deeper lines, over comments and blank lines", () => {
    expect(read("[a]\nlist =\n one\n# gone\n  ; gone\n\n two\n\nnext = 1\n")).toEqual({
      a: { list: "\none\n\ntwo", next: "1" },
    });
  });
  it("takes an indented key after a header for a key", () => {
    expect(read("[a]\n  k = 1\n  l = 2\n")).toEqual({ a: { k: "1", l: "2" } });
  });
  it("lets every section inherit [DEFAULT], and interpolates within the section", () => {
    expect(read("[DEFAULT]\nbase = /d\nx = 0\n[a]\nx = 1\npath = %(base)s/%(x)s 100%%\n[b]\n")).toEqual({
      a: { base: "/d", x: "1", path: "/d/1 100%" },
      b: { base: "/d", x: "0" },
    });
  });
  it.each([
    ["[a]\nk=1\nk=2", /test\.cfg line 3: \[a\] k is there a second time/],
    ["[a]\n[a]", /line 2: section \[a\] is there a second time/],
    ["k=1", /line 1: k=1 is before the first \[section\]/],
    ["[a]\nword", /line 2: word is neither/],
    ["[a]\nk = 5%", /\[a\] k: a single %/],
    ["[a]\nk = %(no)s", /\[a\] k: %\(no\)s names no key/],
    ["[a]\nk = %(k)s", /\[a\] k: .*refers back to itself/],
  ])("refuses %j with the place and the remedy", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});

describe("conversion of values (config 2)", () => {
  const around = { env: { A: "/a", N: "12", T: "True" }, hostname: "here" };
  it.each<[string, unknown]>([
    ["True", true],
    ["False", false],
    ["None", null],
    ["007", 7],
    ["-1", "-1"],
    ["0.5", "0.5"],
    ["true", "true"],
    ["", ""],
    ["[1, 2]", "[1, 2]"],
    ["\n one\n  two \n", ["one", "two"]],
    ['\n[\n{"a": "x$A"}\n]', [{ a: "/a" }]],
    ['{\n"a": 1\n}', { a: 1 }],
    ["$A", "/a"],
    [`\${A}/x`, "/a"],
    [`\${N}`, 12],
    ["$T", true],
    ["$hostname", "here"],
    ["/shm/$(TITLE)_x", "/shm/$(TITLE)_x"],
  ])("%j gives %j", (text, value) => {
    expect(convert(text, "test.cfg [a] k", around)).toEqual(value);
  });
  it("refuses a variable that is not set and JSON that is none, by name", () => {
    expect(() => convert("$A/x", "test.cfg [a] k", around)).toThrow(
      /\[a\] k: the environment variable A\/x is not set/,
    );
    expect(() => convert("[\n1,,\n]", "test.cfg [a] k", around)).toThrow(/\[a\] k: it looks like JSON/);
  });
});
