// A socket that is never full and remembers nothing: what is left is the work of whoever sends.

public import Lanes

/// Takes everything, and tells of each call with one piece of bytes. Lives on its lane.
public final class SinkStream: ByteStream {
    private let onSend: () -> Void
    public var owner: (any ByteStreamOwner)?
    public let peerAddress = "127.0.0.1"
    public let unacknowledgedBytes = 0

    public init(onSend: @escaping () -> Void) { self.onSend = onSend }

    public func send(_ bytes: Span<UInt8>) -> Int? {
        onSend()
        return bytes.count
    }
    public func send(_ pieces: [BytePiece]) -> Int? { pieces.reduce(0) { $0 + $1.bytes.count - $1.offset } }
    public func send(file: Int32, from offset: inout Int64, count: Int) -> Int? { count }
    public func whenWritable() {}
    public func pauseReading() {}
    public func resumeReading() {}
    public func finishSending() {}
    public func becomeLongLived(_ options: LongLivedOptions) {}
    public func close() { owner = nil }
    public func abort() { owner = nil }
}
