/** What every messenger is held to (plugins.md 9). */
import { describe, expect, it } from "vitest";
import { answerSchema, type Messenger, methods, type ReportRequest } from "../../src/plugins/contract.ts";
import type { JobSpec } from "../../src/specs/jobSpec.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";
import { call } from "./fixtures.ts";

/** A new worker with its jobs. */
export interface MessengerSite {
  readonly plugin: Messenger;
  readonly worker: WorkSpec;
  readonly jobs: readonly JobSpec[];
}

/** Asks for everything. */
export function everything(now: number, over: Partial<ReportRequest> = {}): ReportRequest {
  return {
    attributes: true,
    files: true,
    events: true,
    eventsRequest: true,
    pandaIDs: true,
    jobsRequested: true,
    killRequested: true,
    heartbeatMinutes: null,
    now,
    ...over,
  };
}

export function messengerSuite(name: string, makeSite: () => Promise<MessengerSite>): void {
  describe(`messenger ${name}`, () => {
    it("serves a worker from set-up to clean-up", async () => {
      const { plugin, worker, jobs } = await makeSite();
      expect(answerSchema.parse(await plugin.setupAccessPoints([worker], call()))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await plugin.feedJobs(worker, jobs, call()))).toMatchObject({ ok: true });
      const report = await plugin.read(worker, everything(Date.now()), call());
      expect(methods.read.answer.safeParse(report)).toMatchObject({ success: true });
      expect(report.complaints ?? []).toEqual([]);
      const acknowledged = await plugin.acknowledgeEventsFiles(worker, call());
      expect(methods.acknowledgeEventsFiles.answer.safeParse(acknowledged)).toMatchObject({ success: true });
      expect(answerSchema.parse(await plugin.postProcessing(worker, jobs, call()))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await plugin.cleanUp(worker, call()))).toMatchObject({ ok: true });
    });

    it("may repeat every call", async () => {
      const { plugin, worker, jobs } = await makeSite();
      for (const _ of [1, 2]) {
        expect(answerSchema.parse(await plugin.setupAccessPoints([worker], call()))).toMatchObject({ ok: true });
      }
      for (const _ of [1, 2]) expect(answerSchema.parse(await plugin.feedJobs(worker, jobs, call())).ok).toBe(true);
      const first = await plugin.read(worker, everything(0), call());
      expect(await plugin.read(worker, everything(0), call())).toEqual(first);
      for (const _ of [1, 2]) {
        expect(answerSchema.parse(await plugin.postProcessing(worker, jobs, call()))).toMatchObject({ ok: true });
      }
      await plugin.cleanUp(worker, call());
      expect(answerSchema.parse(await plugin.cleanUp(worker, call())).ok).not.toBe(false);
    });

    it("answers a read of a worker whose directory is gone, without an exception", async () => {
      const { plugin, worker } = await makeSite();
      const report = await plugin.read(worker, everything(0), call());
      expect(methods.read.answer.safeParse(report)).toMatchObject({ success: true });
    });
  });
}
