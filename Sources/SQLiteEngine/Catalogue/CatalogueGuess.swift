// A catalogue from a schema: what a person would write, as far as names, types and a sample of rows tell.
// What is doubtful is left out and said in a comment, since what is listed leaves the server.

public import Domain
import GRDB

/// Guesses a catalogue. Reads the file, writes nothing.
public struct CatalogueGuess {
    private let queue: DatabaseQueue
    private let path: String
    private let business: Key

    /// Tables of frameworks, which are nobody's records.
    private static let frameworkTables: Set<String> = [
        "migrations", "failed_jobs", "jobs", "job_batches", "cache", "cache_locks", "sessions",
        "password_resets", "password_reset_tokens", "personal_access_tokens", "sync_logs",
        "django_migrations", "django_session", "django_content_type", "django_admin_log",
        "schema_migrations", "ar_internal_metadata", "alembic_version", "knex_migrations",
        "knex_migrations_lock", "__efmigrationshistory", "flyway_schema_history",
    ]
    private static let numbersMax = 63

    /// - Parameter business: Of tables that have no column for it.
    /// - Throws: When the file is no database.
    public init(path: String, business: Key) throws {
        self.path = path
        self.business = business
        queue = try DatabaseFile(path: path).open(.reader)
    }

    /// The text of config/entities.yaml.
    public func yaml() throws -> String {
        try queue.read { db in
            var tables: [TableSchema] = []
            var left: [String] = []
            for name in try Self.tableNames(db) {
                guard let table = try TableSchema.read(name, db) else { continue }
                if Self.frameworkTables.contains(name.lowercased()) {
                    left.append("\(name): a framework's own")
                } else {
                    tables.append(table)
                }
            }
            let businessName = Self.businessName(tables, db)
            var guesses: [EntityGuess] = []
            for table in tables {
                switch try EntityGuess.make(
                    table, number: guesses.count + 1, businessName: businessName, business: business, db)
                {
                case .entity(let guess) where guesses.count < Self.numbersMax: guesses.append(guess)
                case .entity: left.append("\(table.name): there are no more than \(Self.numbersMax) numbers")
                case .left(let why): left.append("\(table.name): \(why)")
                }
            }
            return Self.text(path: path, businessName: businessName, guesses: guesses, left: left)
        }
    }

    private static func tableNames(_ db: Database) throws -> [String] {
        try String.fetchAll(
            db,
            sql: """
                SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'
                  AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE 'tidings\\_%' ESCAPE '\\'
                ORDER BY rowid
                """)
    }

    /// The name of the business column that most tables have, if half of them have one.
    private static func businessName(_ tables: [TableSchema], _ db: Database) -> String? {
        let counted = ColumnGuess.businessNames.map { name in
            (name, tables.count { ColumnGuess($0, db).business(named: name) != nil })
        }
        // The earlier of equals.
        guard let best = counted.max(by: { $0.1 < $1.1 }), best.1 * 2 >= tables.count, best.1 > 0 else {
            return nil
        }
        return counted.first { $0.1 == best.1 }?.0
    }

    private static func text(
        path: String, businessName: String?, guesses: [EntityGuess], left: [String]
    ) -> String {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        let whose =
            businessName.map { "Records belong to the business in their column \($0)." }
            ?? "No column tells businesses apart: all records belong to one."
        var lines = [
            "# The entity catalogue of \(file), guessed by `tidings catalogue guess`.",
            "#",
            "# \(whose)",
            "# Look it over before `tidings hooks install`:",
            "#   - what is listed under `fields` leaves the server; what looked like a secret is hidden;",
            "#   - numbers are for ever: journal and tokens carry them;",
            "#   - `time_zone`, where it is asked for: where did the clock hang that wrote the times?",
        ]
        if !left.isEmpty {
            lines += ["#", "# Not listed:"] + left.map { "#   \($0)" }
        }
        lines.append("")
        lines.append(guesses.isEmpty ? "entities: {}" : "entities:")
        for guess in guesses { lines += guess.lines }
        return lines.map { $0 + "\n" }.joined()
    }
}
