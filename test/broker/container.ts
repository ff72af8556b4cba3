/**
 * A broker in a container, through testcontainers. KAFKA_IMAGE names another image than the official one, perhaps one
 * built from local files (image/build.sh); it must take its properties from KAFKA_* variables as the official one does.
 */
import { request } from "node:http";
import type { Way } from "./find.ts";
import { freePorts } from "./ports.ts";

const officialImage = "apache/kafka:4.3.1";

/** Properties of a cluster of one, as the image's variables. */
function environment(port: number): Record<string, string> {
  return {
    KAFKA_NODE_ID: "1",
    KAFKA_PROCESS_ROLES: "broker,controller",
    KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
    KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT",
    KAFKA_LISTENERS: "PLAINTEXT://:9092,CONTROLLER://:9093,INSIDE://:9094",
    // The broker talks to itself too, and the host's port means nothing inside the container.
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port},INSIDE://localhost:9094`,
    KAFKA_INTER_BROKER_LISTENER_NAME: "INSIDE",
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1",
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1",
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1",
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0",
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false",
  };
}

export const startContainer: Way = async () => {
  if (!(await engineAnswers())) return "no Docker engine answers";
  const image = process.env["KAFKA_IMAGE"] ?? officialImage;
  const { GenericContainer, Wait } = await import("testcontainers");
  const [host = 0] = await freePorts(1);
  const container = await new GenericContainer(image)
    .withEnvironment(environment(host))
    .withExposedPorts({ container: 9092, host })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(120_000)
    .start()
    .catch((error: unknown) => `Docker runs, but not ${image}: ${error instanceof Error ? error.message : error}`);
  if (typeof container === "string") return container;
  return {
    answer: { brokers: `127.0.0.1:${host}`, kind: `the image ${image}` },
    stop: async () => void (await container.stop()),
  };
};

/** Asks the engine that testcontainers would use whether it is there. */
function engineAnswers(): Promise<boolean> {
  const configured = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  const { protocol, pathname, hostname, port } = new URL(configured);
  const where = protocol === "unix:" ? { socketPath: pathname } : { hostname, port };
  return new Promise((resolve) => {
    const asked = request({ ...where, path: "/_ping", timeout: 2000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.on("timeout", () => asked.destroy(new Error("timeout"))).on("error", () => resolve(false));
    asked.end();
  });
}
