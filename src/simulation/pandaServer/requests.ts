/**
 * HTTP as the real server reads and writes it (panda-api 1): the exact header values that make a body or an answer
 * JSON, and how arguments come out of a query, a JSON body, a form or an upload. Nothing here knows a function of the
 * API.
 */
import { gunzipSync } from "node:zlib";
import { type Given, PythonException, UploadedFile } from "./operation.ts";
import { dumps, isObject, literal, loads, type PythonValue, pythonTypeName } from "./pythonJson.ts";

/** What the transport took in. */
export interface Received {
  readonly method: string;
  /** What stands behind the question mark, as it was sent. */
  readonly query: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Empty when it came without a Content-Length. */
  readonly body: Uint8Array;
  /** Content-Length, also of a body that was too long to be kept. */
  readonly bodyBytes: number;
}

const JSON_TYPE = "application/json";

/** Only the exact value counts: no parameters, no other case, no list. */
const wantsJson = ({ headers }: Received): boolean =>
  headers["content-type"] === JSON_TYPE || headers["accept"] === JSON_TYPE;

/** `parse_qsl`: a key given once is a text, given again a list. */
function pairs(text: string): { readonly [name: string]: Given } {
  const params = new URLSearchParams(text);
  const names = [...new Set(params.keys())];
  return Object.fromEntries(
    names.map((name) => {
      const values = params.getAll(name);
      return [name, values.length === 1 ? (values[0] ?? "") : values];
    }),
  );
}

function jsonBody(received: Received, operation: string): { readonly [name: string]: Given } {
  const bytes = received.headers["content-encoding"] === "gzip" ? gunzipSync(received.body) : received.body;
  const value = loads(Buffer.from(bytes).toString("utf8"));
  if (isObject(value)) return value;
  if (value === null) throw new PythonException("TypeError", "'NoneType' object is not iterable");
  const name = `pandaserver.api.v1.${operation.replace("/", "_api.")}()`;
  throw new PythonException("TypeError", `${name} argument after ** must be a mapping, not ${pythonTypeName(value)}`);
}

/** Texts and files of a form. */
async function multipart(received: Received): Promise<{ readonly [name: string]: Given }> {
  // A body that was not kept is still a file of its size, which every function refuses.
  if (received.bodyBytes > received.body.length) {
    return { file: new UploadedFile("", received.body, received.bodyBytes) };
  }
  const headers = { "content-type": received.headers["content-type"] ?? "" };
  let form: FormData;
  try {
    form = await new Response(Buffer.from(received.body), { headers }).formData();
  } catch {
    // As the real server: a body that is no form has no fields.
    return {};
  }
  const fields = await Promise.all(
    [...form].map(async ([name, value]): Promise<[string, Given]> => {
      if (typeof value === "string") return [name, value];
      return [name, new UploadedFile(value.name, new Uint8Array(await value.arrayBuffer()), received.bodyBytes)];
    }),
  );
  return Object.fromEntries(fields);
}

/**
 * The arguments of a call.
 * @param operation `<module>/<function>`, for the text of an exception.
 * @throws JsonDecodeError for a JSON body that is none, PythonException for one that is no object.
 */
export async function argumentsOf(received: Received, operation: string): Promise<{ readonly [name: string]: Given }> {
  const { method, headers } = received;
  const type = headers["content-type"];
  if (type === JSON_TYPE && (method === "POST" || method === "PUT")) return jsonBody(received, operation);
  if (method === "GET" || method === "HEAD") return pairs(received.query);
  if (type?.startsWith("application/x-www-form-urlencoded")) return pairs(Buffer.from(received.body).toString("utf8"));
  if (type?.startsWith("multipart/form-data")) return multipart(received);
  return {};
}

/** The text of an answer: JSON for those who asked for it exactly, else a Python literal. */
export function answerText(received: Received, answer: PythonValue): string {
  return wantsJson(received) ? dumps(answer) : literal(answer);
}
