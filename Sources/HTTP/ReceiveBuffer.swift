// Bytes that arrived and were not used yet. Using some moves a mark, nothing else: a body of a million
// one-byte chunks, or a thousand requests in one packet, must not move what lies behind them a million times.

/// A queue of bytes. A value.
struct ReceiveBuffer: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0

    var count: Int { bytes.count - start }
    var isEmpty: Bool { start == bytes.count }

    /// Adds behind. What was used before is let go.
    mutating func append(_ more: Span<UInt8>) {
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        unsafe more.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
    }

    /// Uses bytes up. Memory is given back when nothing is left: a connection that waits holds none.
    mutating func drop(_ count: Int) {
        start += count
        if start == bytes.count { self = ReceiveBuffer() }
    }

    /// The byte at an index from the first unused one.
    subscript(_ index: Int) -> UInt8 { bytes[start + index] }

    /// The first `count` unused bytes.
    func prefix(_ count: Int) -> ArraySlice<UInt8> { bytes[start..<(start + count)] }

    /// Where a byte stands first among the first `limit`.
    func firstIndex(of byte: UInt8, limit: Int) -> Int? {
        let searched = bytes[start..<min(bytes.count, start + limit)]
        return searched.firstIndex(of: byte).map { $0 - start }
    }
}
