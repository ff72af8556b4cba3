#!/usr/bin/env node
/**
 * The command `windrow`. Nobody imports this file.
 */
import { Command } from "commander";
import { demoCommand } from "./cli/demo.ts";
import { eventsCommand } from "./cli/events.ts";
import { historyCommand } from "./cli/history.ts";
import { logCommand } from "./cli/log.ts";
import { exitCodes } from "./cli/output.ts";
import { pandaServerCommand } from "./cli/pandaServer.ts";
import { runCommand } from "./cli/run.ts";
import { statusCommand } from "./cli/status.ts";
import { verifyCommand } from "./cli/verify.ts";

const program = new Command("windrow")
  .description(
    "PanDA Harvester as an event-sourced system: every plug-in answer is an event, all state is a projection",
  )
  .version("0.1.0")
  .showHelpAfterError()
  .addCommand(demoCommand())
  .addCommand(runCommand())
  .addCommand(statusCommand())
  .addCommand(historyCommand())
  .addCommand(eventsCommand())
  .addCommand(verifyCommand())
  .addCommand(logCommand())
  .addCommand(pandaServerCommand());

// What commander says no to was called wrongly: that has a code of its own, apart from a command's "no".
for (const command of [program, ...program.commands]) {
  command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : exitCodes.usage));
}
await program.parseAsync();
