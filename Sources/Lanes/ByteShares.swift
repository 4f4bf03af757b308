// Memory and disk that many may hold together, and each of them a part: if one could hold all of it, it would
// be refused to everybody else.

import Synchronization

/// A number of bytes, shared out among holders. From any lane.
public final class ByteShares<Holder: Hashable & Sendable>: Sendable {
    /// What was met.
    public enum Bound: Sendable { case all, each }

    private struct Held {
        var all = 0
        var byHolder: [Holder: Int] = [:]
    }

    private let bytesMax: Int
    private let bytesMaxEach: Int
    private let held = Mutex(Held())

    public init(bytesMax: Int, bytesMaxEach: Int) {
        self.bytesMax = bytesMax
        self.bytesMaxEach = bytesMaxEach
    }

    /// Held now, by all.
    public var usedBytes: Int { held.withLock { $0.all } }

    /// - Parameter own: What the asking share has already.
    fileprivate func take(_ count: Int, beside own: Int, for holder: Holder) -> Bound? {
        held.withLock { held in
            let ofHolder = held.byHolder[holder] ?? 0
            if held.all + count > bytesMax { return .all }
            if ofHolder > own, ofHolder + count > bytesMaxEach { return .each }
            held.all += count
            held.byHolder[holder] = ofHolder + count
            return nil
        }
    }

    fileprivate func giveBack(_ count: Int, of holder: Holder) {
        held.withLock { held in
            held.all -= count
            let left = (held.byHolder[holder] ?? count) - count
            held.byHolder[holder] = left == 0 ? nil : left
        }
    }
}

/// What one thing takes of its holder's bytes; given back when it is let go of. From any lane.
public final class ByteShare<Holder: Hashable & Sendable>: Sendable {
    private let shares: ByteShares<Holder>
    private let holder: Holder
    private let bytes = Mutex(0)

    public init(of shares: ByteShares<Holder>, for holder: Holder) {
        self.shares = shares
        self.holder = holder
    }

    deinit { shares.giveBack(bytes.withLock { $0 }, of: holder) }

    /// Takes more. A holder's only share may be larger than its part: it could never be had otherwise.
    ///
    /// - Returns: The bound that this would be beyond; nothing was taken then. Nil: it was taken.
    public func grow(by count: Int) -> ByteShares<Holder>.Bound? {
        bytes.withLock { bytes in
            let bound = shares.take(count, beside: bytes, for: holder)
            if bound == nil { bytes += count }
            return bound
        }
    }
}
