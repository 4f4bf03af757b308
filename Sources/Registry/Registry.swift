// The gateway's own file. What every request needs of it is in the CredentialBook; this writes, and notices
// when somebody else wrote: another process may revoke a token or delete its row at any time.
//
//     our write ─────────────► the rows it touched ─┐
//     anybody else's write ─► data_version ─► all ──┼─► CredentialBook   (judges what comes)
//     time ─────────────────────────────────────────┴─► onDeath          (ends what is open)
//
// Rows first, then the book, then the deaths: a token that is reported dead is refused already.

import CSQLite
import Crypto
public import Domain
import Foundation
import GRDB
import Glibc
public import Lanes
public import Telemetry

/// Users, devices, tokens, enrolment codes, tickets. Lives on its worker lane, or in a command's only thread.
public final class Registry {
    let queue: DatabaseQueue
    let clock: WallClock
    public let book: CredentialBook
    /// Stands still in commands: only a gateway serves.
    public let service: ServiceClock
    /// Told which tokens died, whoever or whatever ended them, each once. On this lane.
    public var onDeath: (Set<TokenID>) -> Void = { _ in }
    /// What is in front of the secrets made from now on.
    let tokenPrefix: String
    /// What reconnect cookies are made with.
    let cookieKey: SymmetricKey
    var notes = Notes()
    /// Dead tickets whose holder was told.
    var told = RecentHashes(capacity: 4_096)
    let sanctum: SanctumTokens?
    private var living = LivingTokens()
    private var dataVersion: Int64?
    private var sweptAt: Timestamp?

    /// Opens the file, makes and migrates it. Blocks.
    ///
    /// - Parameters:
    ///   - checkpoints: One process at a time may: the gateway. SQLite before 3.51.3 can lose commits when
    ///     two connections do (sqlite.org/wal.html § "The WAL-Reset Bug"); commands pass false.
    ///   - tokenPrefix: For secret scanners; part of the secret.
    ///   - sanctum: Where the application's own tokens are, if they count too.
    ///   - elapsed: What service time runs by; nil: the system's clock in a gateway, none in commands.
    /// - Throws: `NewerRegistry`, or the database's errors.
    public init(
        path: String, clock: WallClock, book: CredentialBook = CredentialBook(), checkpoints: Bool = true,
        tokenPrefix: String = "", sanctum: SanctumLayout? = nil,
        elapsed: (@Sendable () -> Duration)? = nil
    ) throws {
        self.clock = clock
        self.book = book
        self.tokenPrefix = tokenPrefix
        self.sanctum = sanctum.map { SanctumTokens($0, book: book) }
        queue = try Self.open(path, checkpoints: checkpoints)
        try RegistrySchema.migrate(queue, path: path)
        cookieKey = try Self.cookieKey(queue)
        let running = checkpoints ? ServiceClock.sinceNow() : ServiceClock.still
        service = try Self.serviceClock(queue, wallNow: clock.now, elapsed: elapsed ?? running)
        try check()
    }

    /// What 1,000 pages take in the -wal file.
    private static let walBytesKept = 4 << 20

    private static func open(_ path: String, checkpoints: Bool) throws -> DatabaseQueue {
        // Made before SQLite makes it, so that nobody else on the machine can read what cookies are made
        // with.
        let made = unsafe Glibc.open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        if made >= 0 { close(made) }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "PRAGMA synchronous = FULL")
            try db.execute(sql: "PRAGMA cache_size = -256")  // KiB: its questions are by key, and rare
            try db.execute(sql: "PRAGMA secure_delete = ON")  // what is erased leaves no bytes in free pages
            // The -wal file begins anew at 1,000 pages, SQLite's default; one that grew longer beside a long
            // read is cut to that afterwards.
            try db.execute(sql: "PRAGMA journal_size_limit = \(walBytesKept)")
            guard !checkpoints else { return }
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            guard let connection = unsafe db.sqliteConnection else { return }
            unsafe csqlite_no_checkpoint_on_close(UnsafeMutableRawPointer(connection))
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    private static func cookieKey(_ queue: DatabaseQueue) throws -> SymmetricKey {
        let select = "SELECT value FROM tidings_keys WHERE name = 'cookie'"
        if let key = try queue.read({ try Data.fetchOne($0, sql: select) }) { return SymmetricKey(data: key) }
        // Somebody removed it: a new one, which ends every reconnect cookie.
        return try queue.write { db in
            let key = SymmetricKey(size: .bits256)
            try db.execute(
                sql: "INSERT OR REPLACE INTO tidings_keys(name, value) VALUES ('cookie', ?)",
                arguments: [unsafe key.withUnsafeBytes { unsafe Data($0) }])
            return key
        }
    }

    var now: Timestamp { clock.now }

    /// What was written down under a name; `text` is, if nothing was.
    public func remembered(_ name: String, or text: String) throws -> String {
        try queue.write { db in
            try db.execute(
                sql: "INSERT INTO tidings_keys(name, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [name, Data(text.utf8)])
            let value = try Data.fetchOne(
                db, sql: "SELECT value FROM tidings_keys WHERE name = ?", arguments: [name])
            return value.map { String(decoding: $0, as: UTF8.self) } ?? text
        }
    }

    // MARK: The book

    /// Notices what changed since the last look, by other processes or by time. A few times a second, and
    /// when somebody presents a token that the book does not know.
    ///
    /// - Throws: The database's errors. Nothing is forgotten: look again.
    /// - Complexity: One pragma; all tokens, if another connection has written.
    public func check() throws {
        try checkOwn()
        guard let sanctum else { return }
        // Whom time has ended, the application's file need not be asked about.
        report(sanctum.expire(now: now))
        report(try sanctum.check(now: now))
    }

    /// The same, and takes a token that somebody presented and the book does not know into it, if there is
    /// one by now.
    public func check(meeting bearer: String) throws {
        try checkOwn()
        guard let sanctum, book.isStranger(bearer, now: now) else { return }
        report(try sanctum.meet(bearer, now: now))
    }

    private func checkOwn() throws {
        report(living.expire(now: now))
        // Asked before reading: what is committed in between is noticed by the next look.
        let version = try queue.read { try Int64.fetchOne($0, sql: "PRAGMA data_version") }
        guard version != dataVersion else { return }
        let pages = CredentialPages(try queue.read(TokenEntry.all))
        dataVersion = version
        book.replace(with: pages)
        report(living.replace(with: pages, now: now))
    }

    private func report(_ died: Set<TokenID>) {
        Self.goodTokens.set(living.count)
        guard !died.isEmpty else { return }
        Self.deaths.add(died.count)
        onDeath(died)
    }

    /// Writes in one transaction, and takes the tokens it names into the book: `data_version` does not tell
    /// about our own writes.
    func write<Value>(_ body: (Database) throws -> (value: Value, tokens: [TokenID])) throws -> Value {
        let (value, entries) = try queue.write { db in
            let (value, tokens) = try body(db)
            return (value, try tokens.map { ($0, try TokenEntry.one($0, in: db)) })
        }
        for (id, entry) in entries { book.set(id, to: entry) }
        report(Set(entries.filter { living.set($0, to: $1, now: now) }.map(\.0)))
        return value
    }

    // MARK: Keeping

    /// Writes down what waits: uses, acknowledgements. Once an hour, lets go of what nobody can use any more.
    ///
    /// A few times a second, and before the end. What fails to be written waits for the next time.
    public func keep() throws {
        try keepAcknowledgements()
        try keepUses()
        guard sweptAt.map({ now >= $0.adding(seconds: 3_600) }) ?? true else { return }
        try sweep()
        sweptAt = now
    }

    private func sweep() throws {
        let aMonthAgo = now.adding(seconds: -30 * 86_400).microseconds
        try write { db in
            try db.execute(
                sql: "DELETE FROM tidings_application_uses WHERE last_used_at < ?", arguments: [aMonthAgo])
            let gone = try Int64.fetchAll(
                db, sql: "DELETE FROM tidings_tokens WHERE revoked_at < ?1 OR expires_at < ?1 RETURNING id",
                arguments: [aMonthAgo])
            try db.execute(
                sql: "DELETE FROM tidings_enrolment_codes WHERE expires_at < ?", arguments: [aMonthAgo])
            try db.execute(
                sql:
                    "DELETE FROM tidings_tickets WHERE CASE WHEN used_at IS NULL THEN expires_at "
                    + "ELSE bound_until END < ?",
                arguments: [now.microseconds])
            return ((), gone.map(TokenID.init))
        }
    }

    // MARK: Counted

    private static let goodTokens = Gauge("tidings_tokens", help: "Tokens that are good now.")
    private static let deaths = Counter(
        "tidings_tokens_died_total", help: "Tokens that were revoked, removed, changed or expired.")

    /// What the registry shows at `/metrics`.
    public static let metrics: [any Metric] = [
        goodTokens, deaths, CredentialBook.checks, registrations, tickets, acknowledgements,
    ]
}
