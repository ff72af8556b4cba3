/**
 * docs/asyncapi.yaml is an AsyncAPI 3 document by the official schema, is up to date, and tells the truth: every event
 * of a log is valid by it, in a topic and in the stream.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import specs from "@asyncapi/specs";
import { Ajv, type ValidateFunction } from "ajv";
import formats from "ajv-formats";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { asyncapiPage } from "../../docs/asyncapi.ts";
import { kafkaMessageOf } from "../../src/publish/cloudEvent.ts";
import { publicKinds } from "../../src/publish/messages.ts";
import { allOf, write, writing } from "./writing.ts";

const root = join(import.meta.dirname, "../..");
const loose = z.looseObject({
  components: z.looseObject({ schemas: z.record(z.string(), z.record(z.string(), z.unknown())) }),
  channels: z.record(z.string(), z.looseObject({ address: z.string() })),
});

let text: string;
let ajv: Ajv;

beforeAll(async () => {
  text = await readFile(join(root, "docs/asyncapi.yaml"), "utf8");
  ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
});

describe("docs/asyncapi.yaml", () => {
  it("is up to date (`npm run asyncapi` makes it so)", () => {
    expect(text).toBe(asyncapiPage());
  });

  it("is valid by the official schema of AsyncAPI 3, which finds a mistake", () => {
    // It brings JSON Schema's own schema along.
    const official = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false });
    formats.default(official);
    const validate = official.compile(z.record(z.string(), z.unknown()).parse(specs.schemas["3.0.0"]));
    expect(validate(parse(text)), JSON.stringify(validate.errors, null, 1)).toBe(true);
    expect(validate({ ...parse(text), operations: { wrong: { action: "shout" } } })).toBe(false);
    expect(validate({ ...parse(text), info: { title: "no version" } })).toBe(false);
  });

  it("names only what it has", () => {
    const document: unknown = parse(text);
    const at = (path: string): unknown =>
      path
        .split("/")
        .slice(1)
        .reduce<unknown>((value, key) => z.record(z.string(), z.unknown()).parse(value)[key], document);
    const refs = [...text.matchAll(/\$ref: "?(#[^"\s]+)/g)].map(([, path = ""]) => path);
    expect(refs.length).toBeGreaterThan(20);
    expect(refs.filter((path) => at(path) === undefined)).toEqual([]);
  });

  it("has a channel for each kind and one for the stream", () => {
    const { channels } = loose.parse(parse(text));
    expect(Object.values(channels).map(({ address }) => address)).toEqual([
      "{prefix}.jobs",
      "{prefix}.file-groups",
      "{prefix}.workers",
      "/api/v1/events",
    ]);
  });

  it("tells the truth of every event of a log", async () => {
    const { schemas } = loose.parse(parse(text)).components;
    const by = (name: string): ValidateFunction => ajv.compile(schemas[name] ?? false);
    const kinds = publicKinds.map(
      (kind) => [kind, by(`${kind}Event`), by(`${kind}Data`), by(`${kind}Headers`)] as const,
    );
    const log = await writing();
    await write(log, [1, 2]);
    for (const { event } of await allOf(log.stopped)) {
      const [, isEvent, isData, isHeaders] = kinds.find(([kind]) => kind === event.data.kind)!;
      const message = kafkaMessageOf(event, "p");
      expect(isEvent(event), JSON.stringify(isEvent.errors)).toBe(true);
      expect(isData(JSON.parse(message.value)), JSON.stringify(isData.errors)).toBe(true);
      expect(isHeaders(message.headers), JSON.stringify(isHeaders.errors)).toBe(true);
      expect(isEvent({ ...event, type: "windrow.job.invented" })).toBe(false);
    }
  });

  it("is checked by a command that says what to do", async () => {
    const folder = await mkdtemp(join(tmpdir(), "windrow-asyncapi-"));
    const check = (file: string) =>
      promisify(execFile)(process.execPath, [join(root, "docs/asyncapi.ts"), "--check", join(folder, file)]);
    try {
      await writeFile(join(folder, "good.yaml"), text);
      await writeFile(join(folder, "old.yaml"), text.replace("worker.seenRunning", "worker.seenWalking"));
      await expect(check("good.yaml")).resolves.toEqual({ stdout: "", stderr: "" });
      for (const file of ["old.yaml", "none.yaml"])
        await expect(check(file)).rejects.toMatchObject({
          code: 1,
          stderr: expect.stringContaining("npm run asyncapi"),
        });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
