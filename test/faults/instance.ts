/**
 * A daemon as a process that is stopped, frozen and killed. One that ends by itself is started again, as a service
 * manager does, and that is counted. It must never signal a process that it has not started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** A daemon, in as many processes one after the other as it takes. */
export class Instance {
  readonly name: string;
  /** Times that it ended by itself. */
  fell = 0;
  said = "";
  readonly #args: readonly string[];
  #process: ChildProcess;
  #ending = false;

  constructor(name: string, config: string, address: string) {
    this.name = name;
    this.#args = [main, "run", "--config", config, "--log", address, "--instance", name];
    this.#process = this.#start();
  }

  #start(): ChildProcess {
    const child = spawn(process.execPath, this.#args, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr?.setEncoding("utf8").on("data", (part: string) => {
      this.said += part;
    });
    child.once("exit", () => {
      if (this.#ending) return;
      this.fell += 1;
      setTimeout(() => {
        if (!this.#ending) this.#process = this.#start();
      }, 2000);
    });
    return child;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Stops the process and lets it go on after so long. */
  async freeze(ms: number): Promise<void> {
    const frozen = this.#process;
    frozen.kill("SIGSTOP");
    await pause(ms);
    frozen.kill("SIGCONT");
  }

  /** Ends it for good. Gives its exit code. */
  async end(signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
    this.#ending = true;
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return exitCode;
    const exited = once(this.#process, "exit");
    this.#process.kill(signal);
    await exited;
    return this.#process.exitCode;
  }

  /** How often it came to lead a shard. */
  led(): number {
    return this.said.match(/"shard":\d+,"msg":"led"/g)?.length ?? 0;
  }
}
