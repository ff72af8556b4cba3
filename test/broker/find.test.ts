/**
 * How a run of the tests comes to its broker, without starting one: the order of the ways, what is said where there is
 * none, and that a broker that was asked for and cannot be used fails the tests instead of being replaced.
 */

import { mkdirSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { tempDir } from "../plugins/fixtures.ts";
import { theBroker } from "./answer.ts";
import { type Found, findBroker, type Way } from "./find.ts";
import setup from "./global.ts";
import { freePorts } from "./ports.ts";

const real = await theBroker();
let said: string[];
beforeEach(() => {
  said = [];
  vi.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
  vi.stubEnv("KAFKA_BROKERS", undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** A way that gives this, and the names of those that were asked. */
const asked: string[] = [];
afterEach(() => void asked.splice(0));
const way =
  (name: string, gives: () => Found | string): Way =>
  async () => {
    asked.push(name);
    return gives();
  };
const broker = (kind: string): Found => ({ answer: { brokers: "a:1", kind }, stop: async () => undefined });

/** A machine without Docker and without Java. */
async function bare(): Promise<string> {
  const dir = await tempDir();
  mkdirSync(join(dir, "bin"));
  vi.stubEnv("PATH", join(dir, "bin"));
  vi.stubEnv("DOCKER_HOST", `unix://${join(dir, "docker.sock")}`);
  return dir;
}

const nothing = /^KAFKA_BROKERS is not set; no Docker engine answers; no Java 17 or newer .*says nothing\)$/;

describe("a broker for the tests", () => {
  it.skipIf("none" in real)(`is the one that KAFKA_BROKERS names (needs a broker)`, async () => {
    const brokers = "none" in real ? "" : real.brokers;
    vi.stubEnv("KAFKA_BROKERS", brokers);
    const { answer } = await findBroker("", [way("other", () => broker("other"))]);
    expect(answer).toEqual({ brokers, kind: `what KAFKA_BROKERS says, ${brokers}` });
    expect(asked).toEqual([]);
  });

  it("is the first that can be started, and it is said why the ways before it gave none", async () => {
    const failing = way("second", () => {
      throw new Error("broke");
    });
    const ways = [way("first", () => "no engine"), failing, way("third", () => broker("3")), way("fourth", () => "-")];
    expect((await findBroker("", ways)).answer).toMatchObject({ kind: "3" });
    expect(asked).toEqual(["first", "second", "third"]);
    expect(said).toEqual(["Kafka for the tests: no engine; Error: broke"]);
  });

  it("is looked for in Docker and then in jars; where there is neither, all reasons are given", async () => {
    expect((await findBroker(await bare())).answer).toEqual({ none: expect.stringMatching(nothing) });
  });

  it("is run from the image that KAFKA_IMAGE names", async () => {
    await bare();
    const engine = createServer(({ url }, answer) => answer.writeHead(url === "/_ping" ? 200 : 404).end("{}"));
    vi.stubEnv("DOCKER_HOST", `tcp://127.0.0.1:${await listening(engine)}`);
    vi.stubEnv("KAFKA_IMAGE", "windrow/own-kafka:1");
    try {
      const { answer } = await findBroker("");
      expect(answer).toEqual({
        none: expect.stringMatching(/; Docker runs, but not windrow\/own-kafka:1: .*; no Java/),
      });
    } finally {
      engine.closeAllConnections();
      engine.close();
    }
  });
});

describe("a run", () => {
  /** Runs `ask` between begin and end of a run of the tests. */
  async function inRun(ask: (socket: string) => Promise<void>): Promise<void> {
    let socket = "";
    const provide = (_name: string, path: string): void => {
      socket = path;
    };
    const end = await setup({ provide });
    try {
      await ask(socket);
    } finally {
      await end();
    }
  }

  it("without a broker tells each test why, and says so at its end", async () => {
    await bare();
    await inRun(async (socket) => expect(await theBroker(socket)).toEqual({ none: expect.stringMatching(nothing) }));
    expect(said).toEqual([expect.stringMatching(`^No Kafka: ${nothing.source.slice(1)}`)]);
  });

  it("in which no test asks says nothing", async () => {
    await inRun(async () => undefined);
    expect(said).toEqual([]);
  });

  it.each([
    ["where nobody listens", async () => `127.0.0.1:${(await freePorts(1))[0]}`, /cannot use it: .*ECONNREFUSED/],
    ["that is no address", async () => "localhost", /cannot use it: `localhost` is not HOST:PORT$/],
  ])("with KAFKA_BROKERS %s fails each test that asks", async (_what, brokers, why) => {
    vi.stubEnv("KAFKA_BROKERS", await brokers());
    await inRun(async (socket) => {
      for (let test = 0; test < 2; test += 1) await expect(theBroker(socket)).rejects.toThrow(why);
    });
  });
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}
