/** Sends what was recorded, header by header, and nothing that an HTTP library would add by itself. */
import { request } from "node:http";
import { gzipSync } from "node:zlib";
import { dumps, type PythonValue } from "../../../src/simulation/pandaServer/pythonJson.ts";
import type { Pair } from "./pairs.ts";

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const claims = (extra: object): string =>
  ["{}", JSON.stringify({ sub: "robot", ...extra }), ""]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");

/** Tokens for the recording's placeholders; their signature is empty, which the stand-in does not look at. */
const TOKENS: Readonly<Record<string, string>> = {
  "<token of a robot with group production>": claims({ groups: ["wlcg/production"] }),
  "<token without role>": claims({ name: "Joe User" }),
  "<good token>": claims({ groups: ["wlcg/production"] }),
  "<expired token>": claims({ exp: 1 }),
};

function bodyOf({ body, text, file }: Pair["request"]): Buffer | undefined {
  if (file !== undefined) {
    const content = file.latin1 === undefined ? Buffer.alloc(file.bytes) : Buffer.from(file.latin1, "latin1");
    const disposition = `Content-Disposition: form-data; name="${file.field}"; filename="${file.filename}"`;
    const head = `--windrowboundary\r\n${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), content, Buffer.from("\r\n--windrowboundary--\r\n")]);
  }
  if (body !== undefined) return Buffer.from(dumps(body));
  return text === undefined ? undefined : Buffer.from(text);
}

function headersOf(sent: Pair["request"]): Record<string, string> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (sent.body !== undefined || sent.text !== undefined) headers["Content-Type"] = "application/json";
  for (const [name, value] of Object.entries(sent.headers ?? {})) {
    if (value === null) delete headers[name];
    else headers[name] = value.replace(/<.*>/, (placeholder) => TOKENS[placeholder] ?? placeholder);
  }
  if (sent.caller !== undefined) headers["X-Stand-In-Caller"] = sent.caller;
  return headers;
}

/** Sends one recorded request. */
export async function send(url: string, sent: Pair["request"]): Promise<Answer> {
  const headers = headersOf(sent);
  const plain = bodyOf(sent);
  const body = plain && headers["Content-Encoding"] === "gzip" ? gzipSync(plain) : plain;
  if (body !== undefined && !sent.chunked) headers["Content-Length"] = String(body.length);
  const target = new URL(sent.path + (sent.query ? `?${sent.query}` : ""), url);
  return new Promise((resolve, reject) => {
    const call = request(target, { method: sent.method, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers });
      });
    });
    call.on("error", reject);
    // Written apart from the end, a body has no length that Node could put into a header.
    if (sent.chunked) call.write(body);
    call.end(sent.chunked ? undefined : body);
  });
}

/** A POST of the API; gives the envelope, or what else came. */
export async function post(url: string, path: string, body: PythonValue): Promise<unknown> {
  const answer = await send(url, { method: "POST", path: `/api/v1/${path}`, body });
  return answer.status === 200 ? JSON.parse(answer.text) : { status: answer.status, text: answer.text };
}

/** A POST of the administrative side. */
export async function administer(url: string, path: string, body: unknown): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/stand-in/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}
