/**
 * The source of lists as a plug-in section: the lines of [cacher] and the certificate of [pandacon] (config 3.17). The
 * result may hold a login within an address: it goes to the plug-in alone.
 */
import type { PluginDefinition } from "../plugins/load.ts";
import type { InstanceConfig } from "./schema.ts";

export const listSourceSection = ({ cacher, pandacon }: InstanceConfig): PluginDefinition => ({
  module: "windrow/lists",
  name: "ListSource",
  data: cacher.data,
  ca_cert: pandacon.ca_cert,
  cert_file: pandacon.cert_file,
  key_file: pandacon.key_file,
});
