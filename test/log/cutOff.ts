/** A copy from one place to another in a process that is killed after 100 records. */
import { copyLog } from "../../src/log/copy.ts";
import { openCopyTarget } from "../../src/log/copyTarget.ts";
import { openLogToRead } from "../../src/log/open.ts";

const [, , from = "", to = ""] = process.argv;
const source = await openLogToRead(from);
const { log } = await openCopyTarget(to, source.shards);
await copyLog(source, log, (records) => records > 100 && process.kill(process.pid, "SIGKILL"));
