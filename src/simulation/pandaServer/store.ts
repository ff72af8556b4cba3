/**
 * The stand-in's memory: one SQLite file in its directory, written through before a call is answered, so that the state
 * survives kill -9 as a real server's database would. One process at a time may have it.
 * It knows nothing of PanDA; the topic files say what is in the tables.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { SCHEMA, SCHEMA_VERSION } from "./schema.ts";

export type Row = Readonly<Record<string, SQLOutputValue>>;

/** Statements kept prepared; the sources hold about sixty. */
const MOST_STATEMENTS = 200;

export class Store {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws Error when the directory is in use by another stand-in or was written by another version of this one. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    const path = join(directory, "panda-stand-in.db");
    this.#database = new DatabaseSync(path);
    try {
      this.#database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      const version = Number(this.row("PRAGMA user_version")?.["user_version"] ?? 0);
      if (version === 0) {
        this.atomically(() => this.#database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`));
      } else if (version !== SCHEMA_VERSION) {
        throw new Error(`${path} has format ${version}, this program writes ${SCHEMA_VERSION}: use another directory`);
      }
    } catch (error) {
      this.#database.close();
      if (error instanceof Error && error.message.includes("locked")) {
        throw new Error(`${path} is in use by another stand-in PanDA server`, { cause: error });
      }
      throw error;
    }
  }

  /** Changes something; answers the number of rows changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).changes);
  }

  /** Inserts a row; answers its number. */
  insert(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.#prepared(sql).run(...values).lastInsertRowid);
  }

  rows(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#prepared(sql).all(...values);
  }

  row(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#prepared(sql).get(...values);
  }

  /**
   * Runs `work` in one transaction. An error rolls all of it back, unless `keeps` says that what was stored before it
   * stays, as the real server commits step by step in some calls.
   */
  atomically<T>(work: () => T, keeps: (error: unknown) => boolean = () => false): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      this.#database.exec(keeps(error) ? "COMMIT" : "ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  #prepared(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= MOST_STATEMENTS) throw new Error(`more than ${MOST_STATEMENTS} statements: ${sql}`);
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
