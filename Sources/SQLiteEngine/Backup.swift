// Backups by SQLite's online backup API (sqlite.org/backup.html), while everybody goes on writing: the copy
// is of one snapshot, which is held open until the last page, so that no writer can make it begin again.
//
// A restore puts the copy over the database in one transaction, in place, whoever has it open; and it is
// another history from the first moment: the epoch is changed in the copy before it is put there.

import Domain
import GRDB
import Glibc

/// Copies databases. Blocks; lives wherever it is called.
public enum Backup {
    /// Pages between two reports: 16 MiB of the usual size.
    private static let stepPages: Int32 = 4_096

    /// Told how many pages are done, of how many.
    public typealias Progress = (_ done: Int, _ of: Int) -> Void

    /// Writes a copy of one snapshot of `source` to `path`, checked, whole or not at all.
    ///
    /// - Throws: `BackupFailed`, or the database's errors; nothing stands at `path` then that did not before.
    /// - Complexity: Reads and writes the whole file; the -wal file cannot be reset meanwhile.
    public static func write(_ source: DatabaseFile, to path: String, progress: @escaping Progress) throws {
        let partial = path + ".part"
        try remove(partial)
        defer { try? remove(partial) }
        let from = try source.open(.reader)
        try make(partial)
        try copy(from, to: open(partial), progress)
        let copied = try open(partial)
        try check(copied, partial)
        try copied.close()
        try sync(partial)
        guard unsafe rename(partial, path) == 0 else { throw BackupFailed("\(path): errno \(errno)") }
    }

    /// Puts the backup at `path` over the database, as another history. What stood there is gone.
    ///
    /// - Throws: `BackupFailed` when the backup is damaged or has no journal; the database's errors. The
    ///   database is as it was then.
    public static func restore(_ path: String, over target: DatabaseFile, progress: @escaping Progress) throws
    {
        let staged = target.path + ".restoring"
        try remove(staged)
        defer { try? remove(staged) }
        guard unsafe access(path, R_OK) == 0 else { throw BackupFailed("\(path) is not there") }
        try make(staged)
        try copy(open(path), to: open(staged), { _, _ in })
        let queue = try open(staged)
        try check(queue, path)
        try queue.inDatabase { db in
            guard try db.tableExists("tidings_meta"), try db.tableExists("tidings_journal") else {
                throw BackupFailed("\(path) has no tidings journal")
            }
            // Of a damaged file, which may be why it is restored, nothing is known.
            let served = try? target.open(.reader).inDatabase(Succession.served)
            try Succession.begin(db, after: served)
        }
        try copy(queue, to: target.open(.writer), progress)
    }

    /// Puts any other database's backup back in place.
    public static func restorePlain(_ path: String, over target: DatabaseFile) throws {
        let from = try open(path)
        try check(from, path)
        if target.identity == nil { try make(target.path) }
        try copy(from, to: target.open(.writer), { _, _ in })
    }

    private static func copy(_ from: DatabaseQueue, to: DatabaseQueue, _ progress: @escaping Progress) throws
    {
        try from.inDatabase { source in
            try ReadTransaction(source).snapshot {
                _ = try Int.fetchOne(source, sql: "SELECT count(*) FROM sqlite_master")
                try to.inDatabase { destination in
                    try source.backup(to: destination, pagesPerStep: stepPages) { step in
                        progress(step.completedPageCount, step.totalPageCount)
                    }
                }
            }
        }
    }

    /// An empty file, before SQLite makes it: nobody else on the machine is to read what a copy holds.
    private static func make(_ path: String) throws {
        let descriptor = unsafe Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw BackupFailed("\(path): unable to open it: errno \(errno)") }
        close(descriptor)
    }

    /// A copy that nobody else has open: closing it leaves one file.
    private static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = GRDB.Configuration()
        configuration.foreignKeysEnabled = false
        do {
            return try DatabaseQueue(path: path, configuration: configuration)
        } catch let error as DatabaseError {
            throw BackupFailed("\(path): \(error.message ?? "SQLite error \(error.resultCode.rawValue)")")
        }
    }

    private static func check(_ queue: DatabaseQueue, _ path: String) throws {
        let verdict = try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        guard verdict == "ok" else { throw BackupFailed("\(path) is damaged: \(verdict ?? "no answer")") }
    }

    private static func remove(_ path: String) throws {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            guard unsafe unlink(path + suffix) != 0, errno != ENOENT else { continue }
            throw BackupFailed("\(path + suffix) cannot be removed: errno \(errno)")
        }
    }

    private static func sync(_ path: String) throws {
        let descriptor = unsafe Glibc.open(path, O_RDWR | O_CLOEXEC)
        defer { close(descriptor) }
        guard descriptor >= 0, fsync(descriptor) == 0 else { throw BackupFailed("\(path): errno \(errno)") }
    }
}

/// A backup could not be made, or is of no use.
public struct BackupFailed: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
