/** admit() against chains with every kind of trouble mixed in: what counts, what is dropped, what halts. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Admission, admit, rememberedHashes, unclaimed } from "../../src/log/admit.ts";
import { decode, type StoredRecord } from "../../src/log/record.ts";
import { Chain } from "./fixtures.ts";

function run(records: readonly StoredRecord[], from: Admission = unclaimed(0)) {
  let state = from;
  const verdicts = records.map((record) => {
    const result = admit(state, decode(record));
    state = result.state;
    return result;
  });
  return { state, verdicts: verdicts.map(({ verdict }) => verdict), whys: verdicts.map(({ why }) => why) };
}

function started(records = 3): { chain: Chain; written: StoredRecord[] } {
  const chain = new Chain();
  return { chain, written: [chain.claim(), ...Array.from({ length: records }, () => chain.next())] };
}

describe("admit, case by case", () => {
  it("admits a chain, and a higher claim takes the shard", () => {
    const { chain, written } = started();
    written.push(chain.claim("b:1"), chain.next());
    const { state, verdicts } = run(written);
    expect(new Set(verdicts)).toEqual(new Set(["admitted"]));
    expect(state).toMatchObject({ term: 2, owner: "b:1", seq: 6, hash: chain.hash });
  });

  it("discards a fenced zombie, another owner in the same term, and lower or equal claims", () => {
    const { chain, written } = started();
    const zombie = chain.peek();
    chain.claim("b:1");
    const taken = run(written).state;
    const { state } = run([reclaim(written, "b:1")], taken);
    const others = [zombie, chain.peek({ owner: "c:1" }), chain.peek({ kind: "claim", term: 2, owner: "c:1" })];
    const late = run([...others, chain.peek({ kind: "claim", term: 1 })], state);
    expect(late.verdicts).toEqual(["discarded", "discarded", "discarded", "discarded"]);
    expect(late.whys[0]).toMatch(/fenced: term 1, the log is at 2/);
    expect(late.state).toBe(state);
  });

  it("discards a claim that records overtook, and halts at one that never knew this history", () => {
    const { chain, written } = started();
    const early = chain.peek({ kind: "claim", term: 2, owner: "b:1" });
    written.push(chain.next(), chain.next());
    const { state } = run(written);
    expect(run([early], state).whys[0]).toMatch(/overtaken/);
    expect(run([early], state).state).toBe(state);
    const foreign = chain.peek({ kind: "claim", term: 2, owner: "b:1", seq: 3, prev: "e".repeat(64) });
    expect(run([foreign], state).whys[0]).toMatch(/truncated or rewritten/);
    const ahead = chain.peek({ kind: "claim", term: 2, owner: "b:1", seq: 30 });
    expect(run([ahead], state).whys[0]).toMatch(/gap/);
  });

  it("halts, and stays halted, where history does not fit", () => {
    const { chain, written } = started();
    const { state } = run(written);
    const bad: [StoredRecord, RegExp][] = [
      [chain.peek({ seq: 9 }), /gap: seq 4 is followed by 9/],
      [chain.peek({ prev: "e".repeat(64) }), /truncated or rewritten/],
      [chain.peek({ seq: 3, cause: "other" }), /seq 3 is there twice/],
      [chain.peek({ term: 7 }), /which nobody claimed/],
      [chain.peek({ shard: 5 }), /a record of shard 5 in shard 0/],
      [{ ...chain.peek(), hash: "e".repeat(64) }, /wrong hash/],
    ];
    for (const [record, why] of bad) {
      const { verdicts, whys, state: halted } = run([record, chain.peek()], state);
      expect(verdicts).toEqual(["halted", "halted"]);
      expect(whys[0]).toMatch(why);
      expect(halted.halted).toBe(whys[0]);
    }
    expect(run([chain.next({ kind: "resign" }), chain.peek()], state).whys[1]).toMatch(/after its owner resigned/);
  });

  it("takes an old duplicate for one beyond what it remembers, and compares within", () => {
    const { written } = started(rememberedHashes + 1500);
    const { state } = run(written);
    const last = written.length - 1;
    for (const index of [last, last - rememberedHashes + 1]) {
      expect(run([written[index]!], state).whys).toEqual(["duplicate"]);
    }
    expect(run([written[last - rememberedHashes]!, written[5]!], state).whys[0]).toMatch(/older than the last 1024/);
  });
});

/** A claim of the next term at the end of what was written. */
function reclaim(written: readonly StoredRecord[], owner: string): StoredRecord {
  const chain = new Chain();
  const { state } = run(written);
  Object.assign(chain, { seq: state.seq, hash: state.hash, term: state.term });
  return chain.claim(owner);
}

/** What happens to a chain on its way through a log that loses answers, doubles and delays. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant("next" as const) },
  fc.constantFrom("claim" as const, "resignAndClaim" as const),
  { weight: 3, arbitrary: fc.record({ doubled: fc.nat(200) }) },
  fc.record({ zombie: fc.nat(200) }),
);

/** A good chain, and the same with duplicates and zombies of earlier terms mixed in. */
function histories(steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) {
  const chain = new Chain();
  const good = [chain.claim()];
  const noisy = [...good];
  const stale: StoredRecord[] = [];
  const write = (record: StoredRecord) => {
    good.push(record);
    noisy.push(record);
  };
  for (const [index, what] of steps.entries()) {
    if (what === "next") write(chain.next({ cause: `${index}` }));
    else if (typeof what === "string") {
      stale.push(chain.peek({ cause: `late ${index}` }));
      if (what === "resignAndClaim") write(chain.next({ kind: "resign" }));
      write(chain.claim(`b:${index}`));
    } else if ("doubled" in what) noisy.push(good[what.doubled % good.length]!);
    else if (stale.length > 0) noisy.push(stale[what.zombie % stale.length]!);
  }
  return { good, noisy };
}

describe("admit, for any history", () => {
  const runs = Number(process.env["FUZZ_RUNS"] ?? 500);

  it("admits exactly the chain, whatever duplicates and zombies come with it", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { good, noisy } = histories(steps);
        const clean = run(good);
        const mixed = run(noisy);
        expect(mixed.verdicts).not.toContain("halted");
        expect(noisy.filter((_, n) => mixed.verdicts[n] === "admitted").map(({ hash }) => hash)).toEqual(
          good.map(({ hash }) => hash),
        );
        expect(mixed.state).toMatchObject({ seq: clean.state.seq, hash: clean.state.hash, term: clean.state.term });
      }),
      { numRuns: runs },
    );
  });

  it("halts when any record but the last is missing, and when any two neighbours of a term change places", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 40 }), fc.nat(), (steps, place) => {
        const { good } = histories(steps);
        fc.pre(good.length >= 3);
        const at = place % (good.length - 1);
        const without = good.toSpliced(at, 1);
        expect(run(without).verdicts).toContain("halted");
        const swapped = good.with(at, good[at + 1]!).with(at + 1, good[at]!);
        expect(run(swapped).verdicts).toContain("halted");
      }),
      { numRuns: runs },
    );
  });

  it("halts at any changed byte", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (s, r, b, x) => {
          const { good } = histories(s);
          const at = r % good.length;
          const bytes = Uint8Array.from(good[at]!.bytes);
          bytes[b % bytes.length]! ^= x;
          const { verdicts } = run(good.with(at, { bytes, hash: good[at]!.hash }));
          expect(verdicts[at]).toBe("halted");
        },
      ),
      { numRuns: runs },
    );
  });

  it("changes no state that it was given, and answers the same again", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(), (steps, place) => {
        const { noisy } = histories(steps);
        const at = place % noisy.length;
        const early = run(noisy.slice(0, at)).state;
        const before = structuredClone({ ...early, recent: early.recent.items.slice(0, early.recent.length) });
        const first = run(noisy.slice(at), early);
        // Another future from the same state must not disturb the first.
        const fork = new Chain();
        Object.assign(fork, { seq: early.seq, hash: early.hash, term: early.term, owner: early.owner });
        run([fork.claim("fork:1"), fork.next()], early);
        const second = run(noisy.slice(at), early);
        expect(second.verdicts).toEqual(first.verdicts);
        expect(second.state.hash).toBe(first.state.hash);
        const after = { ...early, recent: early.recent.items.slice(0, early.recent.length) };
        expect(after).toEqual(before);
      }),
      { numRuns: runs },
    );
  });
});
