/**
 * The communicator as a plug-in section: [communicator] says which, [pandacon] and [master] give its options (config
 * 3.5). The result holds secrets: it goes to the plug-in alone.
 */
import type { PluginDefinition } from "../plugins/load.ts";
import type { InstanceConfig } from "./schema.ts";

/** Options that are not set are left out, so that the plug-in's own defaults hold. */
export function communicatorSection({ communicator, pandacon, master }: InstanceConfig): PluginDefinition {
  const options = {
    baseUrl: pandacon.server_api_url_ssl ?? pandacon.pandaURLSSL,
    cacheUrl: pandacon.cache_api_url_ssl,
    timeoutSeconds: pandacon.timeout,
    authType: pandacon.auth_type,
    certFile: pandacon.cert_file,
    keyFile: pandacon.key_file,
    caCert: pandacon.ca_cert,
    authToken: pandacon.auth_token,
    authOrigin: pandacon.auth_origin,
    harvesterID: master.harvester_id,
    getEventsChunkSize: pandacon.getEventsChunkSize,
  };
  const set = Object.entries(options).filter(([, value]) => value !== null);
  return { module: communicator.moduleName, name: communicator.className, ...Object.fromEntries(set) };
}
