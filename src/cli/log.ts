/** `windrow log copy FROM TO`: moves a log between a directory and Kafka, in either direction. */
import { Command } from "commander";
import { type Copied, copyLog } from "../log/copy.ts";
import { openCopyTarget } from "../log/copyTarget.ts";
import { openLogToRead } from "../log/open.ts";
import { acting, print, printJson } from "./output.ts";
import { progressLine } from "./progress.ts";

export function logCommand(): Command {
  return new Command("log").description("work on whole logs").addCommand(copyCommand());
}

function copyCommand(): Command {
  return new Command("copy")
    .description("copy a stopped log into an empty one, and verify that both are the same")
    .argument("<from>", "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX")
    .argument("<to>", "the same, where nothing is yet; it is made with as many shards")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      "\nStop every daemon of the log before: what it writes later is not in the copy.\n" +
        "Secrets of jobs are not in a log: copy the vault too (README, On Kafka).\n" +
        "A copy that was cut off does not open; the refusal says how to delete it, so that it can be made again.\n" +
        "WINDROW_KAFKA_CONFIG names a file of client properties for Kafka (security.protocol=..., as for kcat).\n" +
        "Exit code 0: copied and the same; 3: a log cannot be opened, or the target has records; 4: damaged.",
    )
    .action((from: string, to: string, { json }: { json?: true }) =>
      acting(async () => {
        const copied = await copyBetween(from, to);
        if (json) printJson({ from, to, ...copied });
        else print(copiedText(from, to, copied));
      }),
    );
}

async function copyBetween(from: string, to: string): Promise<Copied> {
  const source = await openLogToRead(from);
  try {
    const target = await openCopyTarget(to, source.shards);
    let copied: Copied;
    try {
      copied = await copyLog(source, target.log, progressLine());
    } catch (error) {
      await target.abandon();
      throw error;
    }
    await target.finish();
    return copied;
  } finally {
    await source.close();
  }
}

function copiedText(from: string, to: string, { shards, records, bytes, cursors, owned }: Copied): string {
  const size = (bytes / 2 ** 20).toFixed(1);
  const used = Object.keys(cursors).length;
  const lines = [
    `copied: ${from} to ${to}`,
    `  ${records} records (${size} MiB) in ${used} of ${shards} shards, read back: every chain ends at the same hash`,
  ];
  if (owned.length > 0)
    lines.push(
      `  shards ${owned.join(", ")} were not given up by their owner: make sure that it does not run any more`,
    );
  return lines.join("\n");
}
