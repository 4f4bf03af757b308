// Full downloads, spooled: one snapshot is written to a file without a name and then sent from there, so that
// no read transaction waits for a socket and memory stays flat at any size. A shop's tills that start
// together share one file: whoever asks while it is being written, or shortly after, gets the same.

import CLinux
import Domain
import FanOut
import Glibc
import HTTP
import Journal
import Lanes
import Synchronization
import Telemetry

/// A file without a name; its space is freed when the last holder lets go. Immutable once written.
final class Spool: Sendable {
    let descriptor: Int32
    let length: Int
    let summary: FullSummary
    private let share: ByteShare<BusinessID?>

    init(descriptor: Int32, length: Int, summary: FullSummary, share: ByteShare<BusinessID?>) {
        self.descriptor = descriptor
        self.length = length
        self.summary = summary
        self.share = share
    }

    deinit { close(descriptor) }
}

/// How a spool is written.
struct SpoolForm: Hashable, Sendable {
    let format: FullFormat
    /// gzip.
    let isCompressed: Bool
}

/// The disk took no more, or no file could be made.
struct SpoolFailed: Error {
    let errno: Int32
}

/// Makes and shares spools. From any lane.
final class SpoolBook: Sendable {
    typealias Waiter = @Sendable (Result<Spool, any Error>) -> Void

    private enum Entry {
        case writing([Waiter])
        case written(Spool, at: Timestamp)
    }

    private struct Title: Hashable {
        let scope: Scope
        let form: SpoolForm
    }

    private let entries = Mutex<[Title: Entry]>([:])
    private let readers: ReaderPool
    private let directory: String
    /// What those that are written or sent take of the disk: the database's own writers need some.
    private let shares: ByteShares<BusinessID?>
    private let clock: WallClock
    private let epoch: @Sendable () -> Epoch?
    /// How long a finished spool is handed to newcomers. They continue from its token: older is not wrong.
    private let shareFor: Int64

    /// - Parameters:
    ///   - directory: On a disk with room for the largest business.
    ///   - epoch: The history in force: a spool of another is never handed out.
    ///   - shareFor: Shorter than deletions are kept, or its token could not be continued from.
    init(
        readers: ReaderPool, directory: String, shares: ByteShares<BusinessID?>, clock: WallClock,
        epoch: @Sendable @escaping () -> Epoch?,
        shareFor: Duration
    ) {
        self.readers = readers
        self.directory = directory
        self.shares = shares
        self.clock = clock
        self.epoch = epoch
        self.shareFor = Int64(shareFor.milliseconds) * 1_000
    }

    /// Of all that are written or sent.
    var usedBytes: Int { shares.usedBytes }

    /// Hands out a spool of that scope. `waiter` is called once, from a reader's lane or at once.
    func spool(_ scope: Scope, _ form: SpoolForm, _ waiter: @escaping Waiter) {
        let title = Title(scope: scope, form: form)
        let now = clock.now
        let shareFor = shareFor
        let epoch = epoch()
        enum Turn { case take(Spool), wait, write }
        let turn: Turn = entries.withLock { entries in
            switch entries[title] {
            case .written(let spool, let at)
            where now.microseconds - at.microseconds < shareFor && spool.summary.token.epoch == epoch:
                return .take(spool)
            case .writing(let waiters):
                entries[title] = .writing(waiters + [waiter])
                return .wait
            default:
                entries[title] = .writing([waiter])
                return .write
            }
        }
        switch turn {
        case .take(let spool): waiter(.success(spool))
        case .wait: break
        case .write: write(title, openedAt: now)
        }
    }

    private func write(_ title: Title, openedAt: Timestamp) {
        let (directory, share) = (directory, ByteShare(of: shares, for: title.scope.business))
        do {
            try readers.submit(.answer, .full, for: title.scope.business) { [self] reader in
                finish(
                    title,
                    Result { try Self.write(title, reader: reader, directory: directory, share) }, openedAt)
            }
        } catch {
            finish(title, .failure(error), openedAt)
        }
    }

    private func finish(_ title: Title, _ result: Result<Spool, any Error>, _ openedAt: Timestamp) {
        let waiters = entries.withLock { entries -> [Waiter] in
            guard case .writing(let waiters) = entries[title] else { return [] }
            if case .success(let spool) = result {
                entries[title] = .written(spool, at: openedAt)
            } else {
                entries[title] = nil
            }
            return waiters
        }
        for waiter in waiters { waiter(result) }
    }

    /// Lets go of finished spools that are no longer handed out. Every few seconds.
    func sweep() {
        let now = clock.now
        let shareFor = shareFor
        entries.withLock { entries in
            entries = entries.filter { _, entry in
                if case .written(_, let at) = entry {
                    now.microseconds - at.microseconds < shareFor
                } else {
                    true
                }
            }
        }
    }

    private static func write(
        _ title: Title, reader: any StateReader, directory: String, _ share: ByteShare<BusinessID?>
    ) throws -> Spool {
        let descriptor = unsafe clinux_unnamed_file(directory)
        guard descriptor >= 0 else { throw SpoolFailed(errno: errno) }
        var length = 0
        do {
            func write(_ bytes: [UInt8]) throws {
                if let bound = share.grow(by: bytes.count) {
                    Limit.met.add(bound == .all ? .downloadsSize : .downloadsSizePerBusiness)
                    throw TooManyReads()
                }
                try append(bytes, to: descriptor)
                length += bytes.count
            }
            let gzip = title.form.isCompressed ? Gzip() : nil
            let summary = try reader.full(scope: title.scope, format: title.form.format) { piece in
                if let gzip { try gzip.add(piece, write: write) } else { try write(piece) }
            }
            try gzip?.add([], isLast: true, write: write)
            return Spool(descriptor: descriptor, length: length, summary: summary, share: share)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func append(_ bytes: [UInt8], to descriptor: Int32) throws {
        var done = 0
        while done < bytes.count {
            let offset = done
            let written = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            guard written > 0 else { throw SpoolFailed(errno: errno) }
            done += written
        }
    }
}
