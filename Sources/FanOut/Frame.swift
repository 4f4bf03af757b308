// One encoded event, made once and shared by every stream that sends it. The bytes are what goes on the wire:
// no length, no chunk head (streams are closed to end them, docs/decisions), so one array fits all sockets.

public import Domain

/// A committed place as a stream stands at it: the seq, and the nonce tag that proves it later.
public struct Mark: Hashable, Sendable {
    public let seq: Seq
    public let nonce: NonceTag

    public init(seq: Seq, nonce: NonceTag) {
        self.seq = seq
        self.nonce = nonce
    }

    public init(_ head: Head) {
        seq = head.seq
        nonce = head.nonce
    }
}

/// An encoded server-sent event. Immutable.
public final class Frame: Sendable {
    /// Empty for a gap.
    public let bytes: [UInt8]
    /// Where a stream stands once this is written; nil for events that do not move it (`reset`, `bye`).
    public let mark: Mark?
    /// Records inside, for counting.
    public let records: Int
    /// When the oldest change inside was written, by the writer's clock; nil for control events.
    public let writtenAt: Timestamp?

    public init(bytes: [UInt8], mark: Mark?, records: Int = 0, writtenAt: Timestamp? = nil) {
        self.bytes = bytes
        self.mark = mark
        self.records = records
        self.writtenAt = writtenAt
    }

    /// Stands in a tail for changes that are too many to hold: streams read them from the state index.
    public static func gap(to mark: Mark) -> Frame { Frame(bytes: [], mark: mark) }

    /// Whether this cannot be sent but must be read as pages.
    public var isGap: Bool { bytes.isEmpty }
}
