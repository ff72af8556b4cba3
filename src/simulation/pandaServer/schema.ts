/**
 * The tables of the stand-in server. Every question that a harvester can ask is answered through an index, and the job
 * statistics through counters that triggers keep, so no call costs more because there are more jobs.
 * A change of these tables must raise SCHEMA_VERSION: an older directory is then refused instead of misread.
 */

export const SCHEMA_VERSION = 1;

/** Times named `...At` are epoch ms; other times are texts as the real server's database holds them. */
export const SCHEMA = `
CREATE TABLE job (
  PandaID INTEGER PRIMARY KEY AUTOINCREMENT,
  computingSite TEXT NOT NULL,
  prodSourceLabel TEXT NOT NULL,
  resourceType TEXT NOT NULL,
  taskID INTEGER NOT NULL,
  jobsetID INTEGER NOT NULL,
  owner TEXT NOT NULL,
  minRamCount INTEGER NOT NULL,
  maxDiskCount INTEGER NOT NULL,
  maxWalltime INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  attemptNr INTEGER NOT NULL,
  jobStatus TEXT NOT NULL,
  archived INTEGER NOT NULL DEFAULT 0,
  commandToPilot TEXT,
  specialHandling TEXT NOT NULL DEFAULT '',
  startTime TEXT,
  endTime TEXT,
  changedAt INTEGER NOT NULL,
  sentAt INTEGER,
  timesSent INTEGER NOT NULL DEFAULT 0,
  judgeAt INTEGER,
  reported TEXT,
  outputReport TEXT,
  metaData TEXT,
  columns TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX jobWaiting ON job (computingSite, prodSourceLabel, resourceType, priority DESC, PandaID)
  WHERE jobStatus = 'activated' AND archived = 0;
CREATE INDEX jobSent ON job (sentAt) WHERE jobStatus = 'sent' AND archived = 0;
CREATE INDEX jobToJudge ON job (judgeAt) WHERE judgeAt IS NOT NULL;

CREATE TABLE dictionary (PandaID INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
CREATE TABLE history (
  seq INTEGER PRIMARY KEY, PandaID INTEGER NOT NULL, at INTEGER NOT NULL, status TEXT NOT NULL, note TEXT NOT NULL
) STRICT;
CREATE INDEX historyOfJob ON history (PandaID, seq);

CREATE TABLE tally (
  computingSite TEXT, prodSourceLabel TEXT, resourceType TEXT, jobStatus TEXT, n INTEGER NOT NULL,
  PRIMARY KEY (computingSite, prodSourceLabel, resourceType, jobStatus)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER jobAdded AFTER INSERT ON job WHEN NEW.archived = 0 BEGIN
  INSERT INTO tally VALUES (NEW.computingSite, NEW.prodSourceLabel, NEW.resourceType, NEW.jobStatus, 1)
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER jobMoved AFTER UPDATE OF jobStatus, archived ON job
WHEN OLD.jobStatus <> NEW.jobStatus OR OLD.archived <> NEW.archived BEGIN
  UPDATE tally SET n = n - 1 WHERE OLD.archived = 0 AND computingSite = OLD.computingSite
    AND prodSourceLabel = OLD.prodSourceLabel AND resourceType = OLD.resourceType AND jobStatus = OLD.jobStatus;
  INSERT INTO tally VALUES (
    NEW.computingSite, NEW.prodSourceLabel, NEW.resourceType, NEW.jobStatus, iif(NEW.archived, 0, 1)
  ) ON CONFLICT DO UPDATE SET n = n + excluded.n;
END;

CREATE TABLE instance (harvesterID TEXT PRIMARY KEY, columns TEXT NOT NULL) STRICT;
CREATE TABLE commandLock (
  harvesterID TEXT, command TEXT, computingSite TEXT, resourceType TEXT,
  PRIMARY KEY (harvesterID, command, computingSite, resourceType)
) STRICT;
CREATE TABLE worker (
  harvesterID TEXT, workerID INTEGER, status TEXT NOT NULL, changedAt INTEGER NOT NULL, columns TEXT NOT NULL,
  PRIMARY KEY (harvesterID, workerID)
) STRICT, WITHOUT ROWID;
CREATE TABLE workerJob (
  harvesterID TEXT, workerID INTEGER, PandaID INTEGER, PRIMARY KEY (harvesterID, workerID, PandaID)
) STRICT, WITHOUT ROWID;
CREATE TABLE workerCount (
  harvesterID TEXT, computingSite TEXT, jobType TEXT, resourceType TEXT, status TEXT, n INTEGER NOT NULL,
  changedAt INTEGER NOT NULL, PRIMARY KEY (computingSite, harvesterID, jobType, resourceType, status)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue (name TEXT PRIMARY KEY, harvesterID TEXT NOT NULL, computingElements TEXT NOT NULL) STRICT;
CREATE TABLE command (
  commandID INTEGER PRIMARY KEY AUTOINCREMENT, harvesterID TEXT NOT NULL, command TEXT NOT NULL,
  params TEXT NOT NULL, ackRequested INTEGER NOT NULL, status TEXT NOT NULL, createdAt INTEGER NOT NULL,
  UNIQUE (harvesterID, command)
) STRICT;
CREATE INDEX commandNew ON command (harvesterID, commandID) WHERE status = 'new';

CREATE TABLE dialog (
  harvesterID TEXT, diagID INTEGER, moduleName TEXT, identifier TEXT, creationTime TEXT, messageLevel TEXT,
  diagMessage TEXT, PRIMARY KEY (harvesterID, diagID)
) STRICT;
CREATE TABLE metric (seq INTEGER PRIMARY KEY, harvesterID TEXT, creationTime TEXT, host TEXT, text TEXT) STRICT;

CREATE TABLE eventRange (
  PandaID INTEGER, processID INTEGER, fileID INTEGER NOT NULL, taskID INTEGER NOT NULL, jobsetID INTEGER NOT NULL,
  attemptNr INTEGER NOT NULL, lfn TEXT NOT NULL, guid TEXT NOT NULL, scope TEXT NOT NULL, status INTEGER NOT NULL,
  PRIMARY KEY (PandaID, processID)
) STRICT, WITHOUT ROWID;
CREATE INDEX eventRangeFree ON eventRange (PandaID, processID) WHERE status = 0;

CREATE TABLE secret (kind TEXT, name TEXT, text TEXT NOT NULL, expiresAt INTEGER NOT NULL) STRICT;
CREATE INDEX secretNamed ON secret (kind, name, expiresAt DESC);
`;
