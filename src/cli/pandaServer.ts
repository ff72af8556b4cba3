/**
 * `windrow panda-server`: the stand-in PanDA server as a process of its own, for demonstrations and rehearsals. It says
 * where it listens in one line on standard output and everything else on standard error.
 */
import { Command, InvalidArgumentError } from "commander";
import { startPandaServer } from "../simulation/pandaServer/server.ts";
import { attachedOption, whenParentEnds } from "./attached.ts";

function numberIn(from: number, to: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (text.trim() === "" || !(number >= from && number <= to)) {
      throw new InvalidArgumentError(`It must be a number from ${from} to ${to}.`);
    }
    return number;
  };
}

interface Options {
  readonly dir: string;
  readonly port: number;
  readonly sentTimeout: number;
  readonly json?: true;
  readonly attached?: true;
}

async function serve({ dir, port, sentTimeout, json, attached }: Options, command: Command): Promise<void> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const starting = startPandaServer({ dir, port, sentTimeoutMs: sentTimeout * 1000, log });
  // A directory or a port that is taken is for the operator to change: a line, not a stack.
  const server = await starting.catch((error: unknown) =>
    command.error(`error: the stand-in cannot start: ${error instanceof Error ? error.message : String(error)}`),
  );
  const api = `${server.url}/api/v1`;
  const line = json ? JSON.stringify({ standIn: true, url: server.url, api, dir, pid: process.pid }) : server.url;
  // Whoever reads the line may stop the server at once. A second signal finds no handler and ends the process.
  const stopped = new Promise<void>((stop) => {
    process.once("SIGTERM", () => stop());
    process.once("SIGINT", () => stop());
    if (attached) whenParentEnds(stop);
  });
  process.stdout.write(`${line}\n`);
  await stopped;
  await server.close();
}

/** The command, to be added to the program. */
export function pandaServerCommand(): Command {
  return new Command("panda-server")
    .description("run a stand-in PanDA server on loopback: not a real one, for demonstrations, rehearsals and tests")
    .requiredOption("--dir <folder>", "where it keeps its state, which survives a restart")
    .option("--port <number>", "port on 127.0.0.1; 0 is any free one", numberIn(0, 65535), 0)
    .option(
      "--sent-timeout <seconds>",
      "a job that was handed out and not heard of for so long is handed out again",
      numberIn(0.001, 1e9),
      1800,
    )
    .addOption(attachedOption())
    .option("--json", "say the address as a line of JSON")
    .action((options: Options, command: Command) => serve(options, command));
}
