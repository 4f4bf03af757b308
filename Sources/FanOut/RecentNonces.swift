// The nonce tags of the newest journal rows the tailer read, so that a returning stream's position is proven
// without a query: 10,000 tills that come back at once must not become 10,000 database reads.

public import Domain

/// A ring of (seq, nonce tag), 64 Ki rows, 640 KiB. A value; every shard keeps its own.
public struct RecentNonces: Sendable {
    private var seqs: [Int64]
    private var tags: [UInt16]
    private let mask: Int64

    /// - Parameter capacity: Rows; rounded up to a power of two.
    public init(capacity: Int = 1 << 16) {
        var size = 1
        while size < capacity { size *= 2 }
        seqs = Array(repeating: -1, count: size)
        tags = Array(repeating: 0, count: size)
        mask = Int64(size - 1)
    }

    /// Forgets everything: another history.
    public mutating func removeAll() {
        for index in seqs.indices { seqs[index] = -1 }
    }

    public mutating func insert(_ seq: Seq, _ nonce: NonceTag) {
        let index = Int(seq.rawValue & mask)
        seqs[index] = seq.rawValue
        tags[index] = nonce.rawValue
    }

    public subscript(seq: Seq) -> NonceTag? {
        let index = Int(seq.rawValue & mask)
        return seqs[index] == seq.rawValue ? NonceTag(tags[index]) : nil
    }
}
