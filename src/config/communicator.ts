/**
 * The communicator as a plug-in section: [communicator] says which, [pandacon] and [master] give its options (config
 * 3.5). The result holds secrets: it goes to the plug-in alone.
 */
import type { PluginDefinition } from "../plugins/load.ts";
import type { InstanceConfig } from "./schema.ts";

/** Keys that are not set are null there, which counts as missing. */
export const communicatorSection = ({ communicator, pandacon, master }: InstanceConfig): PluginDefinition => ({
  ...pandacon,
  harvesterID: master.harvester_id,
  module: communicator.moduleName,
  name: communicator.className,
});
