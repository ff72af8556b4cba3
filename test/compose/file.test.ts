/**
 * docker-compose.yml, the Dockerfile and the site in examples/compose, held to what can be known of them without
 * Docker; up.test.ts has the rest.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { type LoadedConfig, loadConfig } from "../../src/config/load.ts";
import { parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { loadPlugin } from "../../src/plugins/load.ts";
import { windrowDone } from "../cli/windrow.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const site = join(root, "examples/compose");
/** Where the image has the project, and what the compose file mounts there. */
const inImage = "/opt/windrow";

const serviceSchema = z.looseObject({
  image: z.string(),
  build: z.object({ context: z.string(), args: z.object({ BASE: z.string() }) }).optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()),
  environment: z.record(z.string(), z.union([z.string(), z.number()])).default({}),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  network_mode: z.string().optional(),
});
type Service = z.output<typeof serviceSchema>;

const names = ["kafka", "panda-server", "batch", "windrow-a", "windrow-b"] as const;
// Variables have their defaults here.
const text = read("docker-compose.yml").replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");
const file = z
  .object({
    services: z
      .object(Object.fromEntries(names.map((name) => [name, serviceSchema])) as Record<string, typeof serviceSchema>)
      .strict(),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(text, { merge: true }));
const service = (name: (typeof names)[number]): Service => serviceSchema.parse(file.services[name]);
const instances = (["windrow-a", "windrow-b"] as const).map(service);
const option = ({ command }: Service, name: string): string =>
  command.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? "";

describe("docker-compose.yml", () => {
  it("pins the images of others, each to one version that is the same everywhere", () => {
    expect(service("kafka").image).toMatch(/^apache\/kafka:4\.\d+\.\d+$/);
    expect(read("test/broker/container.ts")).toContain(`"${service("kafka").image}"`);
    const bases = names.flatMap((name) => service(name).build?.args.BASE ?? []);
    expect(bases).toHaveLength(4);
    expect([...new Set([...bases, /^ARG BASE=(.*)$/m.exec(read("Dockerfile"))?.[1]])]).toEqual([bases[0]]);
    // The Node that the tests run under.
    expect(bases[0]).toBe(`node:${process.versions.node}-bookworm-slim`);
  });

  it("has two instances of one configuration on one log, each with a name and a port of its own", () => {
    for (const name of ["log", "config"]) expect(new Set(instances.map((each) => option(each, name))).size).toBe(1);
    for (const name of ["instance", "web"]) expect(new Set(instances.map((each) => option(each, name))).size).toBe(2);
    const { brokers, replication } = parseKafkaAddress(option(instances[0]!, "log"));
    expect(brokers).toEqual([
      /PLAINTEXT:\/\/(kafka:\d+)/.exec(String(service("kafka").environment["KAFKA_ADVERTISED_LISTENERS"]))?.[1],
    ]);
    expect(replication).toBe(1);
  });

  it("opens nothing but to this machine, and the ports that the instances listen on", () => {
    const ports = names.flatMap((name) => service(name).ports);
    expect(ports.filter((port) => !/^127\.0\.0\.1:(\d+):\1$/.test(port))).toEqual([]);
    const inside = ports.map((port) => port.split(":").at(-1));
    for (const each of instances) {
      expect(inside).toContain(option(each, "web").split(":").at(-1));
      expect(each.network_mode).toBe("service:panda-server");
    }
  });

  it("asks each instance how it is at the place where its configuration puts its socket", async () => {
    const { instance } = await loadConfig(site);
    for (const each of instances) {
      const { prefix } = parseKafkaAddress(option(each, "log"));
      const dir = `${instance.windrow.logDir}.kafka/${prefix}/${option(each, "instance")}`;
      expect(each.healthcheck?.test).toEqual(["CMD", "windrow", "status", dir]);
    }
  });

  it("mounts what exists", () => {
    for (const name of names) {
      for (const [source = "", target = ""] of service(name).volumes.map((volume) => volume.split(":"))) {
        if (!source.startsWith(".")) expect(file.volumes).toHaveProperty(source);
        else
          expect([source, posix.relative(inImage, target)]).toEqual([
            `./${posix.relative(inImage, target)}`,
            source.slice(2),
          ]);
        if (source.startsWith(".")) expect(existsSync(join(root, source))).toBe(true);
      }
    }
  });

  it("runs commands that there are", async () => {
    for (const each of [...instances, service("panda-server")]) {
      const [command = "", ...words] = each.command;
      const help = await windrowDone(command, "--help");
      expect(help.code).toBe(0);
      const known = help.lines.join("\n");
      for (const word of words.filter((one) => one.startsWith("--"))) expect(known).toContain(`${word.split("=")[0]} `);
    }
    const { entrypoint, command } = service("batch");
    expect(entrypoint).toEqual(["node"]);
    expect(existsSync(join(root, command[0] ?? ""))).toBe(true);
  });
});

describe("examples/compose", () => {
  const load = (): Promise<LoadedConfig> => loadConfig(site);

  it("has a configuration without a mistake, for the queues that jobs are handed in for", async () => {
    const { queues, warnings, errors } = await load();
    expect([warnings, errors]).toEqual([[], []]);
    const handed = /const queues = (\[.*\]);/.exec(read("examples/compose/handIn.ts"))?.[1] ?? "";
    expect(queues.map(({ queueName }) => queueName)).toEqual(JSON.parse(handed));
  });

  it("names the stand-in's address", async () => {
    const { command } = service("panda-server");
    const { instance } = await load();
    const api = `http://127.0.0.1:${command[command.indexOf("--port") + 1]}/api/v1`;
    expect([instance.pandacon.server_api_url_ssl, instance.pandacon.cache_api_url_ssl]).toEqual([api, api]);
    expect(read("examples/compose/handIn.ts")).toContain(`"${api.replace("api/v1", "stand-in/jobs")}"`);
  });

  it("has plug-ins that load", async () => {
    for (const { queueName, siteName, plugins } of (await load()).queues) {
      for (const kind of [
        "preparator",
        "workerMaker",
        "messenger",
        "submitter",
        "monitor",
        "sweeper",
        "stager",
      ] as const) {
        const definition = plugins[kind];
        if (!definition || Array.isArray(definition)) throw new Error(`queue ${queueName} has no ${kind}`);
        await loadPlugin(kind, definition, { queueName, siteName, configDir: site });
      }
    }
  });

  it("names files of the image that there are", () => {
    for (const name of readdirSync(site)) {
      for (const [, path = ""] of read(`examples/compose/${name}`).matchAll(/\/opt\/windrow\/([\w./]+)/g)) {
        expect([name, path, existsSync(join(root, path))]).toEqual([name, path, true]);
      }
    }
  });
});

describe("Dockerfile", () => {
  const copied = [...read("Dockerfile").matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, words = ""]) =>
    words.split(" "),
  );

  it("copies what exists, and nothing else reaches the builder", () => {
    const letIn = [...read(".dockerignore").matchAll(/^!(.*)$/gm)].map(([, path = ""]) => path);
    expect([...new Set(copied)].toSorted()).toEqual(letIn.toSorted());
    for (const path of copied) expect([path, existsSync(join(root, path))]).toEqual([path, true]);
    expect(read(".dockerignore")).toMatch(/^\*$/m);
  });

  it("does not run as root, and lets signals reach Windrow", () => {
    expect(read("Dockerfile")).toMatch(/^USER node$/m);
    expect(read("Dockerfile")).toMatch(/^ENTRYPOINT \["windrow"\]$/m);
  });
});
