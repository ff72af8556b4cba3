/** `windrow run`: the daemon, in the foreground. */
import { Command } from "commander";
import { type Level, pino } from "pino";
import { type Daemon, startDaemon } from "../daemon.ts";
import { attachedOption, whenParentEnds } from "./attached.ts";
import { acting } from "./output.ts";

interface RunOptions {
  readonly config: string;
  readonly log?: string;
  readonly instance?: string;
  readonly logLevel: Level;
  readonly trustTail?: true;
  readonly attached?: true;
  readonly web?: string | true;
}

export function runCommand(): Command {
  return new Command("run")
    .description("serve the queues of a configuration: fetch jobs, stage, submit, watch, report")
    .requiredOption("--config <dir>", "directory of panda_harvester.cfg and panda_queueconfig.json")
    .option(
      "--log <log>",
      "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX (default: what [windrow] says, or `log`)",
    )
    .option("--instance <name>", "with a log on Kafka: the name of this instance beside others of this configuration")
    .option("--log-level <level>", "what is written to standard error: trace, debug, info, warn, error", "info")
    .option("--trust-tail", "accept a log whose tail anchor is missing or ahead, after a restore from a backup")
    .option("--web [host:port]", "serve events, status and histories on a TCP port too; there is no login")
    .addOption(attachedOption())
    .addHelpText(
      "after",
      "\nSIGTERM and SIGINT stop it when its calls have returned (twice: at once); SIGHUP reads the configuration again.",
    )
    .action(async (options: RunOptions) => {
      await acting(() => run(options));
      // A plug-in that was given up, or a log that failed, may hold the process for ever: the daemon's end is its end.
      process.exit();
    });
}

async function run({ config, log, instance, logLevel, trustTail, attached, web }: RunOptions): Promise<void> {
  const logger = pino({ level: logLevel }, pino.destination({ dest: 2, sync: true }));
  let daemon: Daemon | undefined;
  let stops = 0;
  // From the start: a signal that comes while the log is read stops the daemon when it can be stopped.
  const stop = () => {
    stops += 1;
    daemon?.stop();
  };
  process
    .on("SIGTERM", stop)
    .on("SIGINT", stop)
    .on("SIGHUP", () => void daemon?.reload());
  daemon = await startDaemon({
    configDir: config,
    logger,
    ...(log === undefined ? {} : { logDir: log }),
    ...(instance === undefined ? {} : { instance }),
    ...(trustTail ? { trustTail } : {}),
    ...(web === undefined ? {} : { web }),
  });
  if (attached) whenParentEnds(stop);
  if (stops > 0) daemon.stop();
  await daemon.run();
  logger.info("stopped");
}
