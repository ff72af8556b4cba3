import { DummyCommunicator } from "../../../src/plugins/dummy/communicator.ts";
import { communicatorSuite } from "../communicatorSuite.ts";

const options = { module: "windrow/dummy", name: "DummyCommunicator", queueName: "Q", siteName: "S" };
const request = {
  siteName: "S",
  nodeName: "h",
  prodSourceLabel: "managed",
  computingElement: "h",
  criteria: null,
};

communicatorSuite(
  "dummy",
  async () => ({
    communicator: new DummyCommunicator(options),
    stranger: () => new DummyCommunicator(options),
    makeJobs: async (n) => ({
      communicator: new DummyCommunicator({ ...options, nJobs: n }),
      request: { ...request, nJobs: n },
    }),
  }),
  {
    unknown: "it accepts the update of any job",
    kill: "nobody can kill a job there",
    maxWorker: "it keeps no workers",
    commands: "it has no commands",
    events: "it has no event ranges",
    ended: "it answers at once, before anybody could end the call",
    late: "it has no effect outside that could come too late",
  },
);
