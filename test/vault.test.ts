/**
 * Secrets of jobs, piece by piece: where they are kept, how they are taken out and put back, how they are found in what
 * plug-ins say.
 */
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Concealer, marker, missingSecrets, putBack, takenOut } from "../src/calls/secrets.ts";
import { Vault } from "../src/vault.ts";
import { job, tempDir } from "./plugins/fixtures.ts";

const one = (PandaID: number, secrets: Record<string, unknown>) => new Map([[PandaID, secrets]]);

describe("the vault", () => {
  test("gives in the next process what was put into it, in files that nobody else can read", async () => {
    const dir = join(await tempDir(), "vault");
    await new Vault(dir).put(one(7, { secrets: "first" }));
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(dir, "7.json")).mode & 0o777).toBe(0o600);
    expect(new Vault(dir).get(7)).toEqual({ secrets: "first" });
  });

  test("makes no directory where no job has a secret", async () => {
    const dir = join(await tempDir(), "vault");
    await new Vault(dir).put(new Map());
    expect(existsSync(dir)).toBe(false);
  });

  test("forgets a job that left, but not one that was handed out again meanwhile", async () => {
    const dir = await tempDir();
    const vault = new Vault(dir);
    await vault.put(one(7, { secrets: "first life" }));
    vault.settle(7);
    await vault.put(one(7, { secrets: "second life" }));
    await vault.remove(7);
    expect(vault.get(7)).toEqual({ secrets: "second life" });
    vault.settle(7);
    await vault.remove(7);
    expect(vault.get(7)).toBeUndefined();
    expect(readdirSync(dir)).toEqual([]);
  });

  test("removes at a start what no job of the World has, and what a crash left half written", async () => {
    const dir = await tempDir();
    await new Vault(dir).put(new Map([7, 8].map((id) => [id, { secrets: `of ${id}` }])));
    writeFileSync(join(dir, "9.json.new"), '{"secr');
    const vault = new Vault(dir);
    vault.keepOnly((PandaID) => PandaID === 8);
    expect(readdirSync(dir)).toEqual(["8.json"]);
    expect(vault.get(7)).toBeUndefined();
  });

  test("shared with other instances, gives what they put there, and takes nothing that may be theirs", async () => {
    const dir = await tempDir();
    const [a, b] = [new Vault(dir, true), new Vault(dir, true)];
    await a.put(new Map([7, 8, 9].map((id) => [id, { secrets: `of ${id}` }])));
    expect(b.get(7)).toEqual({ secrets: "of 7" });
    // Of a job that b has not heard of yet, and a file that a is writing: what is old of both is nobody's.
    for (const name of ["5.x.json.new", "6.x.json.new"]) writeFileSync(join(dir, name), "{");
    const longAgo = new Date(Date.now() - 25 * 3_600_000);
    for (const name of ["5.x.json.new", "9.json"]) utimesSync(join(dir, name), longAgo, longAgo);
    new Vault(dir, true).keepOnly((PandaID) => PandaID === 7);
    expect(readdirSync(dir).toSorted()).toEqual(["6.x.json.new", "7.json", "8.json"]);
    // A job that left: whoever leads it removes the file, though it never read it; another only forgets it.
    b.forget(7);
    expect(b.get(7)).toEqual({ secrets: "of 7" });
    await b.remove(8);
    expect(readdirSync(dir).toSorted()).toEqual(["6.x.json.new", "7.json"]);
  });

  test("says which file is damaged, and nothing of what is in it", async () => {
    const dir = await tempDir();
    writeFileSync(join(dir, "7.json"), '{"secrets": "hunter2hunter2');
    const vault = new Vault(dir);
    expect(vault.damaged).toEqual([`${join(dir, "7.json")}: it is no JSON dictionary`]);
    expect(vault.get(7)).toBeUndefined();
  });
});

describe("what a plug-in says", () => {
  const password = 'hunter2 "and" more';
  const key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASCBKcwggSjAgEAAoIBAQ\n-----END KEY-----";
  const concealer = async () => {
    const vault = new Vault(null);
    await vault.put(one(7, { secrets: JSON.stringify({ password, "___file___:key": key, short: "abc" }) }));
    return new Concealer(vault);
  };

  test.each([
    ["as it is", `a ${password} b`, "a (hidden) b"],
    ["in JSON", `a ${JSON.stringify({ password })} b`, 'a {"password":"(hidden)"} b'],
    ["in JSON in JSON", JSON.stringify(JSON.stringify([password])), '"[\\"(hidden)\\"]"'],
    ["in an address", `x?p=${encodeURIComponent(password)}&q`, "x?p=(hidden)&q"],
    ["cut", `a ${password.slice(0, 9)}`, "a (hidden)"],
    ["one line of it", "line MIIEvQIBADANBgkqhkiG9w0BAQ;", "line (hidden);"],
    ["twice", `${password}${password}`, "(hidden)(hidden)"],
    ["a text that only begins like it", "hunter2, the film", "hunter2, the film"],
    ["a secret too short to be told from a word", "abc", "abc"],
  ])("%s", async (_, text, told) => {
    const hiding = await concealer();
    expect(hiding.hide({ ok: true, list: [text, 5, null], [text]: 1 })).toEqual({
      ok: true,
      list: [told, 5, null],
      [told]: 1,
    });
  });

  test("is the same value where there is nothing to hide", async () => {
    const value = { ok: true, value: [{ a: "b" }] };
    expect((await concealer()).hide(value)).toBe(value);
  });

  test("is searched for the secrets of its configuration, but names of files are told", () => {
    const hiding = new Concealer(new Vault(null));
    hiding.learn({
      name: "P",
      password: "hunter2hunter2",
      auth_token: "file:/etc/token",
      login: { token: ["abcdefgh"] },
    });
    const told = "no P with (hidden) or (hidden) of file:/etc/token";
    expect(hiding.hide("no P with hunter2hunter2 or abcdefgh of file:/etc/token")).toBe(told);
  });
});

describe("a job whose secrets are gone", () => {
  const data = { ...job({ PandaID: 7 }), jobParams: { secrets: marker } };
  const args = { job: { data, in: [], out: [] } };
  const vault = new Vault(null);

  test.each(["triggerPreparation", "makeWorker", "feedJobs"])("is not given to %s", (method) => {
    expect(missingSecrets(method, args, vault)).toBe(
      "the secrets of job 7 are not in the vault (the memory of the process); it is not started " +
        "without them: bring the file back, from another instance's machine too, or have the job killed. Instances " +
        "on several machines need a vaultDir that they share",
    );
  });

  test.each(["killWorkers", "triggerStageOut", "postProcessing", "cleanUp"])("is given to %s", (method) => {
    expect(missingSecrets(method, args, vault)).toBeUndefined();
    expect(putBack(data, vault)).toBe(data);
  });

  test("is given to all once they are back, opened as the original opens them", async () => {
    const found = new Vault(null);
    await found.put(one(7, { secrets: '{"a": "b"}', pilotSecrets: '{"c": "d"}' }));
    expect(missingSecrets("feedJobs", args, found)).toBeUndefined();
    expect(putBack(data, found).jobParams).toEqual({ secrets: { a: "b" }, pilotSecrets: '{"c": "d"}' });
  });
});

describe("a getJobs answer", () => {
  test("loses its secrets, and nothing else; of a job that is there twice the first ones count", () => {
    const jobs = [
      { PandaID: 7, secrets: "s", pilotSecrets: "{}", jobPars: "-c" },
      { PandaID: "7", secrets: "other" },
      { PandaID: 8, secrets: "NULL" },
      { secrets: "of nobody" },
      "no job",
    ];
    const { answer, secrets } = takenOut({ ok: true, data: jobs });
    expect(answer).toEqual({
      ok: true,
      data: [
        { PandaID: 7, secrets: marker, pilotSecrets: "{}", jobPars: "-c" },
        { PandaID: "7", secrets: marker },
        { PandaID: 8, secrets: "NULL" },
        { secrets: marker },
        "no job",
      ],
    });
    expect([...secrets]).toEqual([[7, { secrets: "s" }]]);
    const refusal = { ok: false, message: "no" };
    expect(takenOut(refusal).answer).toBe(refusal);
  });
});
