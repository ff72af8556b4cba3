/**
 * A local http server that a test gives its answers to, and that remembers what it was asked. It knows nothing of
 * PanDA: whoever uses it says what PanDA would answer.
 */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { expect, onTestFinished } from "vitest";
import { z } from "zod";
import { PandaCommunicator } from "../../../src/plugins/panda/communicator.ts";
import type { PandaOptions } from "../../../src/plugins/panda/settings.ts";

/** One request as it arrived. */
export interface Asked {
  readonly method: string;
  /** Below `/api/v1/`. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

export interface LocalServer {
  /** `http://127.0.0.1:<port>/api/v1` */
  readonly url: string;
  readonly asked: Asked[];
  communicator(options?: Partial<PandaOptions>, clock?: () => number): PandaCommunicator;
}

/** Answers one request; `n` counts them from 0. */
export type Answering = (response: ServerResponse, asked: Asked, n: number) => void;

/** Starts a server that ends with the test. */
export async function serve(answering: Answering): Promise<LocalServer> {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const one = {
      method: request.method ?? "",
      path: url.pathname.replace("/api/v1/", ""),
      query: url.searchParams,
      headers: request.headers,
      bytes: await buffer(request),
    };
    asked.push(one);
    answering(response, one, asked.length - 1);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = z.object({ port: z.number() }).parse(server.address());
  const url = `http://127.0.0.1:${port}/api/v1`;
  const defaults = { server_api_url_ssl: url, harvesterID: "lab_harvester", timeout: 20 };
  return {
    url,
    asked,
    communicator: (options = {}, clock = Date.now) => new PandaCommunicator({ ...defaults, ...options }, clock),
  };
}

/** Text as panda-server sends it: always text/plain. */
export function send(response: ServerResponse, text: string, status = 200): void {
  response.writeHead(status, { "Content-Type": "text/plain" });
  response.end(text);
}

/** An envelope with these three keys. */
export const envelope = (data: unknown, success = true, message = ""): string =>
  JSON.stringify({ success, message, data });

/** A server that answers every request with this text. */
export const always = (text: string, status = 200): Promise<LocalServer> =>
  serve((response) => send(response, text, status));

/** The body of a request, read as JSON. */
export const bodyOf = (asked: Asked | undefined): Record<string, unknown> =>
  z.record(z.string(), z.unknown()).parse(JSON.parse(asked?.bytes.toString() ?? ""));

/** The error of a call that must fail. */
export async function failureOf(calling: unknown): Promise<Error> {
  const error: unknown = await Promise.resolve(calling).then(
    (answer) => new Error(`it answered ${JSON.stringify(answer)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error)) throw new Error("no Error was thrown");
  expect(error.name).toBe("CallFailed");
  return error;
}
