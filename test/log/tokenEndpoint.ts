/** A token endpoint on this machine, which answers as the test says, or not at all. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** Gives the endpoint's URL, and what was asked there: login and body. It ends with the test. */
export async function tokenEndpoint(answer: (asked: number) => { readonly status?: number; body: string } | undefined) {
  const asked: string[] = [];
  const listener: RequestListener = async (request, response) => {
    const body = (await request.toArray()).join("");
    asked.push(`${request.headers.authorization} ${body}`);
    const said = answer(asked.length);
    if (said) response.writeHead(said.status ?? 200, { "content-type": "application/json" }).end(said.body);
  };
  const server = createServer((...of) => void listener(...of));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked };
}
