// What `hooks status` says, and why an installation is refused.

/// Whether the hooks in a database are those of the catalogue.
public struct HookStatus: Hashable, Sendable {
    /// Hooks that are not there.
    public var missing: [String] = []
    /// Hooks whose SQL is another, or that are older than another trigger of their table.
    public var different: [String] = []
    /// Hooks of ours that the catalogue does not ask for.
    public var surplus: [String] = []
    /// Tables of the catalogue that do not exist, and are not optional.
    public var missingTables: [String] = []
    /// Columns of the catalogue that do not exist: `table.column`.
    public var missingColumns: [String] = []
    /// Tables that hooks cannot follow, with why.
    public var notCovered: [String] = []
    /// Tables whose rows are not all journaled yet: their walk is under way, or waits for a gateway.
    public var unfinished: [String] = []

    /// The journal's schema, when it is of an older Tidings: install, or a gateway, brings it up.
    public var olderSchema: Int?

    /// Nothing that `hooks install` would have to put right.
    public var hooksAreInPlace: Bool {
        missing.isEmpty && different.isEmpty && surplus.isEmpty && olderSchema == nil
    }
    public var isInStep: Bool { hooksAreInPlace && problems.isEmpty && unfinished.isEmpty }
    /// What a person has to put right, in the catalogue or in the database.
    public var problems: [String] {
        missingTables.map { "there is no table \($0)" } + missingColumns.map { "there is no column \($0)" }
            + notCovered.map { "not covered: \($0)" }
    }
}

/// The catalogue does not fit the database: nothing was installed.
public struct CatalogueMismatch: Error, CustomStringConvertible {
    public let problems: [String]
    public var description: String {
        "the catalogue does not fit the database: " + problems.joined(separator: "; ")
    }
}

/// The file is not in WAL mode: readers would block writers, and writers us.
public struct NotWAL: Error, CustomStringConvertible {
    public let path: String
    public let mode: String
    public var description: String {
        "\(path) is in journal mode \(mode); tidings needs WAL, which is a property of the file and stays: "
            + "`tidings hooks install --wal` converts it while nobody else has it open"
    }
}
