/** `windrow verify DIR`: is the log whole, and does replaying it give what the snapshot says? */
import { Command } from "commander";
import { isKafkaAddress } from "../log/kafka/settings.ts";
import { type Verification, verifyLog } from "../verify.ts";
import { acting, exitCodes, print, printJson } from "./output.ts";
import { progressLine } from "./progress.ts";

export function verifyCommand(): Command {
  return new Command("verify")
    .description("check a stopped log: hash chain, tail anchor, every event, and that replay equals the last snapshot")
    .argument("<log>", "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nOn Kafka the newest shared snapshot counts; each instance holds the log to its tail anchor as it starts.\n" +
        "Exit code 0: all is well; 1: replay differs or anomalies; 3: no log, or in use; 4: damaged.",
    )
    .action((dir: string, { json }: { json?: true }) =>
      acting(async () => {
        const verification = await verifyLog(dir, progressLine());
        if (!verification.ok) process.exitCode = exitCodes.failed;
        if (json) printJson(verification);
        else print(verificationText(verification));
      }),
    );
}

/** The verification in words and numbers. */
export function verificationText(v: Verification): string {
  const seconds = (v.tookMs / 1000).toFixed(1);
  const anchored = isKafkaAddress(v.dir) ? "" : ", tail anchor reached";
  const lines = [
    `${v.ok ? "verified" : "NOT VERIFIED"}: ${v.dir} in ${seconds} s`,
    `  ${v.records} records (${(v.bytes / 2 ** 20).toFixed(1)} MiB) in ${v.shards} shards: chain of hashes whole${anchored}` +
      (v.discarded > 0 ? `, ${v.discarded} discarded as duplicates or of fenced owners` : ""),
    `  ${v.events} events, ${v.steps} steps folded: ${v.jobs} jobs and ${v.workers} workers in the World at the end`,
    v.snapshot === null
      ? "  no snapshot of this version to compare with"
      : `  replay ${v.snapshot.equal ? "equals" : "DIFFERS FROM"} the newest snapshot (${v.snapshot.seqs} records, ${v.snapshot.entities} entities)`,
    ...v.passedOver.map(({ file, why }) => `  ${file} passed over: ${why}`),
    `  ${v.anomalies} anomalies`,
    ...v.firstAnomalies.map(
      ({ position, entity, state, type }) => `    ${position}: ${entity} in ${state} got ${type}`,
    ),
  ];
  return lines.join("\n");
}
