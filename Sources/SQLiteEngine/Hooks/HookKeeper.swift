// Keeps hooks true while the gateway runs: compares them whenever the schema changed, restores what is gone,
// walks the tables that were unhooked meanwhile, and between times audits every table at leisure.

public import Domain
import GRDB

/// What the keeper found and did. Counts grow from the start of the process.
public struct HookReport: Hashable, Sendable {
    /// Why clients may not be seeing the truth at this moment; empty: all is well.
    public var reasons: [String] = []
    /// Hooks that were not as they should be, and were made anew.
    public var restored = 0
    /// Records journaled because their table had been unhooked.
    public var retold = 0
    /// Keys the audit looked at, and records it had to journal.
    public var audited = 0
    public var repaired = 0
    /// Whole audits of all tables.
    public var passes = 0

    public init() {}
}

/// What the keeper wants next.
public enum KeeperWish: Hashable, Sendable {
    /// More of the same, after a pause as long as writers had to wait.
    case walkOn(lockSeconds: Double)
    /// Nothing is pressing.
    case rest
}

/// Verifies, restores, walks, audits. Lives on its lane, and may block there.
public final class HookKeeper {
    private let file: DatabaseFile
    private let catalogue: EntityCatalogue
    private let generator: HookGenerator
    private var open: (identity: FileIdentity?, walker: TableWalker, installer: HookInstaller)?
    public private(set) var report = HookReport()
    private var problems: [String] = []
    /// The audit's place: which of the hooked entities, and where in it.
    private var audit = (entity: 0, place: WalkPlace())
    /// Since when a table is not there. A migration may be between two transactions.
    private var missingSince: [EntityNumber: ContinuousClock.Instant] = [:]

    private static let patienceWithMissingTables = Duration.seconds(30)

    /// - Parameter writesVersionBack: Embedded only: an application's rows are never written.
    public init(file: DatabaseFile, catalogue: EntityCatalogue, writesVersionBack: Bool) {
        self.file = file
        self.catalogue = catalogue
        generator = HookGenerator(writesVersionBack: writesVersionBack)
    }

    /// Compares, and restores in one IMMEDIATE transaction what is not as it should be.
    ///
    /// - Returns: The names of the hooks that were made anew.
    public func verify() throws -> [String] {
        let installer = try opened().installer
        let status = try installer.status()
        problems = status.problems
        var made: [String] = []
        if try !status.hooksAreInPlace || installer.hasUnmarked() {
            made = try installer.restore()
            report.restored += made.count
        }
        try say()
        return made
    }

    /// A chunk of what is pressing: tables that were unhooked, or never walked.
    public func work() throws -> KeeperWish {
        guard let (progress, chunk) = try opened().walker.step() else { return .rest }
        if progress.purpose != .adopt { report.retold += chunk.found }
        if chunk.isLast { try say() }
        return .walkOn(lockSeconds: chunk.lockSeconds)
    }

    /// A chunk of the audit. Returns whether it was the last of a whole pass.
    public func look() throws -> Bool {
        let (_, walker, installer) = try opened()
        guard audit.entity < catalogue.entities.count else {
            audit = (0, WalkPlace())
            report.passes += 1
            return true
        }
        let entity = catalogue.entities[audit.entity]
        guard let walk = try installer.auditWalk(of: entity, isGone: isGone) else {
            audit = (audit.entity + 1, WalkPlace())
            return false
        }
        let chunk = try walker.lookedChunk(walk, &audit.place, repairs: true)
        report.audited += chunk.examined
        report.repaired += chunk.found
        if chunk.isLast { audit = (audit.entity + 1, WalkPlace()) }
        return false
    }

    // MARK: Parts

    private func opened() throws -> (identity: FileIdentity?, walker: TableWalker, installer: HookInstaller) {
        let identity = file.identity
        if let open, open.identity == identity { return open }
        let installer = HookInstaller(
            queue: try file.open(.writer), catalogue: catalogue, generator: generator)
        let opened = (identity: identity, walker: TableWalker(installer: installer), installer: installer)
        open = opened
        audit = (0, WalkPlace())
        return opened
    }

    private func say() throws {
        let unfinished = try opened().installer.status().unfinished
        report.reasons = problems + unfinished.map { "the rows of \($0) are being journaled" }
    }

    /// Whether a table has been missing for so long that its records are gone.
    private func isGone(_ entity: EntityNumber, _ isThere: Bool) -> Bool {
        if isThere {
            missingSince[entity] = nil
            return false
        }
        let since = missingSince[entity] ?? ContinuousClock.now
        missingSince[entity] = since
        return ContinuousClock.now - since > Self.patienceWithMissingTables
    }
}
