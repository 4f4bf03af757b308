// A connected socket as the parts above see it: bytes out with back-pressure as a number, bytes in, closed.
// `SocketStream` (Events) is the real one, `MemoryStream` (TidingsTesting) the one that behaves on demand.

/// Two-way bytes with one owner. Lives on one lane.
public protocol ByteStream: AnyObject {
    /// Hands bytes to the kernel now, in one call, without queueing anything.
    ///
    /// - Returns: How many were taken; fewer than offered means the socket is full: keep the rest, ask for
    ///   `whenWritable`, and try again from there. Nil: the stream is broken and will report `closed`.
    func send(_ bytes: Span<UInt8>) -> Int?

    /// The same for several pieces of bytes in one call, in order: what has queued costs one system call.
    func send(_ pieces: [BytePiece]) -> Int?

    /// Calls the owner's `streamIsWritable` once, when the socket takes bytes again.
    func whenWritable()

    /// Sends part of a file, from `offset` on, without copying it through this process.
    ///
    /// - Parameter offset: Advanced by what was taken.
    /// - Returns: As `send`.
    func send(file: Int32, from offset: inout Int64, count: Int) -> Int?

    /// Stops taking bytes from the peer; the kernel's buffer, and then the peer, wait.
    func pauseReading()

    /// Takes bytes again.
    func resumeReading()

    /// Tells the peer that nothing more comes, and goes on reading: what it still sends is not answered with
    /// RST, which would destroy the answer it has not read yet.
    func finishSending()

    /// Settings for a socket that will be open for days: kernel buffers stay small.
    func becomeLongLived(_ options: LongLivedOptions)

    /// Ends the stream. What the kernel holds is still sent (FIN), nothing further is reported.
    func close()

    /// Ends the stream at once (RST): for a peer that is not believed to be there.
    func abort()

    /// Bytes that the peer's kernel has not acknowledged yet (SIOCOUTQ): still there a heartbeat later, the
    /// peer is probably gone.
    var unacknowledgedBytes: Int { get }

    /// Who is told. Set by whoever takes the stream over.
    var owner: (any ByteStreamOwner)? { get set }

    /// The address of the peer, for logs and limits.
    var peerAddress: String { get }
}

/// Bytes shared by reference, from an offset on.
public struct BytePiece {
    public let bytes: [UInt8]
    public let offset: Int

    public init(_ bytes: [UInt8], from offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }
}

/// What a stream tells its owner. All on the stream's lane.
public protocol ByteStreamOwner: AnyObject {
    /// Bytes arrived. They are only valid during the call.
    func streamReceived(_ bytes: Span<UInt8>)
    /// The peer closed its side, or the stream broke. Reported once; nothing follows.
    func streamClosed()
    /// The socket takes bytes again, after `whenWritable`.
    func streamIsWritable()
}

/// How a long-lived socket is set up.
public struct LongLivedOptions: Hashable, Sendable {
    /// 0: the system's own.
    public var sendBufferBytes: Int
    /// 0: the system's own.
    public var unsentLowWaterBytes: Int

    public init(sendBufferBytes: Int = 0, unsentLowWaterBytes: Int = 0) {
        self.sendBufferBytes = sendBufferBytes
        self.unsentLowWaterBytes = unsentLowWaterBytes
    }
}
