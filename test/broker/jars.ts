/**
 * A broker from Apache Kafka's own jars on the local Java: one process that is broker and controller (KRaft), ready
 * after some five seconds. The jars come from Maven Central once and stay in the user's cache. It must never outlive
 * the run, even where that is killed.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Broker } from "./answer.ts";
import type { Way } from "./find.ts";
import { freePorts } from "./ports.ts";
import { makeCertificates, secureProperties, user } from "./secure.ts";

const run = promisify(execFile);
const kafka = "4.3.1";
const log4j = "2.25.1";
const oldestJava = 17;
/** Any 16 bytes as base64; a random one that begins with a dash would be taken for an option. */
const clusterId = "4L6g3nShT-eMCtK--X86sw";

/** A broker that can be started, and again on the same directory and ports after its end. */
export interface Jars {
  readonly answer: Broker;
  readonly start: () => Promise<Started>;
}

/** A broker that serves. */
export interface Started {
  /** Of its Java process, to be killed or stopped by signals. */
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

export const startJars: Way = async (dir) => {
  const jars = await prepareJars(dir);
  if (typeof jars === "string") return jars;
  const { stop } = await jars.start();
  return { answer: jars.answer, stop };
};

/** Makes a broker's files in the directory; or says why there can be none. */
export async function prepareJars(dir: string): Promise<Jars | string> {
  const runtime = await findRuntime();
  if (typeof runtime === "string") return runtime;
  const [plain = 0, controller = 0, sasl = 0, mutual = 0] = await freePorts(4);
  const secured = await makeCertificates(dir);
  const node = { id: 1, dir, plain, controllers: [controller], ...(secured ? { secure: { sasl, mutual } } : {}) };
  const { answer, start } = await prepareNode(node, runtime);
  const secure = { sasl: `localhost:${sasl}`, mutual: `localhost:${mutual}`, dir };
  return { answer: secured ? { ...answer, secure } : answer, start };
}

/** The same for brokers that are one cluster. Each is there when most of them have been started. */
export async function prepareCluster(dir: string, count: number): Promise<readonly Jars[] | string> {
  const runtime = await findRuntime();
  if (typeof runtime === "string") return runtime;
  const ports = await freePorts(2 * count);
  const [plain, controllers] = [ports.slice(0, count), ports.slice(count)];
  return Promise.all(
    plain.map((port, i) => {
      const own = join(dir, `broker${i + 1}`);
      mkdirSync(own);
      return prepareNode({ id: i + 1, dir: own, plain: port, controllers }, runtime);
    }),
  );
}

interface Runtime {
  readonly java: number;
  readonly classPath: string;
}

async function findRuntime(): Promise<Runtime | string> {
  const java = await javaVersion();
  if (java < oldestJava)
    return `no Java ${oldestJava} or newer to run Kafka on (\`java -version\` says ${java || "nothing"})`;
  const jars = await cachedJars();
  return jars.missing ?? { java, classPath: `${jars.dir}/*` };
}

async function prepareNode(node: Node, { java, classPath }: Runtime): Promise<Jars> {
  const { dir, plain, secure } = node;
  const settings = join(dir, "server.properties");
  writeFileSync(settings, [...properties(node), ...(secure ? secureProperties(dir) : [])].join("\n"));
  writeFileSync(join(dir, "log4j2.properties"), logging);
  const scram = `SCRAM-SHA-512=[name=${user.name},password=${user.password}]`;
  const quiet = `-Dlog4j2.configurationFile=${join(dir, "log4j2.properties")}`;
  const small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", quiet, "-cp", classPath];
  const format = ["format", "-t", clusterId, "-c", settings, "--add-scram", scram];
  await run("java", [...small, "kafka.tools.StorageTool", ...format]);
  const answer = { brokers: `127.0.0.1:${plain}`, kind: `Apache Kafka ${kafka} from its jars, on Java ${java}` };
  return { answer, start: () => startProcess(["-Xmx400m", ...small, "kafka.Kafka", settings]) };
}

/** Major version of the local Java; 0 where there is none. */
async function javaVersion(): Promise<number> {
  const { stderr } = await run("java", ["-version"]).catch(() => ({ stderr: "" }));
  return Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
}

/** The jars, from Maven Central if they are not in the cache yet. */
async function cachedJars(): Promise<{ dir: string; missing?: undefined } | { missing: string }> {
  const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "windrow-test-kafka");
  const dir = join(cache, kafka);
  if (existsSync(dir)) return { dir };
  mkdirSync(cache, { recursive: true });
  // Made aside and renamed, so that a run that is killed leaves no half of them.
  const making = mkdtempSync(join(cache, "new-"));
  try {
    writeFileSync(join(making, "pom.xml"), pom);
    const copy = ["-q", "-B", "dependency:copy-dependencies", `-DoutputDirectory=${join(making, "libs")}`];
    await run("mvn", copy, { cwd: making, timeout: 300_000 });
    if (!existsSync(dir)) renameSync(join(making, "libs"), dir);
    return { dir };
  } catch (error) {
    const why =
      error instanceof Error && "code" in error && error.code === "ENOENT" ? "there is no mvn" : String(error);
    return { missing: `Kafka's jars are not in ${dir}, and cannot be fetched: ${why}` };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}

/**
 * Starts the broker and waits until it serves. The shell between us ends it when its standard input closes, which it
 * does however this process ends.
 */
function startProcess(args: readonly string[]): Promise<Started> {
  const script = 'java "$@" </dev/null & echo "pid $!"; cat >/dev/null; kill $!; wait $!';
  const child = spawn("sh", ["-c", script, "sh", ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const stop = () => {
    child.stdin.end();
    return ended;
  };
  return new Promise((resolve, reject) => {
    const last: string[] = [];
    let pid = 0;
    const fail = (why: string) => void stop().then(() => reject(new Error(`${why}:\n${last.slice(-20).join("\n")}`)));
    const late = setTimeout(() => fail("Kafka did not start within 120 s"), 120_000);
    const read = (line: string) => {
      last.push(line);
      pid ||= Number(/^pid (\d+)$/.exec(line)?.[1] ?? 0);
      if (line.includes("Kafka Server started")) {
        clearTimeout(late);
        resolve({ pid, stop });
      } else if (line.includes("ERROR Exiting Kafka") || line.includes("Exception in thread")) {
        clearTimeout(late);
        fail("Kafka did not start");
      }
      if (last.length > 100) last.splice(0, 50);
    };
    createInterface({ input: child.stdout }).on("line", read);
    createInterface({ input: child.stderr }).on("line", read);
  });
}

/** One process of a cluster. */
interface Node {
  readonly id: number;
  readonly dir: string;
  /** Port for clients. */
  readonly plain: number;
  /** Ports of the controllers in all nodes, by their ids. */
  readonly controllers: readonly number[];
  /** Ports of its other listeners. */
  readonly secure?: { readonly sasl: number; readonly mutual: number };
}

function properties({ id, dir, plain, controllers, secure }: Node): readonly string[] {
  const open = [`PLAINTEXT://127.0.0.1:${plain}`];
  if (secure) open.push(`SECURE://localhost:${secure.sasl}`, `MUTUAL://localhost:${secure.mutual}`);
  const copies = Math.min(controllers.length, 3);
  return [
    "process.roles=broker,controller",
    `node.id=${id}`,
    `controller.quorum.voters=${controllers.map((port, i) => `${i + 1}@127.0.0.1:${port}`).join(",")}`,
    "controller.listener.names=CONTROLLER",
    `listeners=${[...open, `CONTROLLER://127.0.0.1:${controllers[id - 1]}`].join(",")}`,
    `advertised.listeners=${open.join(",")}`,
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL,MUTUAL:SSL",
    `log.dirs=${join(dir, "data")}`,
    `offsets.topic.replication.factor=${copies}`,
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "group.initial.rebalance.delay.ms=0",
    "auto.create.topics.enable=false",
  ];
}

const logging = [
  "rootLogger.level=info",
  "rootLogger.appenderRef.out.ref=out",
  "appender.out.type=Console",
  "appender.out.name=out",
  "appender.out.layout.type=PatternLayout",
  "appender.out.layout.pattern=%d %p %m%n",
].join("\n");

const dependency = (group: string, artifact: string, version: string): string =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>` +
  `<version>${version}</version></dependency>`;

// Kafka brings slf4j 1.7, for which log4j's binding has no digit in its name.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>windrow</groupId><artifactId>test-broker</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependency("org.apache.kafka", "kafka_2.13", kafka)}
${dependency("org.apache.logging.log4j", "log4j-slf4j-impl", log4j)}
${dependency("org.apache.logging.log4j", "log4j-core", log4j)}
</dependencies></project>
`;
