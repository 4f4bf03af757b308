// Whether the database at hand is the history that was served, decided once at every opening. Position and
// inode prove nothing: a restore in place keeps the inode, and later writes lift the head past what was
// served. The proof is the nonce of the row at the last served seq; without a proof a new epoch begins, and
// every till is told.

import Domain
import GRDB
import Lanes

/// Judges openings and remembers what was served. Lives on the tailer's lane.
final class HistoryGuard {
    private let file: DatabaseFile
    private let side: SideFile
    private let crashes: CrashRule
    /// What this process read last: the side file may be a second behind.
    private var lastRead: Head?

    init(file: DatabaseFile, side: SideFile, crashes: CrashRule) {
        self.file = file
        self.side = side
        self.crashes = crashes
    }

    /// The head to start from, in the epoch in force; a new epoch is written when history cannot be proven.
    ///
    /// - Parameter farthest: What was told meanwhile: readers may be ahead of the tailer.
    func agree(farthest: Head) throws -> Head {
        if let lastRead, farthest.epoch == lastRead.epoch, farthest.seq > lastRead.seq { note(farthest) }
        let queue = try file.open(.writer)
        let head = try queue.inDatabase { db in
            var head = Head(epoch: Epoch(0), seq: .zero, nonce: .none)
            try db.inTransaction(.immediate) {
                let journal = try JournalStatements(db)
                head = try journal.head()
                if try !isProven(head, journal) {
                    var random = SystemRandomNumberGenerator()
                    let epoch = Epoch.random(using: &random)
                    try db.execute(
                        sql: "UPDATE tidings_meta SET value = ? WHERE key = 'epoch'",
                        arguments: [epoch.description])
                    head = Head(epoch: epoch, seq: head.seq, nonce: head.nonce)
                }
                return .commit
            }
            return head
        }
        try remember(head, clean: false)
        note(head)
        return head
    }

    /// Takes note of what is about to be served.
    func note(_ head: Head) { lastRead = head }

    private func isProven(_ head: Head, _ journal: JournalStatements) throws -> Bool {
        if let lastRead {
            guard lastRead.epoch == head.epoch, lastRead.seq <= head.seq else { return false }
            if lastRead.seq > .zero {
                guard let nonce = try journal.nonce(at: lastRead.seq), nonce == lastRead.nonce else {
                    return false
                }
            }
        }
        guard let served = side.read() else {
            // Nothing was ever served from here, if nothing was ever written.
            return head.seq == .zero
        }
        guard served.epoch == head.epoch, served.seq <= head.seq else { return false }
        if served.seq > .zero {
            guard let nonce = try journal.nonce(at: served.seq), nonce == served.nonce else { return false }
        }
        return crashes.keeps(served)
    }

    func remember(_ head: Head, clean: Bool) throws {
        try side.replace(with: ServedMark(head: head, boot: crashes.boot, clean: clean))
    }
}
