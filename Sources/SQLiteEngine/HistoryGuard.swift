// Whether the database at hand is the history that was served, decided once at every opening. Position and
// inode prove nothing: a restore in place keeps the inode, and later writes lift the head past what was
// served. The proof is the nonce of the row at the last served seq; without a proof a new epoch begins, and
// every till is told. What `tidings restore` puts in place has a new one already (`Succession`).

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
                if try succeeds(head.epoch, db) {
                    try Succession.forget(db)
                } else if try !isProven(head, journal) {
                    head = Head(epoch: try Succession.rename(db), seq: head.seq, nonce: head.nonce)
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

    /// Whether this history was put in place of the one that was served last, and so was never served itself.
    private func succeeds(_ epoch: Epoch, _ db: Database) throws -> Bool {
        let served = Set([lastRead?.epoch, side.read()?.epoch].compactMap { $0 })
        guard served.count == 1, let predecessor = try Succession.predecessor(of: epoch, db) else {
            return false
        }
        return served.contains(predecessor)
    }

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
